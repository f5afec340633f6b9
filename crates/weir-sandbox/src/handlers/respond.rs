//! Objects in the form that a client accepts.

use super::{Call, is_plain};
use crate::kinds::convert;
use crate::request::{Accept, Form, Format};
use crate::resources::{Resource, Version};
use crate::service::SandboxBody;
use crate::store::Object;
use crate::table;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use std::borrow::Cow;
use std::sync::Arc;
use weir_doc::{Map, Node};

pub(crate) fn bytes(code: u16, content_type: &'static str, body: Bytes) -> Response<SandboxBody> {
    let mut response = Response::new(SandboxBody::full(body));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn text(body: &'static str) -> Response<SandboxBody> {
    bytes(200, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

pub(crate) fn node(code: u16, accept: Accept, node: &Node) -> Response<SandboxBody> {
    match accept.format {
        Format::Json => bytes(code, "application/json", weir_doc::to_json(node).into()),
        Format::Yaml => bytes(code, "application/yaml", weir_doc::emit::to_yaml(node).into()),
    }
}

/// The stored object at the version that was asked for.
pub(crate) fn at_version<'a>(resource: &Resource, version: &Version, object: &'a Object) -> Cow<'a, Node> {
    let wanted = resource.api_version(&version.name);
    match object.node.get("apiVersion").and_then(Node::as_str) {
        Some(current) if current == wanted => Cow::Borrowed(&object.node),
        _ => Cow::Owned(convert::to_version(resource, &wanted, &object.node)),
    }
}

/// One object in the form that was asked for.
pub(crate) fn shown(call: &Call<'_>, version: &Version, object: &Object) -> Node {
    let node = at_version(&call.resource, version, object);
    match call.accept.form {
        Form::Metadata => metadata_of(&node),
        Form::Table => {
            let include = call.query.get("includeObject").unwrap_or("Metadata");
            table::table(&call.resource, version, std::iter::once(&*node), include, true)
        }
        Form::Object | Form::Discovery => node.into_owned(),
    }
}

pub(crate) fn object(call: &Call<'_>, code: u16, object: &Arc<Object>, warnings: &[String]) -> Response<SandboxBody> {
    let version = call.version().expect("the route checked the version");
    let current = object.node.get("apiVersion").and_then(Node::as_str);
    let mut response = if is_plain(call.accept) && current == Some(&*call.resource.api_version(&version.name)) {
        bytes(code, "application/json", object.json())
    } else {
        node(code, call.accept, &shown(call, version, object))
    };
    warn(&mut response, warnings.iter().chain(&version.deprecation));
    response
}

/// Adds warning headers.
pub(crate) fn warn<'a>(response: &mut Response<SandboxBody>, warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Only the metadata of an object.
pub(crate) fn metadata_of(node: &Node) -> Node {
    let mut map = Map::new();
    map.insert("kind", "PartialObjectMetadata");
    map.insert("apiVersion", "meta.k8s.io/v1");
    map.insert("metadata", node.get("metadata").cloned().unwrap_or_else(Node::map));
    Node::from(map)
}
