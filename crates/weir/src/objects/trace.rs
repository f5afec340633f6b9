//! `weir trace`: from an object back to the manifest it comes from.

use super::cluster::get;
use super::kind::{KUSTOMIZATION, condition};
use super::live;
use super::origins::{LocalSources, origins};
use super::{Cluster, Say};
use crate::error::CliError;
use weir_api::names::{HELM_GROUP, KUSTOMIZE_GROUP};
use weir_doc::Node;
use weir_kube::{Resource, Session};
use weir_object::{ObjectId, ObjectRef, meta};

/// How far owner references are followed.
const OWNERS: usize = 16;

/// Follow objects back to the Kustomization that applied them, its source, and the manifest.
#[derive(clap::Parser)]
pub struct Trace {
    /// KIND NAME..., or KIND/NAME...; with --kind and --api-version the names alone.
    #[arg(required = true, value_name = "OBJECT")]
    words: Vec<String>,
    /// Kind of the object, such as Deployment.
    #[arg(long, value_name = "KIND", requires = "api_version")]
    kind: Option<String>,
    /// API version of the object, such as apps/v1.
    #[arg(long, value_name = "VERSION", requires = "kind")]
    api_version: Option<String>,
    #[command(flatten)]
    sources: LocalSources,
    #[command(flatten)]
    cluster: Cluster,
}

/// Traces all objects; one that cannot be traced is told, and fails the command at its end.
pub(super) async fn run(trace: Trace, say: &Say<'_>) -> Result<(), CliError> {
    let session = trace.cluster.connect().await?;
    trace.cluster.within(all(&trace, &session, say)).await
}

