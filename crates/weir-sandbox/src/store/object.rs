use bytes::Bytes;
use std::sync::OnceLock;
use weir_doc::Node;

/// A stored object. It never changes; its JSON is made once.
#[derive(Debug)]
pub(crate) struct Object {
    pub node: Node,
    pub revision: u64,
    json: OnceLock<Bytes>,
}

impl Object {
    pub fn new(node: Node, revision: u64) -> Self {
        Object { node, revision, json: OnceLock::new() }
    }

    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| Bytes::from(weir_doc::to_json(&self.node))).clone()
    }

    fn meta(&self, key: &str) -> Option<&Node> {
        self.node.path(&["metadata", key])
    }

    pub fn uid(&self) -> Option<&str> {
        self.meta("uid").and_then(Node::as_str)
    }

    pub fn name(&self) -> &str {
        self.meta("name").and_then(Node::as_str).unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.meta("namespace").and_then(Node::as_str).unwrap_or_default()
    }

    pub fn is_terminating(&self) -> bool {
        self.meta("deletionTimestamp").is_some()
    }

    pub fn finalizers(&self) -> Vec<&str> {
        self.meta("finalizers").and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str).collect()
    }

    pub fn owners(&self) -> impl Iterator<Item = &Node> {
        self.meta("ownerReferences").and_then(Node::as_seq).into_iter().flatten()
    }

    pub fn owner_uids(&self) -> Vec<String> {
        self.owners().filter_map(|owner| owner.get("uid")).filter_map(Node::as_str).map(str::to_owned).collect()
    }

    /// The uid of the owner that controls this object.
    pub fn controller(&self) -> Option<&str> {
        let owner = self.owners().find(|owner| owner.get("controller").and_then(Node::as_bool) == Some(true))?;
        owner.get("uid")?.as_str()
    }
}
