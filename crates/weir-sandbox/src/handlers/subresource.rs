//! The other subresources: tokens, evictions, bindings, finalize; and what a sandbox cannot do.

use super::{Answer, Call, decode, respond};
use crate::auth::{Keys, reviews};
use crate::clock;
use crate::deletion::{self, Options};
use crate::pipeline;
use crate::request::body;
use crate::service::SandboxBody;
use crate::status::ApiError;
use crate::store::Ref;
use bytes::Bytes;
use http::Response;
use weir_doc::{Map, Node};

/// The default life of a token, and the least one: the original's.
const TOKEN_SECONDS: i64 = 3600;
const MIN_TOKEN_SECONDS: i64 = 600;

pub(super) fn handle(call: &Call<'_>, verb: &str, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    match (call.resource.key.as_ref(), call.target.subresource.as_str(), verb) {
        ("serviceaccounts", "token", "create") => token(call, bytes),
        ("pods", "eviction", "create") => evict(call, bytes),
        ("namespaces", "finalize", "update") => finalize(call, bytes),
        ("pods", "log", "get") => Ok(respond::text("")),
        (_, sub @ ("approval" | "ephemeralcontainers" | "resize"), "get" | "update" | "patch") => {
            as_main(call, sub, verb, bytes)
        }
        (_, sub, _) => {
            let mut error = ApiError::bad_request(format!("the sandbox has no {sub}: it runs no containers"));
            (error.code, error.reason) = (501, "NotImplemented");
            Err(error)
        }
    }
}

fn as_main(call: &Call<'_>, _sub: &str, verb: &str, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    match verb {
        "get" => super::read::get(call),
        "update" => super::create::replace(call, bytes),
        _ => super::patch::patch(call, bytes),
    }
}

fn current(call: &Call<'_>) -> Result<std::sync::Arc<crate::store::Object>, ApiError> {
    let target = &call.target;
    let state = call.cluster.lock();
    let found = state.store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    found.ok_or_else(|| ApiError::not_found(&call.resource, &target.name))
}

fn token(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let mut request = body::object(&call.content_type, bytes)?;
    let account = current(call)?;
    let seconds = request.path(&["spec", "expirationSeconds"]).and_then(Node::as_i64).unwrap_or(TOKEN_SECONDS);
    if seconds < MIN_TOKEN_SECONDS {
        let cause = crate::status::Cause::invalid(
            "spec.expirationSeconds",
            &Node::from(seconds),
            "may not specify a duration less than 10 minutes",
        );
        return Err(ApiError::invalid("authentication.k8s.io", "TokenRequest", "", vec![cause]));
    }
    let audiences: Vec<String> = request
        .path(&["spec", "audiences"])
        .and_then(Node::as_seq)
        .map(|list| list.iter().filter_map(Node::as_str).map(str::to_owned).collect())
        .filter(|list: &Vec<String>| !list.is_empty())
        .unwrap_or_else(|| vec![reviews::AUDIENCE.to_owned()]);
    let expires = clock::unix_seconds() + seconds;
    let keys: &Keys = &call.cluster.keys;
    let token = keys.sign(&reviews::claims(&account, expires, &audiences));
    request.set("kind", "TokenRequest");
    request.set("apiVersion", "authentication.k8s.io/v1");
    let meta = request.ensure_map(&["metadata"]);
    meta.insert("name", account.name());
    meta.insert("namespace", account.namespace());
    meta.insert("creationTimestamp", clock::now());
    let spec = request.ensure_map(&["spec"]);
    spec.insert("audiences", audiences.into_iter().map(Node::from).collect::<Vec<Node>>());
    spec.insert("expirationSeconds", seconds);
    spec.entry_or_null("boundObjectRef");
    let mut status = Map::new();
    status.insert("token", token);
    let at = jiff::Timestamp::from_second(expires).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    status.insert("expirationTimestamp", at.unwrap_or_default());
    request.set("status", status);
    Ok(Answer { code: 201, node: request }.respond(call))
}

/// There are no disruption budgets to keep: nothing here has a reason to evict slowly.
fn evict(call: &Call<'_>, _bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let at = Ref {
        resource: call.resource.key.clone(),
        namespace: call.target.namespace.clone(),
        name: call.target.name.clone(),
    };
    let mut state = call.cluster.lock();
    deletion::delete(&mut state, &call.resource, &at, &Options::default())?;
    drop(state);
    let mut status = Node::map();
    status.set("kind", "Status");
    status.set("apiVersion", "v1");
    status.set("metadata", Node::map());
    status.set("status", "Success");
    status.set("code", 201);
    Ok(Answer { code: 201, node: status }.respond(call))
}

/// Replaces a namespace's own finalizers.
fn finalize(call: &Call<'_>, bytes: &Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let (new, _) = decode::object(call, bytes)?;
    let old = current(call)?;
    let mut node = old.node.clone();
    match new.path(&["spec", "finalizers"]) {
        Some(finalizers) => drop(node.ensure_map(&["spec"]).insert("finalizers", finalizers.clone())),
        None => drop(node.ensure_map(&["spec"]).remove("finalizers")),
    }
    let writing = call.writing()?;
    let mut state = call.cluster.lock();
    let object = pipeline::update(&mut state, &writing, &old, node, None)?;
    drop(state);
    Ok(respond::object(call, 200, &object, &[]))
}
