//! Fields that others set by hand become ours, so that applying removes what is not in the manifest.
//!
//! As fluxcd/pkg/ssa: the entries of `kubectl` and of an update under our own name are merged into
//! our apply entry, and the marks that kubectl and old versions of Flux left are removed.

use weir_doc::Node;
use weir_merge::{FieldSet, operation};
use weir_object::meta;

/// Managers by the beginning of their name, and the operations that are taken over.
const MANAGERS: [(&str, &[&str]); 2] = [("kubectl", &["Apply", "Update"]), ("before-first-apply", &["Update"])];
const ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];
const LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];

/// Who takes over, and from whom besides kubectl (`--override-manager`).
#[derive(Clone, Copy)]
pub(crate) struct Takeover<'a> {
    pub manager: &'a str,
    pub overrides: &'a [String],
}

/// Whether a label or an annotation is a mark of others, which is removed.
pub(crate) fn is_removed(part: &str, key: &str) -> bool {
    if part == "labels" { LABELS.contains(&key) } else { ANNOTATIONS.contains(&key) }
}

/// The JSON patch that takes over what is to be taken over on a live object; `None` when nothing is.
pub(crate) fn patch(live: &Node, takeover: Takeover<'_>) -> Option<Node> {
    let mut operations = Vec::new();
    for (key, path) in ANNOTATIONS.iter().map(|k| (k, "annotations")).chain(LABELS.iter().map(|k| (k, "labels"))) {
        if live.path(&["metadata", path, key]).is_some() {
            let pointer = format!("/metadata/{path}/{}", key.replace('~', "~0").replace('/', "~1"));
            operations.push(operation("remove", &pointer, None));
        }
    }
    if let Some(entries) = takeover.merged(live) {
        operations.push(operation("replace", "/metadata/managedFields", Some(Node::from(entries))));
    }
    if operations.is_empty() {
        return None;
    }
    // Only on the very version that was looked at.
    let version = meta::resource_version(live).map(Node::from);
    operations.insert(0, operation("test", "/metadata/resourceVersion", version));
    Some(Node::from(operations))
}

/// The JSON patch that notes all fields of a live object under a version, whoever manages them; `None` when they are.
pub(crate) fn migration(live: &Node, api_version: &str) -> Option<Node> {
    let mut entries = live.path(&["metadata", "managedFields"])?.as_seq()?.clone();
    let mut is_stale = false;
    for entry in &mut entries {
        if text(entry, "apiVersion") != api_version {
            entry.set("apiVersion", api_version);
            is_stale = true;
        }
    }
    let version = meta::resource_version(live).map(Node::from);
    is_stale.then(|| {
        Node::from(vec![
            operation("test", "/metadata/resourceVersion", version),
            operation("replace", "/metadata/managedFields", Some(Node::from(entries))),
        ])
    })
}

/// The version of the object that a patch is for.
pub(crate) fn version(patch: &Node) -> Option<&str> {
    patch.as_seq()?.first()?.str_at(&["value"])
}

impl Takeover<'_> {
    pub fn is_ours(&self, entry: &Node) -> bool {
        text(entry, "manager") == self.manager && text(entry, "operation") == "Apply"
    }

    /// Whether the fields of an entry become ours.
    pub fn takes(&self, entry: &Node) -> bool {
        let (name, operation) = (text(entry, "manager"), text(entry, "operation"));
        let is_named = |prefix: &str| name.starts_with(prefix);
        text(entry, "subresource").is_empty()
            && (MANAGERS.iter().any(|(prefix, operations)| is_named(prefix) && operations.contains(&operation))
                || self.overrides.iter().any(|prefix| is_named(prefix) && ["Apply", "Update"].contains(&operation))
                || (is_named(self.manager) && operation == "Update"))
    }

    /// The entries with those of the others merged into ours.
    fn merged(&self, live: &Node) -> Option<Vec<Node>> {
        let entries = live.path(&["metadata", "managedFields"])?.as_seq()?;
        let (mut kept, mut taken) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| !self.is_ours(entry)) {
            if self.takes(entry) { taken.push(entry) } else { kept.push(entry.clone()) }
        }
        if taken.is_empty() {
            return None;
        }
        let mut ours = entries.iter().find(|entry| self.is_ours(entry)).unwrap_or(taken[0]).clone();
        let mut fields = FieldSet::default();
        for entry in entries.iter().filter(|entry| self.is_ours(entry)).chain(taken) {
            if let Some(set) = entry.get("fieldsV1").and_then(|node| FieldSet::from_node(node).ok()) {
                fields = fields.union(&set);
            }
        }
        ours.set("manager", self.manager);
        ours.set("operation", "Apply");
        ours.set("fieldsV1", fields.to_node());
        kept.push(ours);
        Some(kept)
    }
}

