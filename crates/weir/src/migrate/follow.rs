//! After the swap: the revision, the controllers, one pass of every object, and whether anything changed.

use super::state::State;
use super::swap;
use crate::controllers::Role;
use crate::error::CliError;
use crate::installed;
use crate::objects::kind::{condition, is_suspended};
use crate::objects::{MANAGER, Say, live};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_api::{Kustomization, names};
use weir_doc::{Node, to_json};
use weir_kube::Session;
use weir_object::kstatus::Status;
use weir_object::{ObjectId, ObjectRef, meta};

/// Between looks.
const LOOK: Duration = Duration::from_millis(500);

/// What was applied, without what the server and requests add.
pub struct Snapshot(BTreeMap<ObjectId, Vec<u8>>);

impl Snapshot {
    /// Reads every object of every inventory. The controllers themselves are left out: they are what changes.
    pub async fn take(session: &Session, state: &State) -> Result<Self, CliError> {
        let mut all = BTreeMap::new();
        for owner in state.kustomizations()? {
            for object in live::entries(&owner).flatten() {
                if is_controller(&object.id, &state.namespace) {
                    continue;
                }
                // One that cannot be read is nothing to compare: its kind may be gone.
                let Ok(Some(live)) = session.get(&object).await else { continue };
                all.insert(object.id, reduced(&live));
            }
        }
        Ok(Self(all))
    }

    /// The objects that are no longer as they were.
    fn differs(&self, later: &Self) -> Vec<String> {
        let is_same = |id: &ObjectId, text: &Vec<u8>| later.0.get(id) == Some(text);
        self.0.iter().filter(|(id, text)| !is_same(id, text)).map(|(id, _)| id.to_string()).collect()
    }
}

fn is_controller(id: &ObjectId, namespace: &str) -> bool {
    id.kind == "Deployment"
        && id.namespace == namespace
        && Role::ALL.into_iter().any(|role| role.controller() == id.name)
}

fn reduced(live: &Node) -> Vec<u8> {
    let mut object = meta::without_server_fields(live);
    swap::unmark(&mut object, names::REQUESTED_AT);
    to_json(&object)
}

/// Waits until the source of the controllers has a commit, and their Kustomization has applied it.
pub async fn revision(session: &Session, owner: &Kustomization, commit: &str, say: &Say<'_>) -> Result<(), CliError> {
    let source = live::source_ref(owner)
        .ok_or_else(|| CliError::new("the Kustomization that applies the controllers has no spec.sourceRef"))?;
    let own = live::reference(owner);
    say.waiting(&format!("waiting until {source} has {commit}"));
    reaches(session, &source, &["status", "artifact", "revision"], commit).await?;
    say.success(&format!("{source} has {commit}"));
    say.waiting(&format!("waiting until {own} has applied it"));
    reaches(session, &own, &["status", "lastAppliedRevision"], commit).await?;
    say.success(&format!("{own} has applied {commit}"));
    Ok(())
}

async fn reaches(session: &Session, object: &ObjectRef, field: &[&str], commit: &str) -> Result<(), CliError> {
    loop {
        let live = session.get(object).await?;
        let live = live.ok_or_else(|| CliError::new(format!("{object} is gone")))?;
        if is_suspended(&live) {
            return Err(CliError::new(format!("{object} is suspended: resume it")));
        }
        if live.str_at(field).is_some_and(|revision| revision.ends_with(commit)) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the roles' Deployments run the one's program or the other's, and their leases are held.
pub async fn rollout(
    session: &Session,
    namespace: &str,
    roles: &[Role],
    by_weir: bool,
    say: &Say<'_>,
) -> Result<(), CliError> {
    for role in roles {
        say.waiting(&format!("waiting for {}", role.controller()));
        loop {
            let found = installed::controllers(session, namespace).await?;
            let own = found.iter().find(|one| one.role == Some(*role));
            let runs = own.is_some_and(|one| one.is_weir() == by_weir && one.health().status == Status::Current);
            if runs && let Some(holder) = installed::holder(session, namespace, *role).await? {
                say.success(&format!("{} runs; its lease is held by {holder}", role.controller()));
                break;
            }
            if let Some(failed) = own.map(installed::Controller::health).filter(|one| one.status == Status::Failed) {
                return Err(CliError::new(format!(
                    "{}: {} (kubectl -n {namespace} describe deployment {0})",
                    role.controller(),
                    failed.message
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Has every source and Kustomization reconciled once: the artifacts are packed anew, and nothing changes by it.
pub async fn passes(session: &Session, state: &State, roles: &[Role], say: &Say<'_>) -> Result<(), CliError> {
    let before = Snapshot::take(session, state).await?;
    for role in [Role::Source, Role::Kustomize].into_iter().filter(|role| roles.contains(role)) {
        let due = |object: &&Node| !is_suspended(object);
        let objects: Vec<ObjectRef> =
            state.objects_of(role).filter(due).filter_map(|object| ObjectRef::of(object).ok()).collect();
        say.waiting(&format!("waiting for one pass of {} objects of {}", objects.len(), role.controller()));
        let token = jiff::Timestamp::now().to_string();
        let mut patch = Node::map();
        patch.ensure_map(&["metadata", "annotations"]).insert(names::REQUESTED_AT, token.as_str());
        for object in &objects {
            session.merge_patch(object, "", MANAGER, &patch).await?;
        }
        let mut failed = Vec::new();
        for object in &objects {
            if let Some(why) = handled(session, object, &token).await? {
                failed.push(format!("{object}: {why}"));
            }
        }
        match failed.is_empty() {
            true => say.success(&format!("{} objects of {} are reconciled", objects.len(), role.controller())),
            false => say.warning(&format!("not ready: {}", failed.join("; "))),
        }
    }
    let after = Snapshot::take(session, state).await?;
    let changed = before.differs(&after);
    match changed.is_empty() {
        true => say.success(&format!("{} applied objects are as they were", before.0.len())),
        false => say.warning(&format!(
            "changed meanwhile, by whomever: {} (kubectl get --show-managed-fields tells)",
            changed.join(", ")
        )),
    }
    Ok(())
}

/// Waits until a request is answered; what stands against it, where it failed.
async fn handled(session: &Session, object: &ObjectRef, token: &str) -> Result<Option<String>, CliError> {
    loop {
        // One that was deleted meanwhile has nothing to answer.
        let Some(live) = session.get(object).await? else { return Ok(None) };
        let ready = condition(&live, "Ready");
        let status = ready.and_then(|ready| ready.str_at(&["status"])).unwrap_or_default();
        if live.str_at(&["status", "lastHandledReconcileAt"]) == Some(token) && status != "Unknown" {
            let message = ready.and_then(|ready| ready.str_at(&["message"])).unwrap_or_default();
            return Ok((status != "True").then(|| message.to_owned()));
        }
        tokio::time::sleep(LOOK).await;
    }
}
