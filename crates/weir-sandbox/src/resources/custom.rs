//! A CustomResourceDefinition as a resource.

use super::builtin::strings;
use super::{Column, Resource, SchemaRef, Subresource, Version};
use std::sync::Arc;
use weir_doc::Node;
use weir_merge::Schema;

/// The verbs of every custom resource.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The resource that a CRD, already validated and defaulted, defines.
pub(crate) fn resource_of_crd(crd: &Node) -> Resource {
    let text = |path: &[&str]| crd.str_at_or_empty(path);
    let (group, plural, kind) =
        (text(&["spec", "group"]), text(&["spec", "names", "plural"]), text(&["spec", "names", "kind"]));
    let mut versions: Vec<Version> = crd
        .path(&["spec", "versions"])
        .and_then(Node::as_seq)
        .into_iter()
        .flatten()
        .filter(|version| version.get("served").and_then(Node::as_bool) == Some(true))
        .map(|version| custom_version(version, &group, &kind))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(super::version_order(&version.name)));
    Resource {
        singular: text(&["spec", "names", "singular"]),
        list_kind: text(&["spec", "names", "listKind"]),
        namespaced: text(&["spec", "scope"]) == "Namespaced",
        short_names: strings(crd.path(&["spec", "names", "shortNames"])),
        categories: strings(crd.path(&["spec", "names", "categories"])),
        verbs: VERBS.map(str::to_owned).to_vec(),
        hash: storage_hash(crd, &group, &kind),
        versions,
        custom: true,
        key: crate::status::qualified(&plural, &group).into(),
        group,
        plural,
        kind,
    }
}

/// By this clients see that the stored form changes.
fn storage_hash(crd: &Node, group: &str, kind: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    let versions = crd.path(&["spec", "versions"]).and_then(Node::as_seq).into_iter().flatten();
    let storage = versions.into_iter().find(|version| version.get("storage").and_then(Node::as_bool) == Some(true));
    let version = storage.map(|version| version.str_at_or_empty(&["name"])).unwrap_or_default();
    let digest = sha2::Sha256::digest(format!("{group}/{version}/{kind}"));
    base64::engine::general_purpose::STANDARD.encode(&digest[..8])
}

fn custom_version(version: &Node, group: &str, kind: &str) -> Version {
    let empty = Node::map();
    let rules = version.path(&["schema", "openAPIV3Schema"]).unwrap_or(&empty);
    let (schema, ty) = Schema::from_crd_schema(rules);
    let name = version.str_at_or_empty(&["name"]);
    let mut subresources = Vec::new();
    let mut add = |sub: &str, group: &str, sub_version: &str, kind: &str| {
        subresources.push(Subresource {
            name: sub.to_owned(),
            group: group.to_owned(),
            version: sub_version.to_owned(),
            kind: kind.to_owned(),
            verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
        });
    };
    if version.path(&["subresources", "status"]).is_some() {
        add("status", group, &name, kind);
    }
    let scale = version.path(&["subresources", "scale"]).cloned();
    if scale.is_some() {
        add("scale", "autoscaling", "v1", "Scale");
    }
    let deprecation = (version.get("deprecated").and_then(Node::as_bool) == Some(true)).then(|| {
        let own = version.get("deprecationWarning").and_then(Node::as_str).map(str::to_owned);
        own.unwrap_or_else(|| format!("{group}/{name} {kind} is deprecated"))
    });
    Version {
        schema: SchemaRef::Custom(Arc::new(schema)),
        ty,
        columns: Arc::new(columns(version)),
        subresources,
        rules: Some(Arc::new(rules.clone())),
        scale,
        deprecation,
        name,
    }
}

fn columns(version: &Node) -> Vec<Column> {
    let column = |name: &str, ty: &str, format: &str, path: Option<String>| Column {
        name: name.to_owned(),
        ty: ty.to_owned(),
        format: format.to_owned(),
        description: String::new(),
        priority: 0,
        path,
    };
    let mut out = vec![column("Name", "string", "name", None)];
    match version.get("additionalPrinterColumns").and_then(Node::as_seq).filter(|columns| !columns.is_empty()) {
        Some(columns) => out.extend(columns.iter().map(|node| Column {
            name: node.str_at_or_empty(&["name"]),
            ty: node.str_at_or_empty(&["type"]),
            format: node.str_at_or_empty(&["format"]),
            description: node.str_at_or_empty(&["description"]),
            priority: node.get("priority").and_then(Node::as_i64).unwrap_or_default(),
            path: Some(node.str_at_or_empty(&["jsonPath"])),
        })),
        None => out.push(column("Age", "date", "", Some(".metadata.creationTimestamp".to_owned()))),
    }
    out
}

trait Text {
    fn str_at_or_empty(&self, path: &[&str]) -> String;
}

impl Text for Node {
    fn str_at_or_empty(&self, path: &[&str]) -> String {
        self.path(path).and_then(Node::as_str).unwrap_or_default().to_owned()
    }
}
