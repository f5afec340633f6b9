//! Deleting objects: at once, or marked until the last finalizer is gone.

use crate::clock;
use crate::cluster::State;
use crate::kinds;
use crate::resources::Resource;
use crate::status::ApiError;
use crate::store::{Object, Ref};
use std::sync::Arc;
use weir_doc::Node;

pub(crate) const FOREGROUND: &str = "foregroundDeletion";
pub(crate) const ORPHAN: &str = "orphan";

#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Background, Foreground or Orphan; `None` is the kind's default, Background.
    pub policy: Option<String>,
    pub dry_run: bool,
    pub uid: Option<String>,
    pub revision: Option<String>,
}

pub(crate) enum Outcome {
    /// It waits for its finalizers.
    Marked(Arc<Object>),
    Gone(Arc<Object>),
}

pub(crate) fn delete(state: &mut State, resource: &Resource, at: &Ref, options: &Options) -> Result<Outcome, ApiError> {
    let old = state.store.at(at).cloned().ok_or_else(|| ApiError::not_found(resource, &at.name))?;
    if let Some(uid) = options.uid.as_deref().filter(|uid| Some(*uid) != old.uid()) {
        let current = old.uid().unwrap_or_default();
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {current}");
        return Err(ApiError::conflict(resource, &at.name, &why));
    }
    if let Some(revision) = options.revision.as_deref().filter(|revision| *revision != old.revision.to_string()) {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {revision}, ResourceVersion in object meta: {}",
            old.revision
        );
        return Err(ApiError::conflict(resource, &at.name, &why));
    }
    kinds::check_delete(resource, &old.node)?;
    let mut finalizers: Vec<String> = old.finalizers().into_iter().map(str::to_owned).collect();
    match options.policy.as_deref() {
        None | Some("Background") => {}
        Some("Foreground") => push(&mut finalizers, FOREGROUND, ORPHAN),
        Some("Orphan") => push(&mut finalizers, ORPHAN, FOREGROUND),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "invalid DeleteOptions: propagationPolicy: Invalid value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            )));
        }
    }
    if let (Some(own), false) = (kinds::deletion_finalizer(resource), old.is_terminating()) {
        push(&mut finalizers, own, "");
    }
    if let (None, true) = (&options.policy, old.is_terminating()) {
        return Ok(Outcome::Marked(old));
    }
    let held = !finalizers.is_empty() || kinds::holds_deletion(resource, &old.node);
    if !held {
        if options.dry_run {
            return Ok(Outcome::Gone(old));
        }
        let gone = state.remove(at).unwrap_or(old);
        return Ok(Outcome::Gone(gone));
    }
    let mut node = old.node.clone();
    let meta = node.ensure_map(&["metadata"]);
    if !meta.contains("deletionTimestamp") {
        meta.insert("deletionTimestamp", clock::now());
        meta.insert("deletionGracePeriodSeconds", 0);
        if let Some(generation) = meta.get("generation").and_then(Node::as_i64) {
            meta.insert("generation", generation + 1);
        }
    }
    if !finalizers.is_empty() {
        meta.insert("finalizers", finalizers.into_iter().map(Node::from).collect::<Vec<Node>>());
    }
    kinds::mark_deleted(resource, &mut node);
    if node == old.node {
        return Ok(Outcome::Marked(old));
    }
    if options.dry_run {
        return Ok(Outcome::Marked(Arc::new(Object::new(node, old.revision))));
    }
    Ok(Outcome::Marked(state.put(at.clone(), node)))
}

fn push(finalizers: &mut Vec<String>, add: &str, drop: &str) {
    finalizers.retain(|finalizer| finalizer != drop);
    if !finalizers.iter().any(|finalizer| finalizer == add) {
        finalizers.push(add.to_owned());
    }
}
