//! DELETE of one object or of many.

use super::{Call, read, respond};
use crate::deletion::{self, Options, Outcome};
use crate::request::Accept;
use crate::request::{Form, body};
use crate::service::SandboxBody;
use crate::status::{ApiError, success};
use crate::store::{Object, Ref};
use bytes::Bytes;
use http::Response;
use std::sync::Arc;
use weir_doc::{Map, Node};

/// DeleteOptions come in the body, in the query, or not at all.
pub(super) fn options(call: &Call<'_>, bytes: &Bytes) -> Result<Options, ApiError> {
    let node = if bytes.is_empty() { Node::map() } else { body::object(&call.content_type, bytes)? };
    let text = |key: &str| node.get(key).and_then(Node::as_str).or_else(|| call.query.get(key)).map(str::to_owned);
    let orphan = node.get("orphanDependents").and_then(Node::as_bool);
    let policy = match (text("propagationPolicy"), orphan) {
        (Some(policy), _) => Some(policy),
        (None, Some(true)) => Some("Orphan".to_owned()),
        (None, Some(false)) => Some("Background".to_owned()),
        _ => None,
    };
    let mut dry_run = call.query.dry_run()?;
    dry_run |= node
        .get("dryRun")
        .and_then(Node::as_seq)
        .is_some_and(|values| values.iter().any(|v| v.as_str() == Some("All")));
    let precondition = |key: &str| node.path(&["preconditions", key]).and_then(Node::as_str).map(str::to_owned);
    Ok(Options { policy, dry_run, uid: precondition("uid"), revision: precondition("resourceVersion") })
}

pub(super) fn delete(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let options = options(call, bytes)?;
    let at = Ref {
        resource: call.resource.key.clone(),
        namespace: call.target.namespace.clone(),
        name: call.target.name.clone(),
    };
    let mut state = call.cluster.lock();
    let outcome = deletion::delete(&mut state, &call.resource, &at, &options)?;
    drop(state);
    Ok(match outcome {
        Outcome::Marked(object) => respond::object(call, 200, &object, &[]),
        Outcome::Gone(object) if crate::kinds::answers_with_object(&call.resource) => {
            respond::object(call, 200, &object, &[])
        }
        Outcome::Gone(object) => {
            let uid = object.uid().unwrap_or_default();
            respond::node(
                200,
                Accept { form: Form::Object, ..call.accept },
                &success(&call.resource, object.name(), uid),
            )
        }
    })
}

pub(super) fn delete_collection(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let options = options(call, bytes)?;
    let selector = read::selector(call)?;
    let mut state = call.cluster.lock();
    let namespace = if call.resource.namespaced { call.target.namespace.clone() } else { String::new() };
    let chosen: Vec<Arc<Object>> = state
        .store
        .list(&call.resource.key, &namespace, None)
        .map(|(_, object)| object.clone())
        .filter(|object| selector.matches(&object.node))
        .collect();
    for object in &chosen {
        deletion::delete(
            &mut state,
            &call.resource,
            &crate::pipeline::object_ref(&call.resource, &object.node),
            &options,
        )?;
    }
    let mut meta = Map::new();
    meta.insert("resourceVersion", state.store.revision().to_string());
    drop(state);
    let version = call.version()?;
    let mut list = Map::new();
    list.insert("kind", call.resource.list_kind.as_str());
    list.insert("apiVersion", call.resource.api_version(&version.name));
    list.insert("metadata", meta);
    list.insert(
        "items",
        chosen
            .iter()
            .map(|object| respond::at_version(&call.resource, version, object).into_owned())
            .collect::<Vec<Node>>(),
    );
    Ok(respond::node(200, Accept { form: Form::Object, ..call.accept }, &Node::from(list)))
}
