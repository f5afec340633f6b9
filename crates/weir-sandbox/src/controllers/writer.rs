//! Writes of the controllers inside.

use crate::cluster::State;
use crate::deletion::{self, Options};
use crate::pipeline::{self, Writing};
use crate::store::{Object, Ref};
use std::sync::Arc;
use weir_doc::Node;

const MANAGER: &str = "kube-controller-manager";

fn with<T>(
    state: &mut State,
    key: &str,
    subresource: &str,
    act: impl FnOnce(&mut State, &Writing<'_>) -> T,
) -> Option<T> {
    let resource = state.resource(key)?;
    let version = resource.versions.first()?;
    let writing = Writing { resource: &resource, version, subresource, user: None, manager: MANAGER, dry_run: false };
    Some(act(state, &writing))
}

pub(super) fn create(state: &mut State, key: &str, node: Node) -> Option<Arc<Object>> {
    let outcome = with(state, key, "", |state, writing| pipeline::create(state, writing, node, None))?;
    outcome.inspect_err(|error| tracing::debug!(resource = key, message = error.message, "not created")).ok()
}

/// Changes an object as it is now. `subresource` is "" or "status".
pub(super) fn update(
    state: &mut State,
    at: &Ref,
    subresource: &str,
    change: impl FnOnce(&mut Node),
) -> Option<Arc<Object>> {
    let old = state.store.at(at)?.clone();
    let mut node = old.node.clone();
    change(&mut node);
    if node == old.node {
        return Some(old);
    }
    let outcome =
        with(state, &at.resource, subresource, |state, writing| pipeline::update(state, writing, &old, node, None))?;
    outcome.inspect_err(|error| tracing::debug!(object = ?at, message = error.message, "not updated")).ok()
}

pub(super) fn delete(state: &mut State, at: &Ref, policy: &str) {
    let Some(resource) = state.resource(&at.resource) else { return };
    let uid = state.store.at(at).and_then(|object| object.uid()).map(str::to_owned);
    let options = Options { policy: Some(policy.to_owned()), uid, ..Options::default() };
    if let Err(error) = deletion::delete(state, &resource, at, &options) {
        tracing::debug!(object = ?at, message = error.message, "not deleted");
    }
}

/// Removes one finalizer.
pub(super) fn release(state: &mut State, at: &Ref, finalizer: &str) {
    update(state, at, "", |node| {
        if let Some(list) = node.path_mut(&["metadata", "finalizers"]).and_then(Node::as_seq_mut) {
            list.retain(|item| item.as_str() != Some(finalizer));
        }
    });
}