async fn all(trace: &Trace, session: &Session, say: &Say<'_>) -> Result<(), CliError> {
    let objects = named(trace, session).await?;
    let (mut failed, last) = (Vec::new(), objects.len() - 1);
    for (at, object) in objects.iter().enumerate() {
        match report(trace, session, object, say).await {
            Ok(report) => say.data(&report),
            Err(error) => failed.push(format!("failed to trace {}: {error}", object.id)),
        }
        if at < last {
            say.data("---");
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(CliError::new(failed.join("\n"))) }
}

async fn named(trace: &Trace, session: &Session) -> Result<Vec<ObjectRef>, CliError> {
    let mut objects = Vec::new();
    if let (Some(kind), Some(api_version)) = (&trace.kind, &trace.api_version) {
        let named = trace.words.iter().map(|name| ObjectRef::new(api_version, kind, &trace.cluster.namespace, name));
        objects.extend(named);
    } else {
        let pairs: Option<Vec<(&str, &str)>> = match &trace.words[..] {
            words if words.iter().all(|word| word.contains('/')) => {
                words.iter().map(|word| word.split_once('/')).collect()
            }
            [kind, names @ ..] if !names.is_empty() && !names.iter().any(|name| name.contains('/')) => {
                Some(names.iter().map(|name| (kind.as_str(), name.as_str())).collect())
            }
            _ => None,
        };
        let usage = "either `<resource>/<name>` or `<resource> <name>` is required as an argument";
        for (kind, name) in pairs.ok_or_else(|| CliError::new(usage))? {
            let Resource { group, version, kind, .. } = session.resource_named(kind).await?.ok_or_else(|| {
                CliError::new(format!("the server doesn't have a resource type \"{kind}\" (see kubectl api-resources)"))
            })?;
            let namespace = trace.cluster.namespace.clone();
            objects.push(ObjectRef { id: ObjectId { group, kind, namespace, name: name.to_owned() }, version });
        }
    }
    Ok(weir_apply::scoped(session, objects).await)
}

async fn report(trace: &Trace, session: &Session, object: &ObjectRef, say: &Say<'_>) -> Result<String, CliError> {
    let node = get(session, object).await?;
    let owned = owner(session, object, &node).await?;
    let (applied, namespace, name) = owned;
    let object_ref = KUSTOMIZATION.object(&namespace, &name);
    let found = session.get(&object_ref).await?;
    let kustomization =
        found.ok_or_else(|| CliError::new(format!("failed to find kustomization: {}", object_ref.id)))?;
    let read = live::read(&kustomization)?;
    let mut page = Page::default();
    page.line("Object", &format!("{}/{}", object.id.kind, object.id.name));
    page.some("Namespace", Some(&object.id.namespace));
    page.line("Status", "Managed by Flux");
    page.block();
    page.line("Kustomization", &name);
    page.line("Namespace", &namespace);
    page.some("Target", kustomization.str_at(&["spec", "targetNamespace"]));
    page.line("Path", kustomization.str_at(&["spec", "path"]).unwrap_or_default());
    let revision = kustomization.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default();
    page.line("Revision", revision);
    page.ready(&kustomization, false);
    if let Some(reference) = live::source_ref(&read) {
        let source = session.get(&reference).await?;
        let title = &reference.id.kind;
        let source = source.ok_or_else(|| CliError::new(format!("failed to find {title}: {}", reference.id)))?;
        page.block();
        page.source(&reference.id, &source);
    }
    match origins(session, &read, &trace.sources).await {
        Ok(origins) => {
            page.block();
            match origins.of(&applied.id) {
                Some(at) => page.line("Manifest", &at.to_string()),
                None => page.line("Manifest", &format!("{} is no longer in the source", applied.id)),
            }
            if let Some(other) = origins.revision.filter(|other| other != revision) {
                page.line("As of", &format!("{other}, which is not applied yet"));
            }
        }
        Err(error) => say.warning(&format!("the manifest is not known: {error}")),
    }
    Ok(page.0)
}

/// The object that was applied, the one itself or an owner of it, and namespace and name of who applied it.
async fn owner(session: &Session, object: &ObjectRef, node: &Node) -> Result<(ObjectRef, String, String), CliError> {
    let mut level = vec![(object.clone(), node.clone())];
    for _ in 0..OWNERS {
        for (object, node) in &level {
            let label = |group: &str, key: &str| meta::label(node, &format!("{group}/{key}")).map(str::to_owned);
            if let Some(name) = label(KUSTOMIZE_GROUP, "name") {
                let namespace = label(KUSTOMIZE_GROUP, "namespace").unwrap_or_default();
                return Ok((object.clone(), namespace, name));
            }
            if let Some(name) = label(HELM_GROUP, "name") {
                let namespace = label(HELM_GROUP, "namespace").unwrap_or_default();
                return Err(CliError::new(format!(
                    "it is of the HelmRelease {namespace}/{name}, which weir does not follow yet (weir trace helmrelease \
                     {name} -n {namespace} goes on from there)"
                )));
            }
        }
        let mut above = Vec::new();
        for (object, node) in &level {
            let references = node.path(&["metadata", "ownerReferences"]).and_then(Node::as_seq);
            for reference in references.into_iter().flatten() {
                let Some(owner) = referred(reference, &object.id.namespace) else { continue };
                // Cluster-wide owners have no namespace.
                let owner = weir_apply::scoped(session, [owner]).await;
                for owner in owner {
                    if let Some(node) = session.get(&owner).await? {
                        above.push((owner, node));
                    }
                }
            }
        }
        level = above;
    }
    Err(CliError::new("object not managed by Flux"))
}

fn referred(reference: &Node, namespace: &str) -> Option<ObjectRef> {
    let text = |key: &str| reference.str_at(&[key]);
    Some(ObjectRef::new(text("apiVersion")?, text("kind")?, namespace, text("name")?))
}

/// Blocks of `Title: value`, as flux has them.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, title: &str, value: &str) {
        let value = value.trim_end().replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{fffd}");
        self.0 += &format!("\n{:<16} {value}", format!("{title}:"));
    }

    fn some(&mut self, title: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.line(title, value);
        }
    }

    fn block(&mut self) {
        self.0 += "\n---";
    }

    /// `can_fail`: whether the page tells a pass that failed from one that did not.
    fn ready(&mut self, node: &Node, can_fail: bool) {
        let Some(ready) = condition(node, "Ready") else { return self.line("Status", "Unknown") };
        let text = |key: &str| ready.str_at(&[key]).unwrap_or_default();
        let word = if can_fail && text("status") == "False" { "reconciliation failed" } else { "reconciled" };
        // As Go prints a time.
        let time = text("lastTransitionTime").replacen('T', " ", 1).replacen('Z', " +0000 UTC", 1);
        self.line("Status", &format!("Last {word} at {time}"));
        self.line("Message", text("message"));
    }

    fn source(&mut self, id: &ObjectId, node: &Node) {
        self.line(&id.kind, &id.name);
        self.line("Namespace", &id.namespace);
        self.some("URL", node.str_at(&["spec", "url"]).map(weir_base::redact_url).as_deref());
        let reference = |key: &str| node.str_at(&["spec", "ref", key]).filter(|value| !value.is_empty());
        let choices = [("Tag", "tag"), ("Tag", "semver"), ("Digest", "digest"), ("Branch", "branch")];
        if let Some((title, value)) = choices.into_iter().find_map(|(title, key)| Some((title, reference(key)?))) {
            self.line(title, value);
        }
        self.some("Revision", node.str_at(&["status", "artifact", "revision"]));
        self.ready(node, true);
    }
}
