//! The scale subresource of workloads and custom resources.

use super::{Call, respond};
use crate::pipeline::{self, Writing};
use crate::request::body::{self, PatchKind};
use crate::request::{Accept, Form};
use crate::service::SandboxBody;
use crate::status::{ApiError, Cause};
use bytes::Bytes;
use http::Response;
use weir_doc::{Map, Node, Value};

/// Where an object keeps its replicas, as paths.
struct Paths {
    spec: Vec<String>,
    status: Vec<String>,
    selector: Vec<String>,
}

fn paths(call: &Call<'_>) -> Result<Paths, ApiError> {
    let of = |text: &str| text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<String>>();
    Ok(match &call.version()?.scale {
        Some(scale) => {
            let text = |key: &str| of(scale.get(key).and_then(Node::as_str).unwrap_or_default());
            Paths {
                spec: text("specReplicasPath"),
                status: text("statusReplicasPath"),
                selector: text("labelSelectorPath"),
            }
        }
        None => Paths { spec: of(".spec.replicas"), status: of(".status.replicas"), selector: of(".spec.selector") },
    })
}

fn at<'a>(node: &'a Node, path: &[String]) -> Option<&'a Node> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    node.path(&path).filter(|_| !path.is_empty())
}

fn scale_of(object: &Node, paths: &Paths) -> Node {
    let mut meta = Map::new();
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.path(&["metadata", key]) {
            meta.insert(key, value.clone());
        }
    }
    let count = |path: &[String]| at(object, path).and_then(Node::as_i64).unwrap_or_default();
    let mut spec = Map::new();
    if at(object, &paths.spec).is_some() {
        spec.insert("replicas", count(&paths.spec));
    }
    let mut status = Map::new();
    status.insert("replicas", count(&paths.status));
    if let Some(selector) = at(object, &paths.selector).and_then(selector_text) {
        status.insert("selector", selector);
    }
    let mut map = Map::new();
    map.insert("kind", "Scale");
    map.insert("apiVersion", "autoscaling/v1");
    map.insert("metadata", meta);
    map.insert("spec", spec);
    map.insert("status", status);
    Node::from(map)
}

/// A selector in its text form; replication controllers have a plain map.
fn selector_text(selector: &Node) -> Option<String> {
    if let Value::String(text) = &selector.value {
        return Some(text.clone());
    }
    let labels = selector.get("matchLabels").or(Some(selector)).and_then(Node::as_map)?;
    let mut terms: Vec<String> =
        labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    terms.sort();
    Some(terms.join(","))
}

pub(super) fn scale(call: &Call<'_>, verb: &str, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let target = &call.target;
    let paths = paths(call)?;
    let accept = Accept { form: Form::Object, ..call.accept };
    let mut state = call.cluster.lock();
    let old = state.store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    let old = old.ok_or_else(|| ApiError::not_found(&call.resource, &target.name))?;
    let mut scale = scale_of(&old.node, &paths);
    match verb {
        "get" => return Ok(respond::node(200, accept, &scale)),
        "update" => scale = body::object(&call.content_type, bytes)?,
        _ => match PatchKind::of(&call.content_type, !call.resource.custom)? {
            PatchKind::Json => weir_merge::json_patch(&mut scale, &body::json(bytes)?)
                .map_err(|error| ApiError::bad_request(error.to_string()))?,
            // A Scale has no lists: the other patches are all the same on it.
            _ => weir_merge::merge_patch(&mut scale, &body::json_or_yaml(bytes)?),
        },
    }
    let replicas = scale.path(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or_default();
    if replicas < 0 {
        let cause = Cause::invalid("spec.replicas", &Node::from(replicas), "must be greater than or equal to 0");
        return Err(ApiError::invalid("autoscaling", "Scale", &target.name, vec![cause]));
    }
    let mut node = old.node.clone();
    let meta = node.ensure_map(&["metadata"]);
    match scale.path(&["metadata", "resourceVersion"]).and_then(Node::as_str).filter(|revision| !revision.is_empty()) {
        Some(revision) => drop(meta.insert("resourceVersion", revision)),
        None => drop(meta.remove("resourceVersion")),
    }
    let path: Vec<&str> = paths.spec.iter().map(String::as_str).collect();
    let Some((last, way)) = path.split_last() else { return Err(ApiError::path_not_found()) };
    node.ensure_map(way).insert(*last, replicas);
    let writing = Writing {
        resource: &call.resource,
        version: call.version()?,
        subresource: "",
        user: Some(&call.user),
        manager: call.manager(),
        dry_run: call.query.dry_run()?,
    };
    let object = pipeline::update(&mut state, &writing, &old, node, None)?;
    drop(state);
    Ok(respond::node(200, accept, &scale_of(&object.node, &paths)))
}
