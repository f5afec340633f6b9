//! Reading and writing the metadata of an object.

use weir_doc::{Map, Node};

/// Group and version of `apiVersion`; the group of core kinds is empty.
pub fn group_version(node: &Node) -> Option<(&str, &str)> {
    node.str_at(&["apiVersion"]).filter(|v| !v.is_empty()).map(split)
}

/// The same for its text.
pub fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

pub fn kind(node: &Node) -> &str {
    node.str_at(&["kind"]).unwrap_or_default()
}

pub fn name(node: &Node) -> Option<&str> {
    node.str_at(&["metadata", "name"])
}

pub fn namespace(node: &Node) -> Option<&str> {
    node.str_at(&["metadata", "namespace"])
}

pub fn label<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.path(&["metadata", "labels"])?.get(key)?.as_str()
}

pub fn annotation<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.path(&["metadata", "annotations"])?.get(key)?.as_str()
}

/// Whether a label or an annotation has this value, whatever the case: how Flux reads its markers.
pub fn is_marked(node: &Node, key: &str, value: &str) -> bool {
    [label(node, key), annotation(node, key)].into_iter().flatten().any(|found| found.eq_ignore_ascii_case(value))
}

pub fn set_label(node: &mut Node, key: &str, value: &str) {
    node.ensure_map(&["metadata", "labels"]).insert(key, value);
}

pub fn set_annotation(node: &mut Node, key: &str, value: &str) {
    node.ensure_map(&["metadata", "annotations"]).insert(key, value);
}

pub fn resource_version(node: &Node) -> Option<&str> {
    node.str_at(&["metadata", "resourceVersion"])
}

/// The resource version as a number: they are ordered (KEP-5504).
pub fn version(node: &Node) -> Option<u64> {
    resource_version(node)?.parse().ok()
}

pub fn uid(node: &Node) -> Option<&str> {
    node.str_at(&["metadata", "uid"])
}

/// Whether a condition of the status is so.
pub fn has_condition(node: &Node, kind: &str, status: &str) -> bool {
    let conditions = node.path(&["status", "conditions"]).and_then(Node::as_seq);
    let is_it = |one: &Node| one.str_at(&["type"]) == Some(kind) && one.str_at(&["status"]) == Some(status);
    conditions.into_iter().flatten().any(is_it)
}

pub fn is_deleting(node: &Node) -> bool {
    node.path(&["metadata", "deletionTimestamp"]).is_some_and(|t| !t.is_null())
}

/// Removes what only the server sets, so that the object can be compared with what was asked for.
pub fn without_server_fields(node: &Node) -> Node {
    let mut node = node.clone();
    node.remove("status");
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_map_mut) {
        for key in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"] {
            Map::remove(metadata, key);
        }
    }
    node
}
