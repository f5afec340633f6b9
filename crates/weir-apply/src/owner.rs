use weir_doc::Node;
use weir_object::meta;

/// Whose objects they are: the labels `GROUP/name` and `GROUP/namespace`, and the markers that an
/// object may carry under the same group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// API group of the owning kind, such as `kustomize.toolkit.fluxcd.io`.
    pub group: String,
    pub name: String,
    pub namespace: String,
}

impl Owner {
    pub fn label(&self, node: &mut Node) {
        meta::set_label(node, &format!("{}/name", self.group), &self.name);
        meta::set_label(node, &format!("{}/namespace", self.group), &self.namespace);
    }

    pub fn owns(&self, node: &Node) -> bool {
        meta::label(node, &format!("{}/name", self.group)) == Some(self.name.as_str())
            && meta::label(node, &format!("{}/namespace", self.group)) == Some(self.namespace.as_str())
    }

    fn is_marked(&self, node: &Node, marker: &str, value: &str) -> bool {
        meta::is_marked(node, &format!("{}/{marker}", self.group), value)
    }

    /// The object is to be left alone: neither applied nor deleted.
    pub fn is_left_alone(&self, node: &Node) -> bool {
        self.is_marked(node, "reconcile", "disabled") || self.is_marked(node, "ssa", "Ignore")
    }

    pub fn is_create_only(&self, node: &Node) -> bool {
        self.is_marked(node, "ssa", "IfNotPresent")
    }

    /// Fields of other managers are left with them.
    pub fn is_merged(&self, node: &Node) -> bool {
        self.is_marked(node, "ssa", "Merge")
    }

    pub fn is_kept(&self, node: &Node) -> bool {
        self.is_marked(node, "prune", "disabled")
    }

    pub fn is_forced(&self, node: &Node) -> bool {
        self.is_marked(node, "force", "enabled")
    }
}
