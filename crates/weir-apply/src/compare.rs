use weir_doc::Node;

/// Whether applying would change the object: its labels, its annotations, or anything outside
/// `metadata` and `status`. `wanted` is the answer to a dry-run, so defaults are in it.
pub(crate) fn differs(live: &Node, wanted: &Node) -> bool {
    content(live) != content(wanted)
}

/// What of an object is compared.
pub(crate) fn content(node: &Node) -> [Node; 3] {
    let of = |key: &str| node.path(&["metadata", key]).and_then(Node::as_map).cloned().unwrap_or_default();
    let mut body = node.as_map().cloned().unwrap_or_default();
    body.remove("metadata");
    body.remove("status");
    [of("labels"), of("annotations"), body].map(Node::from)
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
