//! An object without what only the server or its controllers set.

use crate::run::MANAGER;
use weir_doc::{Map, Node};
use weir_object::meta;

pub fn reduced(mut live: Node, managers: &[&str], namespace: &str) -> Node {
    let uid = meta::uid(&live).unwrap_or_default().to_owned();
    live.remove("status");
    let metadata = live.ensure_map(&["metadata"]);
    let managed = metadata.remove("managedFields");
    for key in ["uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"] {
        metadata.remove(key);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_map_mut) {
        annotations.remove("deployment.kubernetes.io/revision");
        annotations.remove("deprecated.daemonset.template.generation");
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    if metadata.contains("deletionTimestamp") {
        metadata.insert("deletionTimestamp", "$TIME");
    }
    let managed = managed.and_then(|node| node.as_seq().cloned()).unwrap_or_default();
    live.set("owners", Node::from(owners(managed, managers)));
    if meta::kind(&live) == "PersistentVolumeClaim" {
        live.ensure_map(&["spec"]).remove("volumeName");
    }
    if meta::kind(&live) == "Service"
        && live.str_at(&["spec", "clusterIP"]).is_some_and(|ip| !["", "None"].contains(&ip))
    {
        let spec = live.ensure_map(&["spec"]);
        spec.insert("clusterIP", "$IP");
        spec.insert("clusterIPs", Node::from(vec![Node::from("$IP")]));
    }
    let mut text = String::from_utf8(weir_doc::to_json(&live)).unwrap().replace(namespace, "$NS");
    if !uid.is_empty() {
        text = text.replace(&uid, "$UID");
    }
    weir_doc::from_json(text.as_bytes()).unwrap()
}

/// Who owns which fields. What the cluster's own controllers wrote meanwhile is no matter of a history.
fn owners(managed: Vec<Node>, managers: &[&str]) -> Vec<Node> {
    let text = |entry: &Node, key: &str| entry.str_at(&[key]).unwrap_or_default().to_owned();
    let is_known = |entry: &Node| {
        let manager = text(entry, "manager");
        manager == MANAGER || managers.contains(&manager.as_str())
    };
    let mut owners: Vec<Node> = managed
        .into_iter()
        .filter(is_known)
        .map(|entry| {
            let mut owner = Map::new();
            for key in ["manager", "operation", "apiVersion", "subresource"] {
                if let Some(value) = entry.get(key).filter(|value| value.as_str() != Some("")) {
                    owner.insert(key, value.clone());
                }
            }
            owner.insert("fieldsV1", entry.get("fieldsV1").cloned().unwrap_or_else(Node::map));
            Node::from(owner)
        })
        .collect();
    owners.sort_by_key(|owner| ["manager", "operation", "apiVersion", "subresource"].map(|key| text(owner, key)));
    owners
}
