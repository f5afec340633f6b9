//! JSON patch (RFC 6902) and JSON merge patch (RFC 7386), as evanphx/json-patch 4.13 applies
//! them in kustomize and the API server: what a mapping lacks is null to `copy`, `test` and `replace`.

use weir_base::Diagnose;
use weir_doc::{Node, Value, to_json};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is not a document of the right form.
    #[error("{0}")]
    Malformed(String),
    /// The patch does not apply to this document.
    #[error("{0}")]
    Failed(String),
}

impl Diagnose for PatchError {
    fn reason(&self) -> &'static str {
        "PatchFailed"
    }
}

/// Applies a JSON merge patch: null removes, mappings merge, all else replaces.
pub fn merge_patch(target: &mut Node, patch: &Node) {
    let Value::Map(patch) = &patch.value else {
        *target = patch.clone();
        return;
    };
    let map = target.ensure_map(&[]);
    for (key, value) in patch.iter() {
        if value.is_null() {
            map.remove(key.as_str());
        } else if value.as_map().is_some() {
            merge_patch(map.entry_or_null(key.as_str()), value);
        } else {
            map.insert(key.clone(), value.clone());
        }
    }
}

/// An operation of a JSON patch.
pub fn operation(op: &str, path: &str, value: Option<Node>) -> Node {
    let mut operation = Node::map();
    operation.set("op", op);
    operation.set("path", path);
    if let Some(value) = value {
        operation.set("value", value);
    }
    operation
}

/// Applies a JSON patch; the document is as before when an operation fails.
pub fn json_patch(target: &mut Node, patch: &Node) -> Result<(), PatchError> {
    let operations =
        patch.as_seq().ok_or_else(|| PatchError::Malformed("a JSON patch is a list of operations".to_owned()))?;
    let mut out = target.clone();
    for operation in operations {
        step(&mut out, operation)?;
    }
    *target = out;
    Ok(())
}

fn step(document: &mut Node, operation: &Node) -> Result<(), PatchError> {
    let text = |key: &str| operation.get(key).and_then(Node::as_str);
    let op = text("op").unwrap_or("unknown");
    if !matches!(op, "add" | "remove" | "replace" | "move" | "copy" | "test") {
        return Err(failed(format!("Unexpected kind: {op}")));
    }
    let needed =
        |key: &str| text(key).ok_or_else(|| failed(format!("{op} operation failed to decode {key}: missing value")));
    let path = needed("path")?;
    let value = || operation.get("value").cloned().unwrap_or_default();
    match op {
        "add" => {
            add(container(document, path, op, "path")?, path, value(), &format!("error in add for path: '{path}'"))
        }
        "remove" => remove(container(document, path, op, "path")?, path)
            .map(drop)
            .map_err(|why| failed(format!("error in remove for path: '{path}': {why}"))),
        "replace" if path.is_empty() => match value() {
            value if matches!(value.value, Value::Map(_) | Value::Seq(_)) => {
                *document = value;
                Ok(())
            }
            _ => Err(failed("replace operation value must be object or array".to_owned())),
        },
        "replace" => replace(container(document, path, op, "path")?, path, value()),
        "move" => {
            let from = needed("from")?;
            let parent = container(document, from, op, "from path")?;
            let moved =
                remove(parent, from).map_err(|why| failed(format!("error in move for path: '{from}': {why}")))?;
            let parent = container(document, path, op, "destination path")?;
            add(parent, path, moved, &format!("error in move for path: '{path}'"))
        }
        "copy" => {
            let from = needed("from")?;
            let parent = container(document, from, op, "from path")?;
            let copied = get(parent, from).map_err(|why| failed(format!("error in copy for from: '{from}': {why}")))?;
            let parent = container(document, path, op, "destination path")?;
            add(parent, path, copied, "error while adding value during copy")
        }
        _ => {
            let found = if path.is_empty() {
                document.clone()
            } else {
                let parent = container(document, path, op, "path")?;
                get(parent, path).map_err(|why| failed(format!("error in test for path: '{path}': {why}")))?
            };
            let fits = found == value();
            if fits { Ok(()) } else { Err(failed(format!("testing value {path} failed: test failed"))) }
        }
    }
}

fn failed(message: String) -> PatchError {
    PatchError::Failed(message)
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// The last part of a path.
fn key_of(path: &str) -> String {
    unescape(path.rsplit('/').next().unwrap_or_default())
}

/// The mapping or list that holds what a path names. What stands before the first `/` does not matter.
fn container<'a>(document: &'a mut Node, path: &str, op: &str, what: &str) -> Result<&'a mut Node, PatchError> {
    let missing = || failed(format!("{op} operation does not apply: doc is missing {what}: {path:?}: missing value"));
    let (parents, _) = path.rsplit_once('/').ok_or_else(missing)?;
    let found = parents.split('/').skip(1).try_fold(document, |node, key| {
        let key = unescape(key);
        match &mut node.value {
            Value::Map(map) => map.get_mut(&key),
            Value::Seq(items) => {
                let at = index(&key, items.len(), items.len()).ok()?;
                items.get_mut(at)
            }
            _ => None,
        }
    });
    found.filter(|node| matches!(node.value, Value::Map(_) | Value::Seq(_))).ok_or_else(missing)
}

