//! What is needed and stands elsewhere: the source's artifact and the dependencies.

use crate::plan::{Dependency, Plan};
use crate::sources::Sources;
use std::sync::Arc;
use std::time::Duration;
use weir_api::common::Artifact;
use weir_api::kustomize::KustomizationSourceReference;
use weir_api::{Kustomization, names, reasons};
use weir_apply::ReadyExpression;
use weir_artifact::{ArtifactError, Fetcher, unpack as unpack_archive, unpack_budget};
use weir_base::{Class, Diagnose, Tree};
use weir_doc::{Node, from_value, to_value};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::{Cx, Failure, Ready};

#[derive(Debug)]
pub(crate) struct Source {
    pub artifact: Artifact,
    pub revision: String,
    pub origin_revision: Option<String>,
}

impl Source {
    fn of(artifact: Artifact) -> Self {
        Self {
            revision: artifact.revision.clone(),
            origin_revision: artifact.metadata.get("org.opencontainers.image.revision").cloned(),
            artifact,
        }
    }
}

/// The artifact that the source has now. Where the watch of the sources shows it, it is not read again, but for a pass
/// that somebody asked for: the watch may be late.
pub(crate) async fn source(
    cx: &Cx<Kustomization>,
    plan: &Plan,
    object: &Kustomization,
    known: &Sources,
) -> Result<Source, Failure> {
    let reference = source_ref(&plan.source, &plan.source_namespace);
    if !plan.direct_source && !is_asked_for(cx) {
        let key = (plan.source_namespace.clone(), plan.source.name.clone());
        if let Some(artifact) = known.artifact(&reference.id.kind, &key) {
            return Ok(Source::of(artifact));
        }
    }
    let shown = format!("{}/{}/{}", reference.id.kind, plan.source_namespace, plan.source.name);
    let found = cx
        .session()
        .get(&reference)
        .await
        .map_err(|error| Failure::transient(reasons::ARTIFACT_FAILED, error.to_string()))?;
    let Some(node) = found else {
        let message = format!("Source '{shown}' not found");
        return Err(Failure::transient(reasons::ARTIFACT_FAILED, message).retried_after(object.retry_interval()));
    };
    let Some(artifact) = artifact_of(&node) else {
        let message = format!("Source artifact not found, retrying in {}s: {shown}", plan.requeue.as_secs());
        return Err(Failure::Waiting {
            reason: reasons::ARTIFACT_FAILED,
            message,
            after: plan.requeue,
            ready: Ready::False,
        });
    };
    Ok(Source::of(artifact))
}

/// Whether the pass answers a request that is not answered yet.
pub(crate) fn is_asked_for(cx: &Cx<Kustomization>) -> bool {
    let handled = cx.status().and_then(|status| status.last_handled_reconcile_at.as_deref());
    cx.requested_at().is_some_and(|token| Some(token) != handled)
}

/// The source that a Kustomization in this namespace refers to.
pub fn source_ref(source: &KustomizationSourceReference, namespace: &str) -> ObjectRef {
    let default = format!("{}/v1", names::SOURCE_GROUP);
    let api_version = source.api_version.as_deref().filter(|v| !v.is_empty()).unwrap_or(&default);
    let namespace = source.namespace.as_deref().unwrap_or(namespace);
    ObjectRef::new(api_version, source.kind.as_str(), namespace, &source.name)
}

/// The artifact that a source says it has.
pub fn artifact_of(source: &Node) -> Option<Artifact> {
    let artifact = source.path(&["status", "artifact"]).filter(|artifact| !artifact.is_null())?;
    serde_json::from_value(to_value(artifact)).ok()
}

