//! What happens to the objects when their Kustomization is deleted.

use crate::apply::{account_exists, change_log, inventory, owner, set_inventory};
use crate::guard::Guards;
use crate::plan::deletion_policy;
use std::sync::Arc;
use std::time::Duration;
use weir_api::kustomize::DeletionPolicy;
use weir_api::{Kustomization, reasons};
use weir_apply::{Action, Tracker, prune};
use weir_base::Diagnose;
use weir_kube::{Coverage, KubeError, Session};
use weir_object::{Inventory, ObjectRef};
use weir_runtime::{Cx, Failure, Metadata, Ready, Severity};

/// Between looks at what cannot be watched, as in Flux; and at what is, in case a connection died without a word.
const POLL: Duration = Duration::from_secs(2);
const WATCHED: Duration = Duration::from_secs(30);

/// Whether anything is to go with the object, and there is still somebody as whom: `account`, which is looked for on this
/// cluster, as in Flux.
pub(crate) async fn is_wanted(
    object: &Kustomization,
    cx: &Cx<Kustomization>,
    account: Option<&str>,
) -> Result<bool, Failure> {
    let inventory = inventory(cx)?;
    let is_kept = match deletion_policy(object) {
        DeletionPolicy::Orphan => true,
        DeletionPolicy::MirrorPrune => !object.spec.prune,
        DeletionPolicy::Delete | DeletionPolicy::WaitForTermination => false,
    };
    if is_kept || object.spec.suspend || inventory.is_empty() {
        return Ok(false);
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(account) = account
        && !account_exists(cx.session(), namespace, account).await?
    {
        let names: Vec<String> = inventory.iter().map(|o| o.to_string()).collect();
        let left = names.join("\n");
        let message = format!("unable to prune objects: the service account '{account}' is gone, left are\n{left}");
        cx.event(Severity::Error, reasons::PRUNE_FAILED, &message, &Metadata::new());
        return Ok(false);
    }
    Ok(true)
}

/// Deletes what is to go with the object. Returns those whose end is to be waited for.
pub(crate) async fn delete(
    object: &Kustomization,
    cx: &mut Cx<Kustomization>,
    tenant: &Session,
    guards: &Guards,
) -> Result<Vec<ObjectRef>, Failure> {
    let inventory = inventory(cx)?;
    let objects: Vec<ObjectRef> = inventory.iter().collect();
    guards.allow_prune(tenant, object, &owner(object), &objects, "the end of the Kustomization").await?;
    let (changes, survivors) = prune(tenant, &owner(object), &objects).await;
    let log = change_log(&changes);
    if !log.is_empty() {
        cx.event(Severity::Info, reasons::RECONCILIATION_SUCCEEDED, &log, &Metadata::new());
    }
    if !survivors.is_empty() {
        let left: Inventory = survivors.iter().map(|(object, _)| object.clone()).collect();
        set_inventory(cx, &left);
        let messages: Vec<String> = survivors.iter().map(|(_, error)| error.report().to_string()).collect();
        return Err(Failure::transient(reasons::PRUNE_FAILED, messages.join("; ")));
    }
    if deletion_policy(object) != DeletionPolicy::WaitForTermination {
        return Ok(Vec::new());
    }
    let deleted = changes.into_iter().filter(|change| change.action == Action::Deleted);
    Ok(deleted.map(|change| change.object).collect())
}

/// Waits until the deleted objects are gone, at most for the object's timeout since its deletion. A change of one of them
/// is what brings about the next look.
pub(crate) async fn terminated(
    object: &Kustomization,
    cx: &Cx<Kustomization>,
    tenant: &Session,
    tracker: &Arc<Tracker>,
    deleted: &[ObjectRef],
) -> Result<(), Failure> {
    if deleted.is_empty() {
        return Ok(());
    }
    tracker.follow(tenant, deleted, WATCHED).await;
    tracker.await_changes(deleted.iter().map(|object| &object.id));
    let (mut left, mut coverage) = (Vec::new(), Coverage::Live);
    for object in deleted {
        match tenant.get(object).await {
            // It may have gone with its definition.
            Ok(None) | Err(KubeError::UnknownKind { .. }) => continue,
            Ok(Some(_)) => left.push(object.to_string()),
            // Nor is one waited for longer that cannot be asked about.
            Err(error) => left.push(format!("{object}: {error}")),
        }
        coverage = coverage.max(tracker.coverage(&object.id));
    }
    if left.is_empty() {
        return Ok(());
    }
    let timeout = weir_api::FluxObject::timeout(object).unwrap_or_default();
    let since = object.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let waited = since.map_or(Duration::ZERO, |since| {
        Duration::try_from(jiff::Timestamp::now().duration_since(since)).unwrap_or_default()
    });
    if waited >= timeout {
        let message = format!("timeout waiting for the termination of: [{}]", left.join(", "));
        cx.event(Severity::Error, reasons::PRUNE_FAILED, &message, &Metadata::new());
        return Ok(());
    }
    Err(Failure::Waiting {
        reason: reasons::PROGRESSING,
        message: format!("waiting for the termination of: [{}]", left.join(", ")),
        after: (if coverage == Coverage::Live { WATCHED } else { POLL }).min(timeout.saturating_sub(waited)),
        ready: Ready::Unknown,
    })
}