fn text<'n>(entry: &'n Node, key: &str) -> &'n str {
    entry.str_at(&[key]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::patch as patch_of;
    use super::*;

    #[test]
    fn fields_are_noted_under_the_version_that_is_applied() {
        let entries = r#"{"manager":"a","apiVersion":"x/v1","fieldsV1":{}},{"manager":"b","apiVersion":"x/v2","subresource":"status"}"#;
        let patch = migration(&live(entries, ""), "x/v2").expect("one is stale");
        let text = String::from_utf8(weir_doc::to_json(&patch)).expect("JSON");
        assert_eq!(
            text,
            r#"[{"op":"test","path":"/metadata/resourceVersion","value":"7"},{"op":"replace","path":"/metadata/managedFields","value":[{"manager":"a","apiVersion":"x/v2","fieldsV1":{}},{"manager":"b","apiVersion":"x/v2","subresource":"status"}]}]"#
        );
        assert!(migration(&live(entries, ""), "x/v1").is_some());
        assert!(migration(&live(r#"{"manager":"a","apiVersion":"x/v2"}"#, ""), "x/v2").is_none());
        assert!(migration(&Node::map(), "x/v2").is_none());
    }

    const TAKEOVER: Takeover<'static> = Takeover { manager: "kustomize-controller", overrides: &[] };

    fn live(entries: &str, annotations: &str) -> Node {
        let text = format!(
            r#"{{"metadata":{{"resourceVersion":"7","annotations":{{{annotations}}},"managedFields":[{entries}]}}}}"#
        );
        weir_doc::from_json(text.as_bytes()).expect("valid")
    }

    const OURS: &str =
        r#"{"manager":"kustomize-controller","operation":"Apply","apiVersion":"v1","fieldsV1":{"f:data":{"f:a":{}}}}"#;
    const KUBECTL: &str =
        r#"{"manager":"kubectl-edit","operation":"Update","apiVersion":"v1","fieldsV1":{"f:data":{"f:b":{}}}}"#;
    const STATUS: &str =
        r#"{"manager":"kubectl","operation":"Update","subresource":"status","fieldsV1":{"f:status":{}}}"#;
    const OTHER: &str = r#"{"manager":"hpa","operation":"Update","fieldsV1":{"f:spec":{}}}"#;

    #[test]
    fn what_kubectl_set_becomes_ours_and_the_rest_stays() {
        let node = live(&[OURS, KUBECTL, STATUS, OTHER].join(","), "");
        let patch = patch(&node, TAKEOVER).expect("a patch");
        let text = String::from_utf8(weir_doc::to_json(&patch)).expect("text");
        let entries = &text[text.find("\"value\":[").expect("the entries")..];
        assert!(text.starts_with(r#"[{"op":"test","path":"/metadata/resourceVersion","value":"7"}"#), "{text}");
        assert!(entries.contains(r#""fieldsV1":{"f:data":{"f:a":{},"f:b":{}}}"#), "{entries}");
        assert!(
            !entries.contains("kubectl-edit") && entries.contains("hpa") && entries.contains("f:status"),
            "{entries}"
        );
    }

    #[test]
    fn without_an_entry_of_ours_the_first_is_renamed() {
        let patch = patch(&live(KUBECTL, ""), TAKEOVER).expect("a patch");
        let text = String::from_utf8(weir_doc::to_json(&patch)).expect("text");
        assert!(text.contains(r#""manager":"kustomize-controller","operation":"Apply""#), "{text}");
    }

    #[test]
    fn marks_of_kubectl_go_and_nothing_else_is_touched() {
        let node = live(OURS, r#""kubectl.kubernetes.io/last-applied-configuration":"{}","mine":"x""#);
        let text = String::from_utf8(weir_doc::to_json(&patch(&node, TAKEOVER).expect("a patch"))).expect("text");
        let removal =
            r#"{"op":"remove","path":"/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"}"#;
        assert!(text.contains(removal) && !text.contains("mine") && !text.contains("managedFields"), "{text}");
        assert_eq!(patch(&live(&[OURS, OTHER].join(","), r#""mine":"x""#), TAKEOVER), None);
        let named = Takeover { overrides: &["hp".to_owned()], ..TAKEOVER };
        assert!(patch_of(&live(OTHER, ""), named).is_some(), "by the beginning of the name");
    }
}