/// An index below `limit`; a negative one counts from `base`.
fn index(key: &str, base: usize, limit: usize) -> Result<usize, String> {
    let number: i64 = key.parse().map_err(|_| format!("value was not a proper array index: '{key}'"))?;
    let base = i64::try_from(base).unwrap_or(i64::MAX);
    let at = usize::try_from(if number < 0 { number + base } else { number }).ok().filter(|at| *at < limit);
    at.ok_or_else(|| format!("Unable to access invalid index: {number}: invalid index referenced"))
}

/// The value of a key; null when a mapping lacks it.
fn get(container: &Node, path: &str) -> Result<Node, String> {
    let key = key_of(path);
    match &container.value {
        Value::Seq(items) => Ok(items[index(&key, items.len(), items.len())?].clone()),
        _ => Ok(container.get(&key).cloned().unwrap_or_default()),
    }
}

fn add(container: &mut Node, path: &str, value: Node, context: &str) -> Result<(), PatchError> {
    let key = key_of(path);
    match &mut container.value {
        Value::Seq(items) if key == "-" => items.push(value),
        Value::Seq(items) => {
            let places = items.len() + 1;
            let at = index(&key, places, places).map_err(|why| failed(format!("{context}: {why}")))?;
            items.insert(at, value);
        }
        _ => {
            container.ensure_map(&[]).insert(key, value);
        }
    }
    Ok(())
}

/// Sets a key, also one that a mapping lacks.
fn replace(container: &mut Node, path: &str, value: Node) -> Result<(), PatchError> {
    let key = key_of(path);
    match &mut container.value {
        Value::Seq(items) => {
            let at = index(&key, items.len(), items.len()).map_err(|_| {
                failed(format!("replace operation does not apply: doc is missing key: {path}: missing value"))
            })?;
            items[at] = value;
        }
        _ => {
            container.ensure_map(&[]).insert(key, value);
        }
    }
    Ok(())
}

fn remove(container: &mut Node, path: &str) -> Result<Node, String> {
    let key = key_of(path);
    match &mut container.value {
        Value::Seq(items) => {
            let at = index(&key, items.len(), items.len())?;
            Ok(items.remove(at))
        }
        _ => container.remove(&key).ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value")),
    }
}

/// A value as Go prints it: `map[a:1 b:[x y]]`.
pub(crate) fn go(node: &Node) -> String {
    match &node.value {
        Value::Map(map) => {
            let mut entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", go(value))).collect();
            entries.sort();
            format!("map[{}]", entries.join(" "))
        }
        Value::Seq(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        _ => String::from_utf8_lossy(&to_json(node)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_doc::from_json;

    fn shown(node: &Node) -> String {
        String::from_utf8(to_json(node)).expect("JSON is UTF-8")
    }

    fn node(text: &str) -> Node {
        from_json(text.as_bytes()).expect("valid JSON")
    }

    #[test]
    fn merge_patch_follows_the_rfc() {
        // The cases of RFC 7386, appendix A.
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        for (target, patch, expected) in cases {
            let mut target = node(target);
            merge_patch(&mut target, &node(patch));
            assert_eq!(shown(&target), expected, "{patch}");
        }
    }

    #[test]
    fn json_patch_applies_all_or_nothing() {
        let mut target = node(r#"{"a":{"b/c":1},"l":[1,2]}"#);
        let patch = node(
            r#"[{"op":"test","path":"/a/b~1c","value":1},{"op":"add","path":"/l/-","value":3},{"op":"add","path":"/l/0","value":0},
                {"op":"replace","path":"/a/b~1c","value":2},{"op":"copy","from":"/a","path":"/d"},{"op":"move","from":"/l","path":"/m"},
                {"op":"remove","path":"/a"}]"#,
        );
        assert_eq!(json_patch(&mut target, &patch), Ok(()));
        assert_eq!(shown(&target), r#"{"d":{"b/c":2},"m":[0,1,2,3]}"#);
        let before = target.clone();
        let bad = node(r#"[{"op":"remove","path":"/d"},{"op":"test","path":"/m/0","value":9}]"#);
        let error = json_patch(&mut target, &bad).expect_err("the test fails");
        assert_eq!(error.to_string(), "testing value /m/0 failed: test failed");
        assert_eq!(target, before);
    }
}
