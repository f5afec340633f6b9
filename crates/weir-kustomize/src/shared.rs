//! Labels and annotations that kustomize adds to several places of an object are one node to it: what
//! later changes one of them in place changes all.
//!
//! So an overlay that sets a label in the metadata also changes the selector that got the label from
//! the same `commonLabels`. That is a quirk of the original, and is matched. Here the nodes share the
//! pointer in their [`weir_doc::Note::set_by`], which holds the text they agree on.

use crate::scalar;
use std::sync::Arc;
use weir_doc::{Map, Node, Value};

/// Makes a node one of those that share a pointer.
pub(crate) fn join(node: &mut Node, group: &Arc<str>) {
    node.meta.note.get_or_insert_default().set_by = Some(group.clone());
}

/// The pointer that a node shares.
pub(crate) fn group(node: &Node) -> Option<&Arc<str>> {
    node.meta.note.as_ref()?.set_by.as_ref()
}

/// A value that takes the place of another stays in its group.
pub(crate) fn pass_on(old: &Node, new: &mut Node) {
    if let Some(group) = group(old).cloned()
        && scalar::is_scalar(new)
    {
        join(new, &group);
    }
}

/// Makes a copy that changes on its own.
pub(crate) fn leave(node: &mut Node) {
    if let Some(note) = &mut node.meta.note {
        note.set_by = None;
    }
    match &mut node.value {
        Value::Map(map) => map.values_mut().for_each(leave),
        Value::Seq(items) => items.iter_mut().for_each(leave),
        _ => {}
    }
}

/// Brings the groups of an object back into agreement: the last change counts.
pub(crate) fn settle(object: &mut Node) {
    let mut changed: Vec<(Arc<str>, Arc<str>, Node)> = Vec::new();
    find_changed(object, &mut changed);
    if !changed.is_empty() {
        apply(object, &changed);
    }
}

/// Puts a value of another style in all places of a group.
pub(crate) fn restyle(object: &mut Node, group: &Arc<str>, value: &Node) {
    apply(object, &[(group.clone(), group.clone(), value.clone())]);
}

/// The changed nodes, in the order in which a merge visits them.
fn find_changed(node: &Node, changed: &mut Vec<(Arc<str>, Arc<str>, Node)>) {
    match &node.value {
        Value::Map(map) => {
            let mut entries: Vec<_> = Map::iter(map).collect();
            entries.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            entries.into_iter().for_each(|(_, value)| find_changed(value, changed));
        }
        Value::Seq(items) => items.iter().for_each(|item| find_changed(item, changed)),
        _ => {
            let Some(group) = group(node) else { return };
            let text = scalar::text(node);
            if *text != **group {
                changed.retain(|(known, _, _)| !Arc::ptr_eq(known, group));
                changed.push((group.clone(), Arc::from(text.as_ref()), node.clone()));
            }
        }
    }
}

fn apply(node: &mut Node, changed: &[(Arc<str>, Arc<str>, Node)]) {
    match &mut node.value {
        Value::Map(map) => map.values_mut().for_each(|value| apply(value, changed)),
        Value::Seq(items) => items.iter_mut().for_each(|item| apply(item, changed)),
        _ => {
            let Some(known) = group(node) else { return };
            if let Some((_, group, value)) = changed.iter().find(|(old, _, _)| Arc::ptr_eq(old, known)) {
                *node = value.clone();
                join(node, group);
            }
        }
    }
}
