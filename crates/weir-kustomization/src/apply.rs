//! Rendering, applying and pruning.

use crate::gather::Source;
use crate::guard::Guards;
use crate::memory::Built;
use crate::plan::Plan;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use weir_api::common::{ResourceInventory, ResourceRef};
use weir_api::kustomize::KustomizationStatus;
use weir_api::{Kustomization, names, reasons};
use weir_apply::{Action, Applier, ApplyError, Change, Options, Owner, Tracker, Witness, prune, scoped};
use weir_base::{Budget, Diagnose, Tree};
use weir_doc::Node;
use weir_kube::Session;
use weir_object::{Inventory, ObjectRef, meta};
use weir_render::{Fetch, Manner, Overlay, Rendered, Warning, render_in};
use weir_runtime::metrics::series;
use weir_runtime::{Cx, Failure, Severity, conditions};

pub(crate) const MANAGER: &str = "kustomize-controller";

/// So many objects are applied before anybody could read that they are being applied.
const SOON_APPLIED: usize = 20;

/// What a run applied.
pub(crate) struct Applied {
    /// All of them.
    pub all: Vec<ObjectRef>,
    /// Objects whose health counts.
    pub objects: Vec<ObjectRef>,
    pub changed: bool,
    /// Something is new since the object was ready the last time.
    pub is_news: bool,
    /// The status as it was written last is all that has to be remembered.
    pub is_written: bool,
    /// When the run began.
    pub began: Instant,
}

/// What a build came to.
pub(crate) enum Build {
    /// Nothing that it depends on is another.
    Same(Arc<Built>),
    New(Rendered),
}

/// Builds the objects, away from the async threads, if they can be others than those that were `held`.
pub(crate) async fn build(
    plan: &Plan,
    overlay: Overlay,
    tree: Arc<Tree>,
    held: Option<Arc<Built>>,
    remotes: Option<Arc<dyn Fetch>>,
    budget: &Budget,
) -> Result<Build, Failure> {
    let (path, budget) = (plan.path.clone(), budget.clone());
    let work = move || match held.filter(|held| held.closure.holds(&tree, &path, &overlay)) {
        Some(held) => Ok(Build::Same(held)),
        None => {
            let manner = Manner { remotes: remotes.as_deref(), ..Manner::default() };
            render_in(&tree, &path, &overlay, manner, &budget).map(Build::New)
        }
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::transient(reasons::BUILD_FAILED, "the build panicked; this is a mistake in weir")),
    }
}

/// So many warnings of a build are events; all of them are in the log.
const TOLD: usize = 10;

/// Tells what a build saw that is no error.
pub(crate) fn warn(cx: &Cx<Kustomization>, warnings: &[Warning], source: &Source) {
    for (at, warning) in warnings.iter().enumerate() {
        tracing::warn!("{warning}");
        let reason = match warning {
            Warning::Mac { .. } => {
                cx.count(&series::SOPS_MAC_MISMATCHES);
                "SOPSMACMismatch"
            }
            Warning::Encrypted { .. } => "SOPSEncrypted",
        };
        if at < TOLD {
            cx.event(Severity::Error, reason, &warning.to_string(), &crate::about(source));
        }
    }
}

/// Whose the objects of a Kustomization are.
pub fn owner(object: &Kustomization) -> Owner {
    Owner {
        group: names::KUSTOMIZE_GROUP.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
    }
}

/// The inventory that the status has. One that cannot be read stops the run: what it names would
/// be forgotten.
pub(crate) fn inventory(cx: &Cx<Kustomization>) -> Result<Inventory, Failure> {
    inventory_of(cx.status()).map_err(|message| Failure::transient(reasons::RECONCILIATION_FAILED, message))
}