/// The files of the artifact. One that is not there (any more) is awaited.
pub(crate) async fn unpack(fetcher: &Fetcher, artifact: &Artifact, requeue: Duration) -> Result<Tree, Failure> {
    let failed = |error: ArtifactError| match error.class() {
        Class::Waiting => Failure::Waiting {
            reason: reasons::ARTIFACT_FAILED,
            message: format!("{}, retrying in {}s", error.report(), requeue.as_secs()),
            after: requeue,
            ready: Ready::False,
        },
        _ => Failure::with_reason(&error, reasons::ARTIFACT_FAILED),
    };
    let bytes = fetcher.read(artifact).await.map_err(failed)?;
    let work = move || unpack_archive(&bytes, &unpack_budget());
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(Failure::transient(reasons::ARTIFACT_FAILED, "unpacking the artifact panicked")),
    }
}

/// Whether everything in `spec.dependsOn` is ready, as Flux judges it.
pub(crate) async fn dependencies(
    cx: &Cx<Kustomization>,
    plan: &Plan,
    object: &Kustomization,
    source: &Source,
) -> Result<(), Failure> {
    for Dependency { namespace, name, ready, is_condition_asked } in &plan.dependencies {
        let reference = ObjectRef {
            id: ObjectId { namespace: namespace.clone(), name: name.clone(), ..cx.object_ref().id },
            version: cx.object_ref().version,
        };
        let not_ready = |why: &str| Failure::Waiting {
            reason: reasons::DEPENDENCY_NOT_READY,
            message: format!("dependency '{namespace}/{name}' {why}"),
            after: plan.requeue,
            ready: Ready::False,
        };
        let found = cx
            .session()
            .get(&reference)
            .await
            .map_err(|error| Failure::transient(reasons::DEPENDENCY_NOT_READY, error.to_string()))?;
        let Some(node) = found else { return Err(not_ready("not found")) };
        if let Some(expression) = ready {
            match says(expression.clone(), object, &node).await {
                Ok(true) => {}
                Ok(false) => return Err(not_ready("is not ready according to readyExpr")),
                Err(why) => return Err(not_ready(&format!("cannot be judged by readyExpr: {why}"))),
            }
        }
        if !is_condition_asked {
            continue;
        }
        if !is_ready(&node) {
            return Err(not_ready("is not ready"));
        }
        if same_source(&node, object, plan)
            && node.str_at(&["status", "lastAppliedRevision"]) != Some(source.revision.as_str())
        {
            return Err(not_ready("revision is not up to date"));
        }
    }
    Ok(())
}

/// What a readyExpr says, away from the async threads. Both objects have a status, if an empty one.
async fn says(expression: Arc<ReadyExpression>, object: &Kustomization, dependency: &Node) -> Result<bool, String> {
    let own = serde_json::to_value(object).map_err(|error| error.to_string())?;
    let (mut own, mut dependency) = (from_value(&own), dependency.clone());
    own.ensure_map(&["status"]);
    dependency.ensure_map(&["status"]);
    let work = move || expression.is_true(&own, &dependency).map_err(|error| error.report().to_string());
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("it could not be evaluated".to_owned()))
}

fn is_ready(node: &Node) -> bool {
    let generation = node.path(&["metadata", "generation"]).and_then(Node::as_i64);
    let observed = node.path(&["status", "observedGeneration"]).and_then(Node::as_i64);
    let ready = node.path(&["status", "conditions"]).and_then(Node::as_seq).is_some_and(|conditions| {
        conditions.iter().any(|c| c.str_at(&["type"]) == Some("Ready") && c.str_at(&["status"]) == Some("True"))
    });
    generation == observed && ready
}

fn same_source(dependency: &Node, object: &Kustomization, plan: &Plan) -> bool {
    let Some(reference) = dependency.path(&["spec", "sourceRef"]) else { return false };
    let namespace = reference
        .str_at(&["namespace"])
        .or_else(|| dependency.str_at(&["metadata", "namespace"]))
        .or(object.metadata.namespace.as_deref());
    reference.str_at(&["kind"]) == Some(plan.source.kind.as_str())
        && reference.str_at(&["name"]) == Some(plan.source.name.as_str())
        && namespace == Some(plan.source_namespace.as_str())
}
