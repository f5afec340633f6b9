//! Rendering, applying and pruning.

use crate::gather::Source;
use crate::plan::Plan;
use std::sync::Arc;
use std::time::Instant;
use weir_api::common::{ResourceInventory, ResourceRef};
use weir_api::{Kustomization, names, reasons};
use weir_apply::{Applier, Change, Options, Owner, prune, scoped};
use weir_base::{Budget, Diagnose, Tree};
use weir_doc::Node;
use weir_kube::Session;
use weir_object::{Inventory, ObjectRef, meta};
use weir_render::{Overlay, Rendered, Substitution, render as render_tree};
use weir_runtime::{Cx, Failure, Severity};

const MANAGER: &str = "kustomize-controller";

/// What a run applied.
pub(crate) struct Applied {
    /// Objects whose health counts.
    pub objects: Vec<ObjectRef>,
    pub changed: bool,
    /// When the run began.
    pub began: Instant,
}

/// Builds the objects, away from the async threads.
pub(crate) async fn render(
    plan: &Plan,
    substitution: Option<Substitution>,
    tree: Arc<Tree>,
    budget: &Budget,
) -> Result<Rendered, Failure> {
    let (path, budget) = (plan.path.clone(), budget.clone());
    let overlay = Overlay { substitution, ..plan.overlay.clone() };
    let work = move || render_tree(&tree, &path, &overlay, &budget);
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::transient(reasons::BUILD_FAILED, "the build panicked; this is a mistake in weir")),
    }
}

pub(crate) fn owner(object: &Kustomization) -> Owner {
    Owner {
        group: names::KUSTOMIZE_GROUP.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
    }
}

/// The inventory that the status has. One that cannot be read stops the run: what it names would
/// be forgotten.
pub(crate) fn inventory(cx: &Cx<Kustomization>) -> Result<Inventory, Failure> {
    let entries = cx.status().and_then(|status| status.inventory.as_ref()).map(|i| i.entries.as_slice());
    let pairs = entries.unwrap_or_default().iter().map(|entry| (entry.id.as_str(), entry.v.as_str()));
    Inventory::from_entries(pairs).map_err(|error| {
        let message = format!("status.inventory cannot be read: {error}");
        Failure::transient(reasons::RECONCILIATION_FAILED, message)
    })
}

pub(crate) fn set_inventory(cx: &mut Cx<Kustomization>, inventory: &Inventory) {
    let entries = inventory.entries().into_iter().map(|e| ResourceRef { id: e.id, v: e.v }).collect();
    cx.status_mut().inventory = Some(ResourceInventory { entries });
}

/// Applies the objects and deletes what is no longer among them.
pub(crate) async fn apply(
    object: &Kustomization,
    cx: &mut Cx<Kustomization>,
    plan: &Plan,
    source: &Source,
    tenant: &Session,
    objects: Vec<Node>,
) -> Result<Applied, Failure> {
    let owner = owner(object);
    let refs: Vec<ObjectRef> =
        objects.iter().map(ObjectRef::of).collect::<Result<_, _>>().map_err(|error| Failure::of(&error))?;
    let old = inventory(cx)?;
    let new: Inventory = refs.iter().cloned().collect();
    set_inventory(cx, &old.union(&new));
    cx.progress(
        reasons::PROGRESSING,
        &format!("Applying revision {} with a timeout of {}s", source.revision, plan.timeout.as_secs()),
    );
    let _written = cx.checkpoint().await?;
    let applier = Applier {
        session: tenant,
        owner: &owner,
        manager: MANAGER,
        options: Options { force: plan.force, concurrency: plan.concurrency },
    };
    let skipped: Vec<ObjectRef> =
        objects.iter().filter(|o| owner.is_left_alone(o)).filter_map(|o| ObjectRef::of(o).ok()).collect();
    let mut changes: Vec<Change> = Vec::new();
    let result = applier.apply(objects, |change| changes.push(change)).await;
    if let Err(error) = result {
        let log = change_log(&changes);
        let mut failure = Failure::of(&error);
        if let (Failure::Transient { message, .. }, false) = (&mut failure, log.is_empty()) {
            *message = format!("{message}\n{log}");
        }
        return Err(failure);
    }
    // By their identity on the cluster: an object that an old inventory knows by another one is not stale.
    let new: Inventory = scoped(tenant, new.iter()).await.into_iter().collect();
    let old: Inventory = scoped(tenant, old.iter()).await.into_iter().collect();
    let mut kept = new.clone();
    let mut problems = Vec::new();
    if plan.prune {
        let (deleted, survivors) = prune(tenant, &owner, &old.stale(&new)).await;
        changes.extend(deleted);
        for (survivor, error) in survivors {
            kept.insert(&survivor);
            problems.push(error.report().to_string());
        }
    }
    set_inventory(cx, &kept);
    let log = change_log(&changes);
    if !log.is_empty() {
        cx.event(Severity::Info, reasons::PROGRESSING, &log, &crate::about(source));
    }
    if !problems.is_empty() {
        return Err(Failure::transient(reasons::PRUNE_FAILED, problems.join("; ")));
    }
    let objects = refs.into_iter().filter(|r| !skipped.contains(r) && !is_self(object, r)).collect();
    Ok(Applied { objects, changed: !log.is_empty(), began: cx.started() })
}

/// One line per object that changed.
pub(crate) fn change_log(changes: &[Change]) -> String {
    let lines: Vec<String> = changes.iter().filter(|c| c.action.is_change()).map(ToString::to_string).collect();
    lines.join("\n")
}

/// A Kustomization that applies itself does not wait for itself.
fn is_self(object: &Kustomization, other: &ObjectRef) -> bool {
    other.id.group == names::KUSTOMIZE_GROUP
        && other.id.kind == "Kustomization"
        && Some(&other.id.name) == object.metadata.name.as_ref()
        && Some(&other.id.namespace) == object.metadata.namespace.as_ref()
}

/// Whether a service account is there; it decides if a deletion can still be done as the tenant.
pub(crate) async fn account_exists(session: &Session, namespace: &str, name: &str) -> Result<bool, Failure> {
    let mut node = Node::map();
    node.set("apiVersion", "v1");
    node.set("kind", "ServiceAccount");
    node.ensure_map(&["metadata"]).insert("name", name);
    node.ensure_map(&["metadata"]).insert("namespace", namespace);
    let reference = ObjectRef::of(&node).map_err(|error| Failure::of(&error))?;
    let found = session.get(&reference).await.map_err(|error| Failure::of(&error))?;
    Ok(found.is_some_and(|account| !meta::is_deleting(&account)))
}
