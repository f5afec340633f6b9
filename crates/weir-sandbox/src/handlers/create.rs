//! POST and PUT.

use super::{Call, decode, respond};
use crate::pipeline::{self, Writing};
use crate::service::SandboxBody;
use crate::status::{ApiError, Cause};
use bytes::Bytes;
use http::Response;
use weir_doc::Node;

impl Call<'_> {
    pub(super) fn writing(&self) -> Result<Writing<'_>, ApiError> {
        Ok(Writing {
            resource: &self.resource,
            version: self.version()?,
            subresource: &self.target.subresource,
            user: Some(&self.user),
            manager: self.manager(),
            dry_run: self.query.dry_run()?,
        })
    }

    /// Puts the namespace of the path into the object, or refuses another.
    pub(super) fn settle_namespace(&self, node: &mut Node) -> Result<(), ApiError> {
        let meta = node.ensure_map(&["metadata"]);
        let own = meta.get("namespace").and_then(Node::as_str).unwrap_or_default();
        if !self.resource.namespaced {
            meta.remove("namespace");
        } else if own.is_empty() {
            meta.insert("namespace", self.target.namespace.as_str());
        } else if own != self.target.namespace {
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(ApiError::bad_request(message));
        }
        Ok(())
    }
}

pub(super) fn create(call: &Call<'_>, body: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let (mut node, warnings) = decode::object(call, body)?;
    call.settle_namespace(&mut node)?;
    let revision = node.path(&["metadata", "resourceVersion"]).and_then(Node::as_str).unwrap_or_default();
    if !revision.is_empty() {
        return Err(ApiError::bare_internal("resourceVersion should not be set on objects to be created"));
    }
    let writing = call.writing()?;
    let mut state = call.cluster.lock();
    let object = pipeline::create(&mut state, &writing, node, None).map_err(|error| error.warn(&warnings))?;
    drop(state);
    Ok(respond::object(call, 201, &object, &warnings))
}

pub(super) fn replace(call: &Call<'_>, body: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let (mut node, warnings) = decode::object(call, body)?;
    call.settle_namespace(&mut node)?;
    let target = &call.target;
    let name = node.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        node.ensure_map(&["metadata"]).insert("name", target.name.as_str());
    } else if name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    let writing = call.writing()?;
    let mut state = call.cluster.lock();
    let old = state.store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    let old = old.ok_or_else(|| ApiError::not_found(&call.resource, &target.name))?;
    let revision = node.path(&["metadata", "resourceVersion"]).and_then(Node::as_str).unwrap_or_default();
    if call.resource.custom && revision.is_empty() {
        let cause = Cause::invalid("metadata.resourceVersion", &Node::from(0), "must be specified for an update");
        return Err(ApiError::invalid(&call.resource.group, &call.resource.kind, &target.name, vec![cause]));
    }
    let object = pipeline::update(&mut state, &writing, &old, node, None).map_err(|error| error.warn(&warnings))?;
    drop(state);
    Ok(respond::object(call, 200, &object, &warnings))
}
