//! OpenAPI v3, as far as clients need it to validate and to patch: the built-in documents come from
//! `tables/openapi-1.37.json.gz` without their descriptions, those of custom resources from their
//! schemas.

use super::{Registry, builtin};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use weir_doc::{Map, Node};

fn documents() -> &'static Map {
    static DOCUMENTS: OnceLock<Node> = OnceLock::new();
    static EMPTY: OnceLock<Map> = OnceLock::new();
    let node = DOCUMENTS.get_or_init(|| builtin::unpack(include_bytes!("../../tables/openapi-1.37.json.gz")));
    node.as_map().unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}

/// `/openapi/v3`: the paths of the documents, each with the hash of its content.
pub(crate) fn index(registry: &Registry) -> Node {
    let mut paths = Map::new();
    let mut add = |path: &str, hash: String| {
        let mut entry = Map::new();
        entry.insert("serverRelativeURL", format!("/openapi/v3/{path}?hash={hash}"));
        paths.insert(path, entry);
    };
    for path in documents().keys() {
        add(path, "1.37.2".to_owned());
    }
    for (group, versions) in registry.groups() {
        for version in versions {
            let path = format!("apis/{group}/{version}");
            if !group.is_empty() && !documents().contains(&path) {
                let content = custom(registry, &group, &version);
                let digest = Sha256::digest(weir_doc::to_json(&content));
                add(&path, digest.iter().map(|byte| format!("{byte:02X}")).collect());
            }
        }
    }
    let mut out = Map::new();
    out.insert("paths", paths);
    Node::from(out)
}

/// `/openapi/v3/PATH`
pub(crate) fn document(registry: &Registry, path: &str) -> Option<Node> {
    if let Some(known) = documents().get(path) {
        return Some(known.clone());
    }
    let (group, version) = path.strip_prefix("apis/")?.split_once('/')?;
    let served = registry.iter().any(|resource| resource.group == group && resource.version(version).is_some());
    served.then(|| custom(registry, group, version))
}

/// `/openapi/v2` in its JSON form: definitions only.
pub(crate) fn swagger(registry: &Registry) -> Node {
    let mut definitions = Map::new();
    for document in documents().values() {
        for (name, schema) in
            document.path(&["components", "schemas"]).and_then(Node::as_map).into_iter().flat_map(Map::iter)
        {
            let mut schema = schema.clone();
            to_v2(&mut schema);
            definitions.insert(name.clone(), schema);
        }
    }
    for resource in registry.iter().filter(|resource| resource.custom) {
        for version in &resource.versions {
            if let Some(schema) = schema(resource, version) {
                definitions.insert(schema_name(&resource.group, &version.name, &resource.kind), schema);
            }
        }
    }
    let mut info = Map::new();
    info.insert("title", "Kubernetes");
    info.insert("version", "v1.37.2");
    let mut out = Map::new();
    out.insert("swagger", "2.0");
    out.insert("info", info);
    out.insert("paths", Node::map());
    out.insert("definitions", definitions);
    Node::from(out)
}

fn to_v2(node: &mut Node) {
    match &mut node.value {
        weir_doc::Value::Map(map) => {
            map.remove("default");
            let single = map.get("allOf").and_then(Node::as_seq).filter(|all| all.len() == 1).map(|all| all[0].clone());
            if let Some(reference) = single.and_then(|one| one.get("$ref").cloned()) {
                map.remove("allOf");
                map.insert("$ref", reference);
            }
            if let Some(text) = map.get("$ref").and_then(Node::as_str) {
                let text = text.replace("#/components/schemas/", "#/definitions/");
                map.insert("$ref", text);
            }
            map.values_mut().for_each(to_v2);
        }
        weir_doc::Value::Seq(items) => items.iter_mut().for_each(to_v2),
        _ => {}
    }
}

fn schema(resource: &super::Resource, version: &super::Version) -> Option<Node> {
    let mut schema = Node::clone(version.rules.as_deref()?);
    let mut gvk = Map::new();
    gvk.insert("group", resource.group.as_str());
    gvk.insert("version", version.name.as_str());
    gvk.insert("kind", resource.kind.as_str());
    schema.set("x-kubernetes-group-version-kind", vec![Node::from(gvk)]);
    Some(schema)
}

fn schema_name(group: &str, version: &str, kind: &str) -> String {
    let reversed: Vec<&str> = group.rsplit('.').collect();
    format!("{}.{version}.{kind}", reversed.join("."))
}

fn custom(registry: &Registry, group: &str, version: &str) -> Node {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for resource in registry.iter().filter(|resource| resource.group == group && resource.custom) {
        let Some(served) = resource.version(version) else { continue };
        let Some(schema) = schema(resource, served) else { continue };
        let mut gvk = Map::new();
        gvk.insert("group", group);
        gvk.insert("version", version);
        gvk.insert("kind", resource.kind.as_str());
        let parameters: Vec<Node> = ["dryRun", "fieldManager", "fieldValidation", "force"]
            .iter()
            .map(|name| {
                let mut parameter = Map::new();
                parameter.insert("name", *name);
                parameter.insert("in", "query");
                Node::from(parameter)
            })
            .collect();
        let mut operations = Map::new();
        for (method, action) in [("get", "get"), ("put", "put"), ("patch", "patch"), ("delete", "delete")] {
            let mut operation = Map::new();
            operation.insert("parameters", parameters.clone());
            operation.insert("responses", Node::map());
            operation.insert("x-kubernetes-action", action);
            operation.insert("x-kubernetes-group-version-kind", gvk.clone());
            operations.insert(method, operation);
        }
        let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        paths.insert(format!("/apis/{group}/{version}{scope}/{}/{{name}}", resource.plural), operations);
        schemas.insert(schema_name(group, version, &resource.kind), schema);
    }
    let mut info = Map::new();
    info.insert("title", "Kubernetes CRD Swagger");
    info.insert("version", "v0.1.0");
    let mut components = Map::new();
    components.insert("schemas", schemas);
    let mut out = Map::new();
    out.insert("openapi", "3.0.0");
    out.insert("info", info);
    out.insert("paths", paths);
    out.insert("components", components);
    Node::from(out)
}
