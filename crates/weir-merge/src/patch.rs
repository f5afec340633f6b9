//! JSON patch (RFC 6902) and JSON merge patch (RFC 7386), with the errors of evanphx/json-patch.

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
    let path = text("path").ok_or_else(|| failed(format!("{op} operation does not apply: missing path")))?;
    let value = || {
        let value = operation.get("value").cloned();
        value.ok_or_else(|| failed(format!("{op} operation does not apply: doc is missing value")))
    };
    let from = || text("from").ok_or_else(|| failed(format!("{op} operation does not apply: missing from")));
    let missing =
        |path: &str| failed(format!("{op} operation does not apply: doc is missing path: {path:?}: missing value"));
    match op {
        "add" => add(document, path, value()?, op),
        "remove" => remove(document, path).map(|_| ()).ok_or_else(|| {
            failed(format!("remove operation does not apply: doc is missing path: {path:?}: missing value"))
                .also(document, path)
        }),
        "replace" => {
            let value = value()?;
            let slot = find_mut(document, path).ok_or_else(|| {
                failed(format!("replace operation does not apply: doc is missing key: {path}: missing value"))
            })?;
            *slot = value;
            Ok(())
        }
        "move" => {
            let from = from()?;
            let value = remove(document, from).ok_or_else(|| missing(from))?;
            add(document, path, value, op)
        }
        "copy" => {
            let from = from()?;
            let value = find_mut(document, from).cloned().ok_or_else(|| missing(from))?;
            add(document, path, value, op)
        }
        "test" => {
            let expected = operation.get("value").cloned().unwrap_or_default();
            let found = find_mut(document, path).cloned();
            if found.clone().unwrap_or_default() == expected {
                Ok(())
            } else {
                Err(failed(format!("testing value {path} failed: test failed")))
            }
        }
        _ => Err(failed(format!("Unexpected kind: {op}"))),
    }
}

impl PatchError {
    /// The original has another text when the parent itself is missing.
    fn also(self, document: &mut Node, path: &str) -> Self {
        let (parent, key) = split(path);
        match find_mut(document, parent) {
            Some(parent) if parent.as_map().is_some() => {
                failed(format!("remove operation does not apply: doc is missing key: {key}: missing value"))
                    .with_path(path)
            }
            _ => self,
        }
    }

    fn with_path(self, path: &str) -> Self {
        let key = path.rsplit('/').next().unwrap_or_default();
        failed(format!("error in remove for path: '{path}': Unable to remove nonexistent key: {key}: missing value"))
    }
}

fn failed(message: String) -> PatchError {
    PatchError::Failed(message)
}

fn split(path: &str) -> (&str, String) {
    let (parent, key) = path.rsplit_once('/').unwrap_or(("", path));
    (parent, unescape(key))
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

fn find_mut<'a>(document: &'a mut Node, path: &str) -> Option<&'a mut Node> {
    let Some(rest) = path.strip_prefix('/') else { return path.is_empty().then_some(document) };
    rest.split('/').try_fold(document, |node, key| {
        let key = unescape(key);
        match &mut node.value {
            Value::Map(map) => map.get_mut(&key),
            Value::Seq(items) => {
                let at = position(&key, items.len())?;
                items.get_mut(at)
            }
            _ => None,
        }
    })
}

/// An index; negative ones count from the end, as in the original.
fn position(key: &str, len: usize) -> Option<usize> {
    let index: i64 = key.parse().ok()?;
    let index = if index < 0 { index + i64::try_from(len).ok()? } else { index };
    usize::try_from(index).ok()
}

fn add(document: &mut Node, path: &str, value: Node, op: &str) -> Result<(), PatchError> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let (parent, key) = split(path);
    let missing = format!("{op} operation does not apply: doc is missing path: {path:?}: missing value");
    let Some(parent) = find_mut(document, parent) else { return Err(failed(missing)) };
    match &mut parent.value {
        Value::Map(map) => {
            map.insert(key, value);
            Ok(())
        }
        Value::Seq(items) => {
            let at = if key == "-" { Some(items.len()) } else { position(&key, items.len()) };
            match at.filter(|at| *at <= items.len()) {
                Some(at) => {
                    items.insert(at, value);
                    Ok(())
                }
                None => Err(failed(format!(
                    "{op} operation does not apply: doc is missing path: {path:?}: Unable to access invalid index: {key}: invalid index referenced"
                ))),
            }
        }
        _ => Err(failed(missing)),
    }
}

fn remove(document: &mut Node, path: &str) -> Option<Node> {
    let (parent, key) = split(path);
    match &mut find_mut(document, parent)?.value {
        Value::Map(map) => map.remove(&key),
        Value::Seq(items) => {
            let at = position(&key, items.len()).filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
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
