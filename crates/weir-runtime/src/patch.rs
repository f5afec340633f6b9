//! Writing a status: a merge patch of what changed, at the resourceVersion it was read at.

use serde_json::Value;
use weir_doc::{Node, from_value};
use weir_kube::{KubeError, Session};
use weir_object::{ObjectRef, meta};

/// How often a write that met somebody else's is tried again.
const ATTEMPTS: usize = 5;

/// Writes the difference between two statuses and returns the object as it is then; `None` when
/// there is no difference, or the object is gone.
///
/// The conditions are one atomic list, so on a conflict the list is read again and only the
/// conditions in `owned` are replaced in it.
pub(crate) async fn write(
    session: &Session,
    object: &ObjectRef,
    manager: &str,
    resource_version: &str,
    (before, after): (&Value, &Value),
    owned: &[&str],
) -> Result<Option<Node>, KubeError> {
    let Some(mut status) = difference(before, after) else { return Ok(None) };
    let mut version = resource_version.to_owned();
    let mut attempt = 1;
    loop {
        let patch = serde_json::json!({"metadata": {"resourceVersion": version}, "status": status});
        match session.merge_patch(object, "status", manager, &from_value(&patch)).await {
            Ok(node) => return Ok(Some(node)),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                let Some(live) = session.get(object).await? else { return Ok(None) };
                version = meta::resource_version(&live).unwrap_or_default().to_owned();
                keep_foreign_conditions(&mut status, &live, owned);
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The merge patch from one status to the other, key by key: lists and maps as a whole.
fn difference(before: &Value, after: &Value) -> Option<Value> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut patch = serde_json::Map::new();
    for (key, value) in after {
        if before.get(key) != Some(value) {
            patch.insert(key.clone(), value.clone());
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn keep_foreign_conditions(status: &mut Value, live: &Node, owned: &[&str]) {
    let Some(ours) = status.get_mut("conditions").and_then(Value::as_array_mut) else { return };
    let kind = |condition: &Value| condition.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let live = weir_doc::to_value(live);
    let theirs = live.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    ours.retain(|condition| owned.contains(&kind(condition).as_str()));
    ours.extend(theirs.into_iter().filter(|condition| !owned.contains(&kind(condition).as_str())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_changed_is_written() {
        let before = json!({"a": 1, "b": {"x": 1}, "gone": true});
        let after = json!({"a": 1, "b": {"x": 2}});
        assert_eq!(difference(&before, &after), Some(json!({"b": {"x": 2}, "gone": null})));
        assert_eq!(difference(&before, &before), None);
    }

    #[test]
    fn conditions_of_others_survive_a_conflict() {
        let mut status =
            json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "Theirs", "status": "old"}]});
        let live = from_value(&json!({"status": {"conditions": [
            {"type": "Ready", "status": "False"}, {"type": "Theirs", "status": "new"}]}}));
        keep_foreign_conditions(&mut status, &live, &["Ready"]);
        assert_eq!(
            status,
            json!({"conditions": [
            {"type": "Ready", "status": "True"}, {"type": "Theirs", "status": "new"}]})
        );
    }
}