pub(crate) fn inventory_of(status: Option<&KustomizationStatus>) -> Result<Inventory, String> {
    let entries = status.and_then(|status| status.inventory.as_ref()).map(|i| i.entries.as_slice());
    let pairs = entries.unwrap_or_default().iter().map(|entry| (entry.id.as_str(), entry.v.as_str()));
    Inventory::from_entries(pairs).map_err(|error| format!("status.inventory cannot be read: {error}"))
}

pub(crate) fn set_inventory(cx: &mut Cx<Kustomization>, inventory: &Inventory) {
    let entries = inventory.entries().into_iter().map(|e| ResourceRef { id: e.id, v: e.v }).collect();
    cx.status_mut().inventory = Some(ResourceInventory { entries });
}

/// How objects are applied, and what is known of them.
pub(crate) struct Means<'a> {
    pub plan: &'a Plan,
    pub source: &'a Source,
    pub tenant: &'a Session,
    pub tracker: &'a Arc<Tracker>,
    pub guards: &'a Guards,
    /// The log groups the objects by what was done.
    pub groups: bool,
    /// Ask the server about each object.
    pub check_all: bool,
}

/// Writes down what is about to be applied, and notes what was.
struct Run<'a> {
    cx: &'a mut Cx<Kustomization>,
    progress: String,
    /// The status on the server names all that is about to be applied, and it is soon done.
    is_recorded: bool,
    has_begun: bool,
    changes: Vec<Change>,
}

impl Witness for Run<'_> {
    async fn begin(&mut self) -> Result<(), ApplyError> {
        self.cx.progress(reasons::PROGRESSING, &self.progress);
        self.has_begun = true;
        if self.is_recorded {
            return Ok(());
        }
        match self.cx.checkpoint().await {
            Ok(_written) => Ok(()),
            Err(failure) => Err(ApplyError::Unrecorded(failure.message().to_owned())),
        }
    }

    fn done(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn left_out(&mut self, object: &ObjectRef, fields: &[String]) {
        let message = format!("{object}: left out {}: {} has no such field", fields.join(", "), object.id.kind);
        tracing::warn!("{message}");
        self.cx.event(Severity::Info, "UnknownField", &message, &Default::default());
    }
}

