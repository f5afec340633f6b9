//! What the controllers of pods have in common.

use super::writer;
use crate::clock;
use crate::cluster::State;
use crate::pipeline::object_ref;
use crate::store::{Object, Ref};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use weir_doc::{Map, Node};

pub(super) const HASH_LABEL: &str = "pod-template-hash";

pub(super) fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
    node.path(path).and_then(Node::as_str).unwrap_or_default()
}

pub(super) fn count(node: &Node, path: &[&str]) -> i64 {
    node.path(path).and_then(Node::as_i64).unwrap_or_default()
}

/// Where an object that the store holds is.
pub(super) fn place(state: &State, object: &Object, key: &str) -> Option<Ref> {
    Some(object_ref(&*state.resource(key)?, &object.node))
}

/// A short hash of a template, in the letters that Kubernetes uses. Not the original's number, which
/// depends on Go's printing of structs.
pub(super) fn template_hash(template: &Node) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(weir_doc::to_json(template));
    digest.iter().take(9).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// A reference from a dependent to its controller.
pub(super) fn owner_reference(owner: &Object) -> Node {
    let mut map = Map::new();
    map.insert("apiVersion", text(&owner.node, &["apiVersion"]));
    map.insert("kind", text(&owner.node, &["kind"]));
    map.insert("name", owner.name());
    map.insert("uid", owner.uid().unwrap_or_default());
    map.insert("controller", true);
    map.insert("blockOwnerDeletion", true);
    Node::from(map)
}

/// The objects of a resource that an owner controls, by name.
pub(super) fn controlled(state: &State, owner: &Object, key: &str) -> Vec<Arc<Object>> {
    let uid = owner.uid().unwrap_or_default();
    let owned = state.store.owned_by(uid).into_iter().filter(|at| &*at.resource == key);
    owned.filter_map(|at| state.store.at(&at).cloned()).filter(|object| object.controller() == Some(uid)).collect()
}

/// A pod from a template, not yet created.
pub(super) fn from_template(owner: &Object, template: &Node, name: Name<'_>) -> Node {
    let mut pod = Node::map();
    let mut meta = Map::new();
    match name {
        Name::Exact(name) => meta.insert("name", name),
        Name::Generate(prefix) => meta.insert("generateName", prefix),
    };
    meta.insert("namespace", owner.namespace());
    for key in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.path(&["metadata", key]) {
            meta.insert(key, value.clone());
        }
    }
    meta.insert("ownerReferences", vec![owner_reference(owner)]);
    pod.set("metadata", meta);
    pod.set("spec", template.get("spec").cloned().unwrap_or_else(Node::map));
    pod
}

pub(super) enum Name<'a> {
    Exact(&'a str),
    Generate(&'a str),
}

pub(super) fn is_ready(pod: &Object) -> bool {
    condition(&pod.node, "Ready").is_some_and(|condition| text(condition, &["status"]) == "True")
}

pub(super) fn is_finished(pod: &Object) -> bool {
    matches!(text(&pod.node, &["status", "phase"]), "Succeeded" | "Failed")
}

/// Pods that count: not finished, not going.
pub(super) fn active(state: &State, owner: &Object) -> Vec<Arc<Object>> {
    controlled(state, owner, "pods").into_iter().filter(|pod| !pod.is_terminating() && !is_finished(pod)).collect()
}

pub(super) fn delete_pod(state: &mut State, pod: &Object) {
    if let Some(at) = place(state, pod, "pods") {
        writer::delete(state, &at, "Background");
    }
}

pub(super) fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a Node> {
    let conditions = node.path(&["status", "conditions"]).and_then(Node::as_seq)?;
    conditions.iter().find(|condition| text(condition, &["type"]) == kind)
}

/// A condition; its time of transition moves only with its status.
pub(super) fn set_condition(
    old: Option<&Node>,
    kind: &str,
    on: bool,
    reason: &str,
    message: &str,
    updated: bool,
) -> Node {
    let status = if on { "True" } else { "False" };
    let now = clock::now();
    let mut map = Map::new();
    let same = old.is_some_and(|old| text(old, &["status"]) == status);
    let unchanged =
        same && old.is_some_and(|old| text(old, &["reason"]) == reason && text(old, &["message"]) == message);
    if let (true, Some(old)) = (unchanged, old) {
        return old.clone();
    }
    let since = old.filter(|_| same).map(|old| text(old, &["lastTransitionTime"]).to_owned());
    map.insert("lastTransitionTime", since.unwrap_or_else(|| now.clone()));
    if updated {
        map.insert("lastUpdateTime", now);
    }
    if !message.is_empty() {
        map.insert("message", message);
    }
    if !reason.is_empty() {
        map.insert("reason", reason);
    }
    map.insert("status", status);
    map.insert("type", kind);
    Node::from(map)
}

/// Sets the status of an object, with the counts that are not zero and those that are always there.
pub(super) fn put_status(
    state: &mut State,
    at: &Ref,
    always: &[(&str, i64)],
    if_any: &[(&str, i64)],
    more: Vec<(&str, Node)>,
) {
    let mut status = Map::new();
    for (key, value) in always {
        status.insert(*key, *value);
    }
    for (key, value) in if_any.iter().filter(|(_, value)| *value != 0) {
        status.insert(*key, *value);
    }
    for (key, value) in more {
        status.insert(key, value);
    }
    writer::update(state, at, "status", |node| node.set("status", status));
}
