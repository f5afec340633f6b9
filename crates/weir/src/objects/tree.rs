//! `weir tree`: what a Kustomization has applied, and how that is.

use super::cluster::get;
use super::kind::KUSTOMIZATION;
use super::live;
use super::origins::{LocalSources, origins};
use super::{Cluster, Say};
use crate::error::CliError;
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use weir_api::Kustomization;
use weir_apply::health;
use weir_base::Origin;
use weir_kube::Session;
use weir_object::kstatus::{Status, Verdict};
use weir_object::{ObjectId, ObjectRef};

/// Reads under way at once.
const CONCURRENCY: usize = 16;
/// What the groups of Flux's kinds have in common.
const FLUX: &str = "toolkit.fluxcd.io";

/// Show what was applied, as a tree.
#[derive(clap::Parser)]
pub struct Tree {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The inventory of a Kustomization, and of the Kustomizations in it, with the health of each object.
    #[command(visible_alias = "ks")]
    Kustomization(Args),
}

#[derive(clap::Args)]
struct Args {
    /// Name of the Kustomization.
    name: String,
    /// Flux objects only.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    compact: bool,
    /// The file and line of each manifest too.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    origin: bool,
    #[command(flatten)]
    sources: LocalSources,
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

struct Branch {
    object: ObjectId,
    /// None where the object is on another cluster.
    verdict: Option<Verdict>,
    at: Option<Origin>,
    children: Vec<Branch>,
}

pub(super) async fn run(tree: Tree, say: &Say<'_>) -> Result<(), CliError> {
    let What::Kustomization(args) = tree.what;
    let session = args.cluster.connect().await?;
    let work = async {
        let reference = args.cluster.object(&KUSTOMIZATION, &args.name);
        let root = live::read(&get(&session, &reference).await?)?;
        let verdicts = health(&session, std::slice::from_ref(&reference), &Default::default(), 1, None).await;
        let mut seen = HashSet::from([reference.id.clone()]);
        let children = children(&args, &session, &root, &mut seen, say).await?;
        let verdict = verdicts.into_iter().next().map(|health| health.verdict);
        Ok(Branch { object: reference.id, verdict, at: None, children })
    };
    let root = args.cluster.within(work).await?;
    match args.output {
        None => say.data(root.text().trim_end()),
        Some(Format::Json) => say.data(&format!("{:#}", root.json())),
        Some(Format::Yaml) => say.data(weir_doc::emit::to_yaml(&weir_doc::from_value(&root.json())).trim_end()),
    }
    Ok(())
}

async fn children(
    args: &Args,
    session: &Session,
    parent: &Kustomization,
    seen: &mut HashSet<ObjectId>,
    say: &Say<'_>,
) -> Result<Vec<Branch>, CliError> {
    let own = live::id(parent);
    let mut objects = live::inventory(parent)?;
    objects.retain(|object| object.id != own && (!args.compact || object.id.group.contains(FLUX)));
    let is_here = parent.spec.kube_config.is_none();
    let mut verdicts: Vec<Option<Verdict>> = match is_here {
        true => {
            let seen = health(session, &objects, &Default::default(), CONCURRENCY, None).await;
            seen.into_iter().map(|health| Some(health.verdict)).collect()
        }
        false => objects.iter().map(|_| None).collect(),
    };
    let places = match args.origin {
        true => origins(session, parent, &args.sources).await.unwrap_or_else(|error| {
            say.warning(&format!("{own}: {error}"));
            Default::default()
        }),
        false => Default::default(),
    };
    let mut branches = Vec::new();
    for (object, verdict) in objects.into_iter().zip(verdicts.drain(..)) {
        let at = places.of(&object.id).cloned();
        let is_followed = is_here && live::is_kustomization(&object.id) && seen.insert(object.id.clone());
        let children = match is_followed {
            true => nested(args, session, &object, seen, say).await?,
            false => Vec::new(),
        };
        branches.push(Branch { object: object.id, verdict, at, children });
    }
    Ok(branches)
}

async fn nested(
    args: &Args,
    session: &Session,
    object: &ObjectRef,
    seen: &mut HashSet<ObjectId>,
    say: &Say<'_>,
) -> Result<Vec<Branch>, CliError> {
    // One that is gone has its place in the tree, and nothing below it.
    let Some(found) = session.get(object).await? else { return Ok(Vec::new()) };
    Box::pin(children(args, session, &live::read(&found)?, seen, say)).await
}

impl Branch {
    fn text(&self) -> String {
        let mut out = format!("{}\n", self.line());
        self.below("", &mut out);
        out
    }

    fn below(&self, stem: &str, out: &mut String) {
        for (at, child) in self.children.iter().enumerate() {
            let (twig, more) =
                if at + 1 == self.children.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            *out += &format!("{stem}{twig}{}\n", child.line());
            child.below(&format!("{stem}{more}"), out);
        }
    }

    fn line(&self) -> String {
        let mut line = self.object.to_string();
        if let Some(Verdict { status, message }) = &self.verdict {
            line += &format!("  {}", status.as_str());
            if *status != Status::Current && !message.is_empty() {
                line += &format!(": {}", message.lines().next().unwrap_or_default());
            }
        }
        if let Some(at) = &self.at {
            line += &format!("  ({at})");
        }
        line
    }

    /// With the names of fields that flux gives them; those of ours begin in lower case.
    fn json(&self) -> Value {
        let ObjectId { group, kind, namespace, name } = &self.object;
        let mut map = Map::new();
        let resource = json!({"Namespace": namespace, "Name": name, "GroupKind": {"Group": group, "Kind": kind}});
        map.insert("resource".to_owned(), resource);
        if let Some(Verdict { status, message }) = &self.verdict {
            map.insert("status".to_owned(), status.as_str().into());
            map.insert("message".to_owned(), message.as_str().into());
        }
        if let Some(at) = &self.at {
            map.insert("origin".to_owned(), at.to_string().into());
        }
        if !self.children.is_empty() {
            map.insert("resources".to_owned(), self.children.iter().map(Branch::json).collect());
        }
        Value::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(kind: &str, status: Status, children: Vec<Branch>) -> Branch {
        let object =
            ObjectId { group: String::new(), kind: kind.to_owned(), namespace: "n".to_owned(), name: "a".to_owned() };
        Branch { object, verdict: Some(Verdict::new(status, "Replicas: 0/1")), at: None, children }
    }

    #[test]
    fn branches_are_drawn() {
        let mut leaf = branch("Deployment", Status::InProgress, Vec::new());
        leaf.at = Some(Origin::new(Some("a.yaml".into()), 3, 1));
        let inner = branch("Inner", Status::Current, vec![leaf]);
        let root = branch("Root", Status::Current, vec![inner, branch("Last", Status::Current, Vec::new())]);
        assert_eq!(
            root.text(),
            "Root/n/a  Current\n├── Inner/n/a  Current\n│   └── Deployment/n/a  InProgress: Replicas: 0/1  (a.yaml:3)\n└── \
             Last/n/a  Current\n"
        );
        let json = root.json();
        assert_eq!(json["resources"][0]["resources"][0]["origin"], "a.yaml:3");
        assert_eq!(json["resource"]["GroupKind"], json!({"Group": "", "Kind": "Root"}));
    }
}
