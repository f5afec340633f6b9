//! The resources and first objects of Kubernetes 1.37, from `tables/cluster-1.37.json.gz`.

use super::{Column, Resource, SchemaRef, Subresource, Version};
use std::io::Read;
use std::sync::{Arc, OnceLock};
use weir_doc::Node;
use weir_merge::Schema;

fn table() -> &'static Node {
    static TABLE: OnceLock<Node> = OnceLock::new();
    TABLE.get_or_init(|| unpack(include_bytes!("../../tables/cluster-1.37.json.gz")))
}

/// Reads a compressed JSON file that is part of this crate.
pub(crate) fn unpack(bytes: &[u8]) -> Node {
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut json).expect("the table is committed with this crate");
    weir_doc::from_json(&json).expect("the table is committed with this crate")
}

/// Roles, bindings and priority classes that every cluster has.
pub(crate) fn bootstrap_objects() -> &'static [Node] {
    table().get("objects").and_then(Node::as_seq).map_or(&[], |objects| objects)
}

pub(super) fn resources() -> Vec<Resource> {
    let mut out: Vec<Resource> = Vec::new();
    for row in table().get("resources").and_then(Node::as_seq).into_iter().flatten() {
        let text = |key: &str| row.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (group, name, kind) = (text("group"), text("name"), text("kind"));
        let version = version(row, &group, &text("version"), &kind);
        if let Some(known) = out.iter_mut().find(|known| known.group == group && known.plural == name) {
            known.versions.push(version);
            known.versions.sort_by_key(|version| std::cmp::Reverse(super::version_order(&version.name)));
            continue;
        }
        out.push(Resource {
            singular: text("singular"),
            list_kind: format!("{kind}List"),
            namespaced: row.get("namespaced").and_then(Node::as_bool) == Some(true),
            short_names: strings(row.get("shortNames")),
            categories: strings(row.get("categories")),
            verbs: strings(row.get("verbs")),
            hash: text("hash"),
            versions: vec![version],
            custom: false,
            key: if kind == "Event" { "events".into() } else { crate::status::qualified(&name, &group).into() },
            plural: name,
            group,
            kind,
        });
    }
    out
}

fn version(row: &Node, group: &str, name: &str, kind: &str) -> Version {
    let schema = Schema::builtin();
    let list = |key: &str| row.get(key).and_then(Node::as_seq).into_iter().flatten();
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let columns = list("columns").map(|column| Column {
        name: text(column, "name"),
        ty: text(column, "type"),
        format: text(column, "format"),
        description: text(column, "description"),
        priority: column.get("priority").and_then(Node::as_i64).unwrap_or_default(),
        path: None,
    });
    let subresources = list("subresources").map(|sub| Subresource {
        name: text(sub, "name"),
        group: text(sub, "group"),
        version: text(sub, "version"),
        kind: text(sub, "kind"),
        verbs: strings(sub.get("verbs")),
    });
    Version {
        name: name.to_owned(),
        schema: SchemaRef::Builtin(schema),
        ty: schema.kind(group, name, kind).unwrap_or(weir_merge::schema::DEDUCED),
        columns: Arc::new(columns.collect()),
        subresources: subresources.collect(),
        rules: None,
        scale: None,
        deprecation: (group.is_empty() && kind == "Endpoints")
            .then(|| "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned()),
    }
}

pub(super) fn strings(node: Option<&Node>) -> Vec<String> {
    node.and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str).map(str::to_owned).collect()
}
