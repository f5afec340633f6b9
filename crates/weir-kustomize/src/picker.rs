use crate::KustomizeError;
use crate::fields;
use crate::id::Gvk;
use crate::selector::Selector;
use std::collections::BTreeMap;
use weir_doc::{Map, Node};

/// Picks finished objects by the parts of a patch target: regular expressions for group, version, kind, name and
/// namespace, selectors for labels and annotations. Absent parts fit everything.
#[derive(Clone, Debug)]
pub struct Picker(Selector);

impl Picker {
    /// Reads the parts; `field` is what errors call them.
    pub fn read(target: &Node, field: &str) -> Result<Self, KustomizeError> {
        let selector = fields::read(target, field, Selector::read)?;
        selector.check()?;
        Ok(Self(selector))
    }

    pub fn picks(&self, object: &Node) -> bool {
        let text = |path: &[&str]| object.str_at(path).unwrap_or_default();
        let gvk = Gvk::parse(text(&["apiVersion"]), text(&["kind"]));
        let strings = |key: &str| -> BTreeMap<String, String> {
            let map = object.path(&["metadata", key]).and_then(Node::as_map).into_iter().flat_map(Map::iter);
            map.filter_map(|(key, value)| Some((key.as_str().to_owned(), value.as_str()?.to_owned()))).collect()
        };
        self.0.fits(
            &gvk,
            (text(&["metadata", "name"]), text(&["metadata", "namespace"])),
            (&strings("labels"), &strings("annotations")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    #[test]
    fn every_part_has_to_fit() {
        let object = node(
            r#"{"apiVersion":"apps/v1","kind":"Deployment",
                "metadata":{"name":"web-1","namespace":"team","labels":{"tier":"front"}}}"#,
        );
        for (target, expect) in [
            ("{}", true),
            (r#"{"kind":"Deployment","group":"apps","version":"v1","name":"web-.*"}"#, true),
            (r#"{"name":"web"}"#, false),
            (r#"{"namespace":"other"}"#, false),
            (r#"{"labelSelector":"tier in (front,back),!old"}"#, true),
            (r#"{"annotationSelector":"a"}"#, false),
        ] {
            let picker = Picker::read(&node(target), "spec.ignore[0].target").expect("a target");
            assert_eq!(picker.picks(&object), expect, "{target}");
        }
        let error = Picker::read(&node(r#"{"name":"("}"#), "spec.ignore[0].target").expect_err("no pattern");
        assert!(error.to_string().contains("spec.ignore[0].target.name"), "{error}");
    }
}
