//! Fields of an object that somebody else may set, although they are in its manifest.
//!
//! As fluxcd/pkg/ssa: a new object gets the whole manifest. Of one that is there, a field that differs is left to its
//! owner where another manager applies it; else it stays as it is and stays ours.

use std::fmt;
use std::sync::Arc;
use weir_doc::{Node, from_json};
use weir_merge::{json_patch, operation};

/// Paths that are ignored on the objects of a choice.
#[derive(Clone)]
pub struct IgnoreRule {
    /// JSON pointers (RFC 6901).
    pub paths: Vec<String>,
    pub picks: Arc<dyn Fn(&Node) -> bool + Send + Sync>,
}

impl fmt::Debug for IgnoreRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IgnoreRule").field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// The paths that are ignored on an object.
pub(crate) fn paths<'r>(rules: &'r [IgnoreRule], object: &Node) -> Vec<&'r str> {
    let picked = rules.iter().filter(|rule| (rule.picks)(object));
    picked.flat_map(|rule| rule.paths.iter().map(String::as_str)).collect()
}

/// The object without those paths.
pub(crate) fn without(object: &Node, paths: &[&str]) -> Node {
    let mut object = object.clone();
    paths.iter().for_each(|path| change(&mut object, "remove", path, None));
    object
}

/// What is sent instead of `wanted`, so that those paths stay as they are on the live object. `answer` is what the server
/// would make of `wanted`.
pub(crate) fn yielding(wanted: &Node, live: &Node, answer: &Node, paths: &[&str], manager: &str) -> Node {
    let mut sent = wanted.clone();
    for path in paths {
        let (now, then) = (find(live, path), find(answer, path));
        if now == then {
            continue;
        }
        match now {
            Some(value) if !is_applied_by_another(live, path, manager) => {
                change(&mut sent, "replace", path, Some(value.clone()));
            }
            _ => change(&mut sent, "remove", path, None),
        }
    }
    sent
}

/// A path that is not there is nothing to change.
fn change(object: &mut Node, op: &str, path: &str, value: Option<Node>) {
    let _ = json_patch(object, &Node::from(vec![operation(op, path, value)]));
}

fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer.trim_start_matches('/').split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

fn find<'n>(object: &'n Node, pointer: &str) -> Option<&'n Node> {
    segments(pointer).try_fold(object, |node, segment| step(node, &segment))
}

fn step<'n>(node: &'n Node, segment: &str) -> Option<&'n Node> {
    match node.as_seq() {
        Some(items) => items.get(segment.parse::<usize>().ok()?),
        None => node.get(segment),
    }
}

/// Whether a field belongs to another manager that applies it, too.
fn is_applied_by_another(live: &Node, pointer: &str, manager: &str) -> bool {
    let entries = live.path(&["metadata", "managedFields"]).and_then(Node::as_seq);
    let others = entries.into_iter().flatten().filter(|entry| {
        let text = |key: &str| entry.str_at(&[key]).unwrap_or_default();
        text("operation") == "Apply" && text("subresource").is_empty() && text("manager") != manager
    });
    others.filter_map(|entry| entry.get("fieldsV1")).any(|fields| owns(fields, live, pointer))
}

/// Whether a set of fields has the one at a pointer; an item of a list is named there by its keys.
fn owns(fields: &Node, live: &Node, pointer: &str) -> bool {
    let (mut fields, mut at) = (fields, live);
    for segment in segments(pointer) {
        let Some(next) = step(at, &segment) else { return false };
        let below = match at.as_seq() {
            Some(_) => fields.as_map().and_then(|map| {
                let named = |key: &str| key.strip_prefix("k:").is_some_and(|keys| has_keys(next, keys));
                map.iter().find(|(key, _)| named(key.as_str())).map(|(_, below)| below)
            }),
            None => fields.get(&format!("f:{segment}")),
        };
        let Some(below) = below else { return false };
        (fields, at) = (below, next);
    }
    true
}

fn has_keys(item: &Node, keys: &str) -> bool {
    let Ok(keys) = from_json(keys.as_bytes()) else { return false };
    keys.as_map().is_some_and(|keys| keys.iter().all(|(key, value)| item.get(key.as_str()) == Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        from_json(json.as_bytes()).expect("valid")
    }

    const WANTED: &str = r#"{"spec":{"replicas":1,"containers":[{"name":"a","image":"x:1"}]}}"#;

    fn live(entries: &str) -> Node {
        node(&format!(
            r#"{{"metadata":{{"managedFields":[{entries}]}},"spec":{{"replicas":5,"containers":[{{"name":"a","image":"x:9"}}]}}}}"#
        ))
    }

    #[test]
    fn what_nobody_else_applies_stays_ours_at_its_value() {
        let updated = r#"{"manager":"hpa","operation":"Update","fieldsV1":{"f:spec":{"f:replicas":{}}}}"#;
        let sent = yielding(&node(WANTED), &live(updated), &node(WANTED), &["/spec/replicas"], "us");
        assert_eq!(sent.path(&["spec", "replicas"]).and_then(Node::as_i64), Some(5));
    }

    #[test]
    fn what_another_applies_is_left_to_him() {
        let applied = r#"{"manager":"them","operation":"Apply","fieldsV1":
            {"f:spec":{"f:replicas":{},"f:containers":{"k:{\"name\":\"a\"}":{"f:image":{}}}}}}"#;
        let paths = ["/spec/replicas", "/spec/containers/0/image"];
        let sent = yielding(&node(WANTED), &live(applied), &node(WANTED), &paths, "us");
        assert_eq!(sent, node(r#"{"spec":{"containers":[{"name":"a"}]}}"#));
        let ours = applied.replace("them", "us");
        let sent = yielding(&node(WANTED), &live(&ours), &node(WANTED), &paths, "us");
        assert_eq!(sent, node(r#"{"spec":{"replicas":5,"containers":[{"name":"a","image":"x:9"}]}}"#));
    }

    #[test]
    fn what_does_not_differ_or_is_not_there_is_sent_as_it_is() {
        let sent = yielding(&node(WANTED), &live(""), &live(""), &["/spec/replicas", "/spec/none/3"], "us");
        assert_eq!(sent, node(WANTED));
        assert_eq!(without(&node(r#"{"a":1,"b":2}"#), &["/a", "/c/d"]), node(r#"{"b":2}"#));
    }
}
