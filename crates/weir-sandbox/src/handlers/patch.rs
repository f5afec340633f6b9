//! PATCH in its four forms.

use super::{Call, decode, respond};
use crate::pipeline::{self, stored_managed};
use crate::request::FieldValidation;
use crate::request::body::{self, PatchKind};
use crate::service::SandboxBody;
use crate::status::{ApiError, Cause};
use crate::store::Object;
use bytes::Bytes;
use http::Response;
use std::sync::Arc;
use weir_doc::Node;
use weir_merge::strategic::strategic_merge;
use weir_merge::{ApplyError, PatchError, json_patch, merge_patch};

pub(super) fn patch(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    match PatchKind::of(&call.content_type, !call.resource.custom)? {
        PatchKind::Apply => apply(call, bytes),
        kind => modify(call, kind, bytes),
    }
}

fn modify(call: &Call<'_>, kind: PatchKind, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let patch = body::json(bytes)?;
    let target = &call.target;
    let writing = call.writing()?;
    let mut state = call.cluster.lock();
    let old = state.store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    let old = old.ok_or_else(|| ApiError::not_found(&call.resource, &target.name))?;
    let mut node = respond::at_version(&call.resource, writing.version, &old).into_owned();
    let before = decode::unknown_fields(writing.version, &node);
    let outcome = match kind {
        PatchKind::Json => json_patch(&mut node, &patch),
        PatchKind::Merge => {
            merge_patch(&mut node, &patch);
            Ok(())
        }
        _ => strategic_merge(&writing.version.schema, writing.version.ty, &mut node, &patch),
    };
    outcome.map_err(|error| refused(call, kind, &error))?;
    let name = node.path(&["metadata", "name"]).and_then(Node::as_str);
    if name != Some(&target.name) {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            name.unwrap_or_default(),
            target.name
        )));
    }
    decode::check_kind(call, &mut node)?;
    call.settle_namespace(&mut node)?;
    let mut warnings = decode::check_fields(call, &node).map_err(|error| undecodable(&node, &error))?;
    warnings.retain(|warning| !before.contains(warning));
    let object = pipeline::update(&mut state, &writing, &old, node, None).map_err(|error| error.warn(&warnings))?;
    drop(state);
    Ok(respond::object(call, 200, &object, &warnings))
}

/// What a patch makes of an object must decode as the object itself does.
fn undecodable(node: &Node, error: &ApiError) -> ApiError {
    let why = error.message.split_once(": ").map_or(error.message.as_str(), |(_, why)| why);
    let shown = Node::string(String::from_utf8_lossy(&weir_doc::to_json(node)));
    let cause = Cause::invalid("patch", &shown, why);
    ApiError::invalid("", "", "", vec![cause])
}

fn refused(call: &Call<'_>, kind: PatchKind, error: &PatchError) -> ApiError {
    match (kind, error) {
        (PatchKind::Json, PatchError::Failed(message)) => {
            let mut error = ApiError::invalid("", "", "", Vec::new());
            error.message = "the server rejected our request due to an error in our request".to_owned();
            if let Some(details) = &mut error.details {
                details.causes.clear();
            }
            tracing::debug!(name = call.target.name, message, "a JSON patch does not apply");
            error
        }
        (_, PatchError::Malformed(message)) => ApiError::bad_request(message.clone()),
        (_, PatchError::Failed(message)) => ApiError::bare_internal(message.clone()),
    }
}

