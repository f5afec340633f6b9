//! What is needed and stands elsewhere: the source's artifact.

use crate::plan::Plan;
use crate::sources::Sources;
use std::time::Duration;
use weir_api::common::Artifact;
use weir_api::kustomize::KustomizationSourceReference;
use weir_api::{Kustomization, names, reasons};
use weir_artifact::{ArtifactError, Fetcher, unpack as unpack_archive, unpack_budget};
use weir_base::{Class, Diagnose, Tree};
use weir_doc::{Node, to_value};
use weir_object::ObjectRef;
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
