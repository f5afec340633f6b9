//! Pruning and defaulting by a structural schema.

use weir_doc::{Map, Node, Value};

/// Root fields that every object has, whatever its schema says.
const ROOT: [&str; 3] = ["apiVersion", "kind", "metadata"];

fn flag(schema: &Node, key: &str) -> bool {
    schema.get(key).and_then(Node::as_bool) == Some(true)
}

/// The schema of a key, and whether the key is known at all.
fn child<'a>(schema: &'a Node, key: &str) -> Option<Option<&'a Node>> {
    if let Some(property) = schema.get("properties").and_then(|properties| properties.get(key)) {
        return Some(Some(property));
    }
    match schema.get("additionalProperties").map(|node| (node.as_bool(), node)) {
        Some((Some(true), _)) => Some(None),
        Some((None, values)) => Some(Some(values)),
        _ => flag(schema, "x-kubernetes-preserve-unknown-fields").then_some(None),
    }
}

/// Removes fields that the schema does not know.
pub(crate) fn prune(schema: &Node, node: &mut Node) {
    let mut ignored = Vec::new();
    walk(schema, node, "", true, &mut |map, key| drop(map.remove(key)), &mut ignored);
}

/// Lists fields that the schema does not know.
pub(crate) fn unknown(schema: &Node, node: &Node, out: &mut Vec<String>) {
    let mut copy = node.clone();
    walk(schema, &mut copy, "", true, &mut |_, _| {}, out);
}

fn walk(
    schema: &Node,
    node: &mut Node,
    path: &str,
    root: bool,
    on_unknown: &mut dyn FnMut(&mut Map, &str),
    out: &mut Vec<String>,
) {
    match &mut node.value {
        Value::Map(map) => {
            let object = root || flag(schema, "x-kubernetes-embedded-resource");
            let keys: Vec<String> = map.keys().map(str::to_owned).collect();
            for key in keys {
                if object && ROOT.contains(&key.as_str()) {
                    continue;
                }
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match child(schema, &key) {
                    Some(Some(schema)) => {
                        if let Some(value) = map.get_mut(&key) {
                            walk(schema, value, &at, false, on_unknown, out);
                        }
                    }
                    Some(None) => {}
                    None => {
                        on_unknown(map, &key);
                        out.push(at);
                    }
                }
            }
        }
        Value::Seq(items) => {
            let Some(schema) = schema.get("items") else { return };
            for (index, item) in items.iter_mut().enumerate() {
                walk(schema, item, &format!("{path}[{index}]"), false, on_unknown, out);
            }
        }
        _ => {}
    }
}

/// Fills in defaults. A null is replaced by the default where null is not allowed.
pub(crate) fn default(schema: &Node, node: &mut Node) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, property) in schema.get("properties").and_then(Node::as_map).into_iter().flat_map(Map::iter) {
                let key = key.as_str();
                let Some(value) = property.get("default") else { continue };
                let missing = match map.get(key) {
                    None => true,
                    Some(current) => current.is_null() && !flag(property, "nullable"),
                };
                if missing {
                    map.insert(key, value.clone());
                }
            }
            for (key, value) in map.iter_mut() {
                if let Some(Some(schema)) = child(schema, key.as_str()) {
                    default(schema, value);
                }
            }
        }
        Value::Seq(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| default(schema, item));
            }
        }
        _ => {}
    }
}