fn apply(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let target = &call.target;
    let mut config = body::json_or_yaml(bytes)?;
    if config.as_map().is_none() {
        return Err(ApiError::bad_request("error decoding YAML: the configuration is not an object"));
    }
    if call.query.get("fieldManager").is_none() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(ApiError::invalid("meta.k8s.io", "PatchOptions", "", vec![cause]));
    }
    check_version(call, &config)?;
    if config.path(&["metadata", "managedFields"]).is_some_and(|node| !node.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let name = config.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
    if !name.is_empty() && name != target.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    config.ensure_map(&["metadata"]).insert("name", target.name.as_str());
    call.settle_namespace(&mut config)?;
    let warnings = custom_unknown(call, &config)?;
    decode::check_bytes(call, &config)?;
    let writing = call.writing()?;
    let (now, api_version) = (crate::clock::now(), writing.api_version());
    let force = call.query.flag("force");
    let mut state = call.cluster.lock();
    let old: Option<Arc<Object>> = state.store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    if old.is_none() && !target.subresource.is_empty() {
        return Err(ApiError::not_found(&call.resource, &target.name));
    }
    let mut live = old.as_ref().map(|old| respond::at_version(&call.resource, writing.version, old).into_owned());
    let managed = live.as_ref().map(stored_managed).unwrap_or_default();
    if let Some(live) = &mut live {
        live.ensure_map(&["metadata"]).remove("managedFields");
    }
    if let (None, Some(uid)) = (&old, config.path(&["metadata", "uid"]).and_then(Node::as_str)) {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(ApiError::conflict(&call.resource, &target.name, &why));
    }
    let write = writing.managed(&api_version, &now);
    let outcome = weir_merge::apply(write, live.as_ref(), &managed, &config, force);
    let outcome = match outcome {
        // kubectl's own switch from client-side apply takes its old fields over.
        Err(ApplyError::Conflicts(conflicts)) if migrates(call, live.as_ref(), &conflicts, write) => {
            weir_merge::apply(write, live.as_ref(), &managed, &config, true)
        }
        outcome => outcome,
    };
    let applied = outcome.map_err(|error| match &error {
        ApplyError::Conflicts(_) => ApiError::apply_conflict(&error),
        ApplyError::Invalid(_) => ApiError::bare_internal(format!(
            "failed to create typed patch object ({}/{}; {}/{}, Kind={}): {error}",
            target.namespace, target.name, target.group, target.version, call.resource.kind
        )),
    })?;
    let (code, object) = match &old {
        None => (201, pipeline::create(&mut state, &writing, applied.object, Some(applied.managed))?),
        Some(old) => {
            let mut node = applied.object;
            // Only a resourceVersion of the configuration is a precondition.
            if config.path(&["metadata", "resourceVersion"]).is_none() {
                node.ensure_map(&["metadata"]).remove("resourceVersion");
            }
            (200, pipeline::update(&mut state, &writing, old, node, Some(applied.managed))?)
        }
    };
    drop(state);
    Ok(respond::object(call, code, &object, &warnings))
}

fn check_version(call: &Call<'_>, config: &Node) -> Result<(), ApiError> {
    let text = |key: &str| config.get(key).and_then(Node::as_str).unwrap_or_default();
    let expected = call.resource.api_version(&call.target.version);
    if text("apiVersion") != expected {
        return Err(ApiError::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {}, expected: {expected}",
            text("apiVersion")
        )));
    }
    if text("kind") != call.resource.kind {
        return Err(ApiError::bad_request(format!(
            "the kind of the object ({}) does not match the kind of the endpoint ({})",
            text("kind"),
            call.resource.kind
        )));
    }
    Ok(())
}

/// Unknown fields of a configuration for a custom resource. For built-in kinds the merge refuses.
fn custom_unknown(call: &Call<'_>, config: &Node) -> Result<Vec<String>, ApiError> {
    let unknown = decode::unknown_fields(call.version()?, config);
    match call.query.field_validation()? {
        FieldValidation::Warn if call.resource.custom => Ok(unknown),
        _ => Ok(Vec::new()),
    }
}

/// Whether all conflicts are with fields of the last client-side apply that nobody changed since.
fn migrates(
    call: &Call<'_>,
    live: Option<&Node>,
    conflicts: &[weir_merge::Conflict],
    write: weir_merge::structured::Write<'_>,
) -> bool {
    let Some(live) = live.filter(|_| call.manager() == "kubectl") else { return false };
    let annotations = live.path(&["metadata", "annotations"]);
    let last =
        annotations.and_then(|map| map.get("kubectl.kubernetes.io/last-applied-configuration")).and_then(Node::as_str);
    let Some(last) = last.and_then(|text| weir_doc::from_json(text.as_bytes()).ok()) else { return false };
    let changes = weir_merge::structured::compare(write.schema, write.ty, &last, live);
    let own = weir_merge::structured::to_field_set(write.schema, write.ty, &last)
        .difference(&changes.modified)
        .difference(&changes.added)
        .difference(&changes.removed);
    conflicts.iter().all(|conflict| own.contains(&conflict.path))
}
