use crate::takeover::{self, Takeover};
use crate::{Owner, compare};
use weir_doc::{Map, Node, Number, Value};
use weir_object::meta;

/// 128 bits of BLAKE3; the order of keys plays no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 16]);

impl Digest {
    pub fn of(parts: &[&Node]) -> Self {
        let mut hasher = blake3::Hasher::new();
        parts.iter().for_each(|part| feed(&mut hasher, part));
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(short)
    }

    /// What is compared with the answer to a dry-run (see [`compare::differs`]).
    pub fn of_content(node: &Node) -> Self {
        Self::of(&compare::content(node).each_ref())
    }
}

/// What tells that somebody meddled with an object: that it is another one or about to go, fields that are no longer ours
/// or are also another's whom we override, and the marks that we look for. A field that was never ours, such as the
/// replicas that an autoscaler sets, is none of it: it cannot change the outcome of an apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Everything.
    pub all: Digest,
    /// Without our marks and the labels of the owner: who sets them by hand wants to be heard, not corrected at once.
    pub fields: Digest,
}

impl Claims {
    pub fn of(node: &Node, owner: &Owner, takeover: Takeover<'_>) -> Self {
        let prefix = format!("{}/", owner.group);
        let entries = node.path(&["metadata", "managedFields"]).and_then(Node::as_seq);
        let ours = entries.into_iter().flatten().filter(|entry| takeover.is_ours(entry) || takeover.takes(entry));
        let (mut whole, mut fields) = (Vec::new(), Vec::new());
        for entry in ours {
            let mut entry = entry.clone();
            entry.remove("time");
            whole.push(entry.clone());
            without_marks(&mut entry, &prefix);
            if takeover.is_ours(&entry) || entry.get("fieldsV1").and_then(Node::as_map).is_some_and(|f| !f.is_empty()) {
                fields.push(entry);
            }
        }
        let marks = ["labels", "annotations"].map(|part| {
            let all = node.path(&["metadata", part]).and_then(Node::as_map);
            let marks = all
                .into_iter()
                .flat_map(Map::iter)
                .filter(|(key, _)| key.as_str().starts_with(&prefix) || takeover::is_removed(part, key.as_str()));
            Node::from(marks.map(|(key, value)| (key.as_str(), value.clone())).collect::<Map>())
        });
        let itself = [Node::from(meta::uid(node).unwrap_or_default()), Node::from(meta::is_deleting(node))];
        let (whole, fields) = (Node::from(whole), Node::from(fields));
        Self {
            all: Digest::of(&[&itself[0], &itself[1], &whole, &marks[0], &marks[1]]),
            fields: Digest::of(&[&itself[0], &itself[1], &fields]),
        }
    }
}

/// Takes the labels and annotations of a group out of the fields of an entry, and what is empty then.
fn without_marks(entry: &mut Node, prefix: &str) {
    let Some(fields) = entry.get_mut("fieldsV1").and_then(Node::as_map_mut) else { return };
    let Some(metadata) = fields.get_mut("f:metadata").and_then(Node::as_map_mut) else { return };
    for part in ["f:labels", "f:annotations"] {
        let Some(keys) = metadata.get_mut(part).and_then(Node::as_map_mut) else { continue };
        keys.retain(|key, _| !key.as_str().strip_prefix("f:").is_some_and(|key| key.starts_with(prefix)));
        if keys.keys().all(|key| key == ".") {
            metadata.remove(part);
        }
    }
    if metadata.is_empty() {
        fields.remove("f:metadata");
    }
}

fn feed(hasher: &mut blake3::Hasher, node: &Node) {
    let text = |hasher: &mut blake3::Hasher, kind: u8, text: &str| {
        hasher.update(&[kind]).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    match &node.value {
        Value::Null => text(hasher, 0, ""),
        Value::Bool(value) => text(hasher, 1, if *value { "t" } else { "f" }),
        Value::Number(number) => match (number.as_i64(), number) {
            (Some(whole), _) => text(hasher, 2, &whole.to_string()),
            (None, Number::Uint(whole)) => text(hasher, 2, &whole.to_string()),
            (None, number) => text(hasher, 2, &number.as_f64().to_string()),
        },
        Value::String(value) => text(hasher, 3, value),
        Value::Seq(items) => {
            hasher.update(&[4]).update(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| feed(hasher, item));
        }
        Value::Map(map) => {
            hasher.update(&[5]).update(&(map.len() as u64).to_le_bytes());
            let mut entries: Vec<(&str, &Node)> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in entries {
                text(hasher, 6, key);
                feed(hasher, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    #[test]
    fn the_order_of_keys_is_no_difference_and_everything_else_is() {
        let digest = |json: &str| Digest::of(&[&node(json)]);
        assert_eq!(digest(r#"{"a":1,"b":[1,"x"]}"#), digest(r#"{"b":[1,"x"],"a":1}"#));
        for other in [r#"{"a":1,"b":["x",1]}"#, r#"{"a":"1","b":[1,"x"]}"#, r#"{"a":1,"b":[1],"c":"x"}"#] {
            assert_ne!(digest(r#"{"a":1,"b":[1,"x"]}"#), digest(other), "{other}");
        }
    }

    #[test]
    fn claims_change_with_what_is_ours_alone() {
        let owner = Owner { group: "kustomize.toolkit.fluxcd.io".into(), name: "a".into(), namespace: "b".into() };
        let live = |ours: &str, others: &str, annotations: &str| {
            let text = format!(
                r#"{{"metadata":{{"uid":"1","generation":4,"annotations":{{{annotations}}},"managedFields":[
                {{"manager":"kustomize-controller","operation":"Apply","time":"now","fieldsV1":{ours}}}{others}]}}}}"#
            );
            let overrides = ["mine".to_owned()];
            Claims::of(&node(&text), &owner, Takeover { manager: "kustomize-controller", overrides: &overrides })
        };
        let before = live(r#"{"f:data":{}}"#, "", "");
        let scaled =
            r#",{"manager":"kube-controller-manager","operation":"Update","subresource":"scale","fieldsV1":{}}"#;
        let edited = r#",{"manager":"kubectl-edit","operation":"Update","fieldsV1":{"f:x":{}}}"#;
        let mine = r#",{"manager":"mine","operation":"Update","fieldsV1":{"f:x":{}}}"#;
        assert_eq!(live(r#"{"f:data":{}}"#, scaled, r#""deployment.kubernetes.io/revision":"1""#), before);
        for (ours, others, why) in [
            ("{}", "", "a field that was ours is another's now"),
            (r#"{"f:data":{}}"#, edited, "what kubectl sets is to be removed"),
            (r#"{"f:data":{}}"#, mine, "as what a named manager sets"),
        ] {
            let now = live(ours, others, "");
            assert!(now.all != before.all && now.fields != before.fields, "{why}");
        }
        let annotated = r#",{"manager":"kubectl-annotate","operation":"Update","fieldsV1":{"f:metadata":{
            "f:annotations":{".":{},"f:kustomize.toolkit.fluxcd.io/prune":{}}}}}"#;
        let marked = live(r#"{"f:data":{}}"#, annotated, r#""kustomize.toolkit.fluxcd.io/prune":"disabled""#);
        assert!(marked.all != before.all && marked.fields == before.fields, "a mark is heard");
        assert_ne!(live(r#"{"f:data":{}}"#, "", r#""fluxcd.io/sync-checksum":"x""#).all, before.all);
    }
}