/// Applies the objects and deletes what is no longer among them.
pub(crate) async fn apply(
    object: &Kustomization,
    cx: &mut Cx<Kustomization>,
    means: &Means<'_>,
    objects: Vec<Node>,
) -> Result<Applied, Failure> {
    let Means { plan, source, tenant, tracker, guards, groups, check_all } = *means;
    let owner = owner(object);
    let refs: Vec<ObjectRef> =
        objects.iter().map(ObjectRef::of).collect::<Result<_, _>>().map_err(|error| Failure::of(&error))?;
    // By their identity on the cluster: an object that an old inventory knows by another one is not stale.
    let refs = scoped(tenant, refs).await;
    guards.keep_inside(object, &objects, &refs)?;
    let old: Inventory = scoped(tenant, inventory(cx)?.iter()).await.into_iter().collect();
    let new: Inventory = refs.iter().cloned().collect();
    let planned = old.union(&new);
    let followed = |refs: &[ObjectRef]| -> Vec<ObjectRef> { refs.iter().chain(&plan.health_checks).cloned().collect() };
    tracker.follow(tenant, &followed(&refs), plan.interval).await;
    set_inventory(cx, &planned);
    let applier = Applier {
        session: tenant,
        owner: &owner,
        manager: MANAGER,
        options: Options { check_all, ..plan.apply.clone() },
        tracker: Some(tracker),
    };
    let is_news = !is_ready_at(object, &source.revision);
    let progress = format!("Applying revision {} with a timeout of {}s", source.revision, plan.timeout.as_secs());
    let is_recorded = old == planned && refs.len() <= SOON_APPLIED;
    let mut run = Run { cx, progress, is_recorded, has_begun: false, changes: Vec::new() };
    let result = applier.apply(objects, &mut run).await;
    let Run { has_begun, mut changes, .. } = run;
    if let Err(error) = result {
        if !has_begun {
            // Nothing of it was made.
            set_inventory(cx, &old);
        }
        let log = change_log(&changes);
        let mut failure = Failure::of(&error);
        if let (Failure::Transient { message, .. }, false) = (&mut failure, log.is_empty()) {
            *message = format!("{message}\n{log}");
        }
        return Err(failure);
    }
    if !changes.is_empty() {
        tracing::info!(output = told(&changes, groups), revision = source.revision, "server-side apply completed");
    }
    let is_skipped = |change: &&Change| change.action == Action::Skipped;
    let skipped: HashSet<ObjectRef> = changes.iter().filter(is_skipped).map(|change| change.object.clone()).collect();
    // What was defined just now is known now.
    let refs = scoped(tenant, refs).await;
    if !tracker.is_whole() {
        tracker.follow(tenant, &followed(&refs), plan.interval).await;
    }
    let new: Inventory = refs.iter().cloned().collect();
    let mut kept = new.clone();
    let mut problems = Vec::new();
    if plan.prune {
        let stale = old.stale(&new);
        match guards.allow_prune(tenant, object, &owner, &stale, &source.revision).await {
            Ok(()) => {
                let (deleted, survivors) = prune(tenant, &owner, &stale).await;
                changes.extend(deleted);
                for (survivor, error) in survivors {
                    kept.insert(&survivor);
                    problems.push(error.report().to_string());
                }
            }
            Err(held) => {
                stale.iter().for_each(|object| kept.insert(object));
                problems.push(held.message().to_owned());
            }
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
    let objects = refs.iter().filter(|r| !skipped.contains(r) && !is_self(object, r)).cloned().collect();
    let changed = !log.is_empty();
    Ok(Applied {
        all: refs,
        objects,
        changed,
        is_news: is_news || changed,
        is_written: kept == if has_begun { planned } else { old },
        began: cx.started(),
    })
}

/// Whether the object has said already that it is ready at a revision.
pub(crate) fn is_ready_at(object: &Kustomization, revision: &str) -> bool {
    object.status.as_ref().is_some_and(|status| {
        conditions::is_true(&status.conditions, conditions::READY)
            && status.last_applied_revision.as_deref() == Some(revision)
    })
}

/// One line per object that changed.
pub(crate) fn change_log(changes: &[Change]) -> String {
    let lines: Vec<String> = changes.iter().filter(|c| c.action.is_change()).map(ToString::to_string).collect();
    lines.join("\n")
}

/// The changes for the log, as JSON: what was done to each object, or the objects to which the same was done.
fn told(changes: &[Change], groups: bool) -> String {
    let mut output = serde_json::Map::new();
    for Change { object, action } in changes {
        let (object, action) = (object.to_string(), action.as_str());
        match groups {
            false => drop(output.insert(object, action.into())),
            true => {
                let group = output.entry(action).or_insert_with(|| serde_json::Value::Array(Vec::new()));
                group.as_array_mut().into_iter().for_each(|group| group.push(object.as_str().into()));
            }
        }
    }
    serde_json::Value::Object(output).to_string()
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
    let reference = ObjectRef::new("v1", "ServiceAccount", namespace, name);
    let found = session.get(&reference).await.map_err(|error| Failure::of(&error))?;
    Ok(found.is_some_and(|account| !meta::is_deleting(&account)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_object_or_by_what_was_done() {
        let change = |name: &str, action| Change { object: ObjectRef::new("v1", "ConfigMap", "team", name), action };
        let changes = [change("a", Action::Created), change("b", Action::Unchanged), change("c", Action::Created)];
        let by_object = r#"{"ConfigMap/team/a":"created","ConfigMap/team/b":"unchanged","ConfigMap/team/c":"created"}"#;
        assert_eq!(told(&changes, false), by_object);
        let by_action = r#"{"created":["ConfigMap/team/a","ConfigMap/team/c"],"unchanged":["ConfigMap/team/b"]}"#;
        assert_eq!(told(&changes, true), by_action);
    }
}
