//! Whether what stands in `spec.dependsOn` is ready: Kustomizations, as in Flux, and other kinds of Flux's.

use crate::gather::Source;
use crate::memory::Memories;
use crate::plan::{Dependency, Plan};
use crate::triggers::Key;
use crate::wakes::Wakes;
use std::sync::Arc;
use std::time::Duration;
use weir_api::{Kustomization, reasons};
use weir_apply::ReadyExpression;
use weir_base::Diagnose;
use weir_doc::{Node, from_value};
use weir_kube::{Change, KubeError, Observer, Session, Watching};
use weir_object::{ObjectId, ObjectRef, meta};
use weir_runtime::{Cx, Failure, Ready};

/// How long a pass waits for the stream that shows the next change of a dependency.
const START: Duration = Duration::from_secs(2);

/// Whether everything is ready. What is not is watched from now on: Kustomizations always are, the others as long as
/// somebody waits.
pub(crate) async fn check(
    cx: &Cx<Kustomization>,
    plan: &Plan,
    object: &Kustomization,
    source: &Source,
    (memories, wakes, key): (&Memories, &Wakes, &Key),
) -> Result<(), Failure> {
    for dependency in &plan.dependencies {
        let Err(mut failure) = judge(cx, plan, object, source, dependency).await else { continue };
        let id = &dependency.object.id;
        if !dependency.is_own_kind && !memories.waits_for(key, id) {
            let watching = watch(cx.session(), &dependency.object, wakes.of(key.clone())).await;
            memories.wait_for(key, Some((id.clone(), watching)));
            // It may have become ready before the stream began.
            match judge(cx, plan, object, source, dependency).await {
                Ok(()) => continue,
                Err(still) => failure = still,
            }
        }
        return Err(failure);
    }
    memories.wait_for(key, None);
    Ok(())
}

async fn judge(
    cx: &Cx<Kustomization>,
    plan: &Plan,
    object: &Kustomization,
    source: &Source,
    dependency: &Dependency,
) -> Result<(), Failure> {
    let Dependency { object: reference, is_own_kind, ready, is_condition_asked } = dependency;
    let ObjectId { kind, namespace, name, .. } = &reference.id;
    let shown = if *is_own_kind { format!("{namespace}/{name}") } else { format!("{kind}/{namespace}/{name}") };
    let not_ready = |why: &str| Failure::Waiting {
        reason: reasons::DEPENDENCY_NOT_READY,
        message: format!("dependency '{shown}' {why}"),
        after: plan.requeue,
        ready: Ready::False,
    };
    let found = match cx.session().get(reference).await {
        Ok(found) => found,
        Err(KubeError::UnknownKind { .. }) => return Err(not_ready("is of a kind that the cluster does not have")),
        Err(error) => return Err(Failure::transient(reasons::DEPENDENCY_NOT_READY, error.to_string())),
    };
    let Some(node) = found else { return Err(not_ready("not found")) };
    if let Some(expression) = ready {
        match says(expression.clone(), object, &node).await {
            Ok(true) => {}
            Ok(false) => return Err(not_ready("is not ready according to readyExpr")),
            Err(why) => return Err(not_ready(&format!("cannot be judged by readyExpr: {why}"))),
        }
    }
    if !is_condition_asked {
        return Ok(());
    }
    if !is_ready(&node) {
        return Err(not_ready("is not ready"));
    }
    if *is_own_kind
        && same_source(&node, object, plan)
        && node.str_at(&["status", "lastAppliedRevision"]) != Some(source.revision.as_str())
    {
        return Err(not_ready("revision is not up to date"));
    }
    Ok(())
}

async fn watch(session: &Session, object: &ObjectRef, wake: impl Fn() + Send + Sync + 'static) -> Watching {
    let watching = session.watch(std::slice::from_ref(object), Arc::new(Woken(Box::new(wake)))).await;
    watching.started(START).await;
    watching
}

/// Any change of a dependency is a reason to look.
struct Woken(Box<dyn Fn() + Send + Sync>);

impl Observer for Woken {
    fn changed(&self, _: &ObjectId, _: &Change) {
        (self.0)();
    }
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

/// By its Ready condition. What it says of an older generation does not count; a kind that notes no generation (that of
/// external artifacts) has none that it could be behind.
fn is_ready(node: &Node) -> bool {
    let generation = node.path(&["metadata", "generation"]).and_then(Node::as_i64);
    let observed = node.path(&["status", "observedGeneration"]).and_then(Node::as_i64);
    let is_stateless = node.str_at(&["kind"]) == Some("ExternalArtifact") && observed.is_none();
    (generation == observed || is_stateless) && meta::has_condition(node, "Ready", "True")
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
