//! From a request to an answer: routes, then one file a kind of request.

mod create;
mod decode;
mod delete;
mod patch;
mod read;
mod respond;
pub(crate) use respond::{metadata_of, warn};
mod scale;
mod subresource;
mod watch;

use crate::auth::{Attributes, User, authenticate, authorize, reviews};
use crate::cluster::Cluster;
use crate::request::{Accept, Form, Format, Query, RequestInfo, Target, negotiate, parse};
use crate::resources::{Registry, Resource, Version, discovery, openapi};
use crate::service::SandboxBody;
use crate::status::ApiError;
use bytes::Bytes;
use http::header;
use http::request::Parts;
use http::{Method, Response};
use std::sync::Arc;
use weir_doc::Node;

/// One request about a resource.
pub(crate) struct Call<'a> {
    pub cluster: &'a Arc<Cluster>,
    pub user: User,
    pub target: Target,
    pub query: Query,
    pub accept: Accept,
    pub resource: Arc<Resource>,
    pub content_type: String,
    agent: String,
}

impl Call<'_> {
    pub fn version(&self) -> Result<&Version, ApiError> {
        self.resource.version(&self.target.version).ok_or_else(ApiError::path_not_found)
    }

    /// Who owns what this request sets.
    pub fn manager(&self) -> &str {
        self.query.get("fieldManager").unwrap_or(&self.agent)
    }
}

pub(crate) async fn handle(
    cluster: &Arc<Cluster>,
    trusted: bool,
    parts: &Parts,
    body: Bytes,
) -> Result<Response<SandboxBody>, ApiError> {
    let user = authenticate(cluster, &parts.headers, trusted)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let info = parse(&parts.method, parts.uri.path(), query.watch());
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    authorize(&cluster.lock(), &user, &attributes(&info))?;
    let registry = cluster.lock().registry.clone();
    let accept = negotiate(text(header::ACCEPT));
    let Some(mut target) = info.target else {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(ApiError::method_not_allowed());
        }
        return document(&registry, parts.uri.path(), accept);
    };
    let resource = registry.get(&target.group, &target.resource).cloned().ok_or_else(ApiError::path_not_found)?;
    if !resource.namespaced {
        // A namespace is, to authorization, in itself; to the store it is in none.
        target.namespace.clear();
    }
    let agent = text(header::USER_AGENT).and_then(|agent| agent.split('/').next()).filter(|agent| !agent.is_empty());
    let call = Call {
        cluster,
        user,
        query,
        accept: accept?,
        resource,
        content_type: text(header::CONTENT_TYPE).unwrap_or_default().to_owned(),
        agent: agent.unwrap_or("unknown").to_owned(),
        target,
    };
    call.version()?;
    if call.resource.namespaced && call.target.namespace.is_empty() && !matches!(info.verb.as_str(), "list" | "watch") {
        return Err(ApiError::path_not_found());
    }
    let before = cluster.lock().store.revision();
    let response = route(&call, &info.verb, body).await?;
    // What changed nothing waits for no disk.
    let wrote = cluster.lock().store.revision() != before;
    if wrote && !matches!(info.verb.as_str(), "get" | "list" | "watch") && !cluster.durable().await {
        return Err(ApiError::internal("the store could not be written to disk"));
    }
    Ok(response)
}

async fn route(call: &Call<'_>, verb: &str, body: Bytes) -> Result<Response<SandboxBody>, ApiError> {
    let sub = call.target.subresource.as_str();
    let version = call.version()?;
    let allowed = match sub {
        "" => call.resource.verbs.iter().any(|known| known == verb),
        _ => match version.subresource(sub) {
            Some(sub) => sub.verbs.iter().any(|known| known == verb),
            None => return Err(ApiError::path_not_found()),
        },
    };
    if !allowed {
        return Err(ApiError::method_not_allowed());
    }
    if let Some(answer) = reviews::review(call, &body)? {
        return Ok(answer.respond(call));
    }
    match (verb, sub) {
        ("get", "" | "status") => read::get(call),
        ("list", "") => read::list(call),
        ("watch", "") => watch::watch(call),
        ("create", "") => create::create(call, &body),
        ("update", "" | "status") => create::replace(call, &body),
        ("patch", "" | "status") => patch::patch(call, &body),
        ("delete", "") => delete::delete(call, &body),
        ("deletecollection", "") => delete::delete_collection(call, &body),
        (_, "scale") => scale::scale(call, verb, &body),
        _ => subresource::handle(call, verb, &body),
    }
}

fn attributes(info: &RequestInfo) -> Attributes {
    match &info.target {
        None => Attributes { verb: info.verb.clone(), path: Some(info.path.clone()), ..Attributes::default() },
        Some(target) => Attributes {
            verb: info.verb.clone(),
            group: target.group.clone(),
            version: target.version.clone(),
            resource: target.resource.clone(),
            subresource: target.subresource.clone(),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            path: None,
        },
    }
}

/// Answers for paths that are no resources.
fn document(
    registry: &Registry,
    path: &str,
    accept: Result<Accept, ApiError>,
) -> Result<Response<SandboxBody>, ApiError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let ["healthz" | "livez" | "readyz", ..] = parts.as_slice() {
        return Ok(respond::text("ok"));
    }
    let accept = accept?;
    let discovery = accept.form == Form::Discovery;
    let found = match parts.as_slice() {
        [] => Some(root(registry)),
        ["version"] => Some(discovery::version()),
        ["api"] | ["apis"] if discovery => {
            let node = discovery::aggregated(registry, parts[0] == "api");
            return Ok(respond::bytes(200, discovery::AGGREGATED, weir_doc::to_json(&node).into()));
        }
        ["api"] => Some(discovery::api_versions("127.0.0.1:443")),
        ["apis"] => Some(discovery::group_list(registry)),
        ["api", version] => discovery::resource_list(registry, "", version),
        ["apis", group] => discovery::group(registry, group),
        ["apis", group, version] => discovery::resource_list(registry, group, version),
        ["openapi", "v2"] => Some(openapi::swagger(registry)),
        ["openapi", "v3"] => Some(openapi::index(registry)),
        ["openapi", "v3", rest @ ..] => openapi::document(registry, &rest.join("/")),
        _ => None,
    };
    let node = found.ok_or_else(ApiError::path_not_found)?;
    Ok(respond::node(200, Accept { form: Form::Object, ..accept }, &node))
}

fn root(registry: &Registry) -> Node {
    let mut paths: Vec<String> =
        ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            .map(str::to_owned)
            .to_vec();
    for (group, versions) in registry.groups().into_iter().filter(|(group, _)| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.sort();
    let mut out = Node::map();
    out.set("paths", paths.into_iter().map(Node::from).collect::<Vec<Node>>());
    out
}

/// An answer that is not a stored object.
pub(crate) struct Answer {
    pub code: u16,
    pub node: Node,
}

impl Answer {
    pub(super) fn respond(&self, call: &Call<'_>) -> Response<SandboxBody> {
        respond::node(self.code, Accept { form: Form::Object, ..call.accept }, &self.node)
    }
}

/// Whether an answer can be given from an object's stored JSON.
pub(crate) fn is_plain(accept: Accept) -> bool {
    accept == Accept { format: Format::Json, form: Form::Object }
}
