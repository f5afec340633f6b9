//! Whether an object that cannot be changed into what is wanted may be deleted and created anew.
//!
//! Flux takes any refusal of a forced object for an immutable field: an object whose new manifest is
//! invalid is deleted, and then cannot be created. Here the manifest has to pass on its own first,
//! as an object of another name. A definition never does, since its name is fixed: with it would go
//! all objects of its kind.

use crate::applier::Applier;
use weir_doc::Node;
use weir_kube::{ApplyOptions, KubeError};
use weir_object::meta;

/// Of the name, so much is kept that the suffix fits where names have 63 characters.
const KEPT: usize = 48;
const SUFFIX: &str = "-recreated";

impl Applier<'_> {
    pub(crate) async fn may_recreate(&self, node: &Node, live: &Node, error: &KubeError) -> bool {
        let is_asked_for = self.options.force || self.owner.is_forced(node) || self.owner.is_forced(live);
        let is_immutable = error.is_immutable();
        if !is_asked_for || !(is_immutable || error.status_reason() == "Invalid") {
            return false;
        }
        let options = ApplyOptions { manager: self.manager, force: true, dry_run: true };
        match self.session.apply(&renamed(node), options).await {
            Ok(_) => true,
            // A quota or a missing right stands in the way of the probe only, and the server has said what is wrong.
            Err(probe) => is_immutable && probe.status_reason() != "Invalid",
        }
    }
}

fn renamed(node: &Node) -> Node {
    let mut node = node.clone();
    let name: String = meta::name(&node).unwrap_or_default().chars().take(KEPT).collect();
    let name = format!("{}{SUFFIX}", name.trim_end_matches(['-', '.', ':']));
    node.ensure_map(&["metadata"]).insert("name", name);
    node
}
