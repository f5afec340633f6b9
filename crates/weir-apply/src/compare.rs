use weir_doc::{Map, Node};

/// Whether applying would change the object: its labels, its annotations, or anything outside
/// `metadata` and `status`. `wanted` is the answer to a dry-run, so defaults are in it.
pub(crate) fn differs(live: &Node, wanted: &Node) -> bool {
    let of = |node: &Node, key: &str| node.path(&["metadata", key]).and_then(Node::as_map).cloned();
    ["labels", "annotations"].iter().any(|key| {
        let (live, wanted) = (of(live, key).unwrap_or_default(), of(wanted, key).unwrap_or_default());
        live != wanted
    }) || body(live) != body(wanted)
}

/// Everything outside `metadata` and `status`.
pub(crate) fn body(node: &Node) -> Map {
    let mut map = node.as_map().cloned().unwrap_or_default();
    map.remove("metadata");
    map.remove("status");
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    #[test]
    fn status_and_server_fields_are_no_difference() {
        let live = node(
            r#"{"kind":"A","metadata":{"name":"x","uid":"1","resourceVersion":"5","labels":{"a":"b"}},"spec":{"n":1},
                "status":{"ready":true}}"#,
        );
        let same = node(r#"{"spec":{"n":1},"kind":"A","metadata":{"name":"x","labels":{"a":"b"},"annotations":{}}}"#);
        assert!(!differs(&live, &same));
        let label = node(r#"{"kind":"A","metadata":{"name":"x","labels":{"a":"c"}},"spec":{"n":1}}"#);
        assert!(differs(&live, &label));
        let spec = node(r#"{"kind":"A","metadata":{"name":"x","labels":{"a":"b"}},"spec":{"n":2}}"#);
        assert!(differs(&live, &spec));
    }
}
