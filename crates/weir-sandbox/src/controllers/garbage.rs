//! Garbage collection: dependents go with the last of their owners.

use super::writer;
use crate::cluster::{Cluster, State};
use crate::deletion::{FOREGROUND, ORPHAN};
use crate::store::{Change, ChangeKind, Object, Ref};
use weir_doc::Node;

pub(super) fn react(cluster: &Cluster, change: &Change) {
    let mut state = cluster.lock();
    let Some(uid) = change.object.uid() else { return };
    match change.kind {
        ChangeKind::Deleted => {
            for dependent in state.store.owned_by(uid) {
                collect(&mut state, &dependent);
            }
            // An owner that waits for its dependents may go now.
            for owner in change.object.owner_uids() {
                if let Some(at) = state.store.by_uid(&owner).cloned() {
                    foreground(&mut state, &at);
                }
            }
        }
        _ => {
            if change.object.is_terminating() {
                // Nothing here mounts a volume for real, so nothing is in use.
                match &*change.at.resource {
                    "persistentvolumeclaims" => writer::release(&mut state, &change.at, "kubernetes.io/pvc-protection"),
                    "persistentvolumes" => writer::release(&mut state, &change.at, "kubernetes.io/pv-protection"),
                    _ => {}
                }
                orphan(&mut state, &change.at);
                foreground(&mut state, &change.at);
            }
            // An object may name an owner that never was, or is gone.
            if change.object.owners().next().is_some() {
                collect(&mut state, &change.at);
            }
        }
    }
}

/// Whether an owner reference points at an object that is there.
fn exists(state: &State, owner: &Node, dependent: &Ref) -> bool {
    let Some(at) = owner.get("uid").and_then(Node::as_str).and_then(|uid| state.store.by_uid(uid)) else {
        return false;
    };
    at.namespace.is_empty() || at.namespace == dependent.namespace
}

fn collect(state: &mut State, at: &Ref) {
    let Some(object) = state.store.at(at).cloned() else { return };
    let (kept, gone): (Vec<&Node>, Vec<&Node>) = object.owners().partition(|owner| exists(state, owner, at));
    if gone.is_empty() {
        return;
    }
    if kept.is_empty() {
        writer::delete(state, at, "Background");
        return;
    }
    let kept: Vec<Node> = kept.into_iter().cloned().collect();
    writer::update(state, at, "", |node| {
        node.ensure_map(&["metadata"]).insert("ownerReferences", kept);
    });
}

fn terminating_with(state: &State, at: &Ref, finalizer: &str) -> Option<std::sync::Arc<Object>> {
    let object = state.store.at(at)?;
    (object.is_terminating() && object.finalizers().contains(&finalizer)).then(|| object.clone())
}

/// Cuts the dependents loose.
fn orphan(state: &mut State, at: &Ref) {
    let Some(object) = terminating_with(state, at, ORPHAN) else { return };
    let uid = object.uid().unwrap_or_default().to_owned();
    for dependent in state.store.owned_by(&uid) {
        writer::update(state, &dependent, "", |node| {
            if let Some(owners) = node.path_mut(&["metadata", "ownerReferences"]).and_then(Node::as_seq_mut) {
                owners.retain(|owner| owner.get("uid").and_then(Node::as_str) != Some(&uid));
            }
        });
    }
    writer::release(state, at, ORPHAN);
}

/// Deletes the dependents first; those that block are waited for.
fn foreground(state: &mut State, at: &Ref) {
    let Some(object) = terminating_with(state, at, FOREGROUND) else { return };
    let uid = object.uid().unwrap_or_default().to_owned();
    for dependent in state.store.owned_by(&uid) {
        let Some(found) = state.store.at(&dependent).cloned() else { continue };
        if !found.is_terminating() {
            writer::delete(state, &dependent, "Foreground");
        }
    }
    let blocks = |state: &State, dependent: &Ref| {
        let found = state.store.at(dependent);
        found.is_some_and(|found| {
            found.owners().any(|owner| {
                owner.get("uid").and_then(Node::as_str) == Some(&uid)
                    && owner.get("blockOwnerDeletion").and_then(Node::as_bool) == Some(true)
            })
        })
    };
    if !state.store.owned_by(&uid).iter().any(|dependent| blocks(state, dependent)) {
        writer::release(state, at, FOREGROUND);
    }
}
