//! GET and LIST.

use super::{Call, respond};
use crate::kinds;
use crate::request::Form;
use crate::request::selector::Selector;
use crate::service::SandboxBody;
use crate::status::ApiError;
use crate::store::Object;
use crate::table;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::Response;
use std::sync::Arc;
use weir_doc::{Map, Node};

pub(super) fn get(call: &Call<'_>) -> Result<Response<SandboxBody>, ApiError> {
    let target = &call.target;
    let found = call.cluster.lock().store.get(&call.resource.key, &target.namespace, &target.name).cloned();
    let object = found.ok_or_else(|| ApiError::not_found(&call.resource, &target.name))?;
    Ok(respond::object(call, 200, &object, &[]))
}

/// The selector of a request; a name in the path counts as one.
pub(super) fn selector(call: &Call<'_>) -> Result<Selector, ApiError> {
    let by_name = (!call.target.name.is_empty()).then(|| format!("metadata.name={}", call.target.name));
    let fields = call.query.get("fieldSelector").or(by_name.as_deref());
    let selector = Selector::parse(call.query.get("labelSelector"), fields)?;
    selector.check_fields(kinds::selectable_fields(&call.resource))?;
    Ok(selector)
}

/// Some objects and where to go on.
struct Page {
    objects: Vec<Arc<Object>>,
    revision: u64,
    next: Option<(String, String)>,
    remaining: usize,
}

fn page(call: &Call<'_>, selector: &Selector) -> Result<Page, ApiError> {
    let limit = call.query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let (mut after, mut revision) = (None, None);
    if let Some(token) = call.query.get("continue") {
        let (at, place) = continuation(token).ok_or_else(|| ApiError::bad_request("continue key is not valid"))?;
        (after, revision) = (Some(place), Some(at));
    }
    let state = call.cluster.lock();
    let exact = call.query.get("resourceVersionMatch") == Some("Exact");
    let wanted = call.query.number("resourceVersion")?.and_then(|revision| u64::try_from(revision).ok()).unwrap_or(0);
    if wanted > state.store.revision() {
        let mut error =
            ApiError::bad_request(format!("Too large resource version: {wanted}, current: {}", state.store.revision()));
        (error.code, error.reason) = (504, "Timeout");
        return Err(error);
    }
    if exact && wanted != state.store.revision() && wanted != 0 {
        let why = format!("The provided resource version is too old: {wanted} (this server lists the present only)");
        return Err(ApiError::expired(why));
    }
    // A name in a namespace is one look, not a scan.
    if let (Some(name), false) = (selector.name(), call.target.namespace.is_empty() && call.resource.namespaced) {
        let namespace = if call.resource.namespaced { &*call.target.namespace } else { "" };
        let found =
            state.store.get(&call.resource.key, namespace, name).filter(|object| selector.matches(&object.node));
        return Ok(Page {
            objects: found.cloned().into_iter().collect(),
            revision: state.store.revision(),
            next: None,
            remaining: 0,
        });
    }
    let mut objects = Vec::new();
    let (mut next, mut remaining) = (None, 0);
    let namespace = if call.resource.namespaced { call.target.namespace.clone() } else { String::new() };
    for (key, object) in state.store.list(&call.resource.key, &namespace, after) {
        if !selector.matches(&object.node) {
            continue;
        }
        if limit.is_some_and(|limit| objects.len() >= limit) {
            remaining += 1;
            continue;
        }
        objects.push(object.clone());
        next = Some(key.clone());
    }
    let next = next.filter(|_| remaining > 0);
    Ok(Page { objects, revision: revision.unwrap_or(state.store.revision()), next, remaining })
}

/// A page is a view of the present, so a token holds no snapshot; it keeps the first page's revision
/// so that a watch started from it misses nothing.
fn continuation(token: &str) -> Option<(u64, (String, String))> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let mut parts = text.split('\n');
    let revision = parts.next()?.parse().ok()?;
    Some((revision, (parts.next()?.to_owned(), parts.next()?.to_owned())))
}

pub(super) fn list(call: &Call<'_>) -> Result<Response<SandboxBody>, ApiError> {
    let selector = selector(call)?;
    let page = page(call, &selector)?;
    let version = call.version()?;
    let mut meta = Map::new();
    meta.insert("resourceVersion", page.revision.to_string());
    if let Some((namespace, name)) = &page.next {
        meta.insert("continue", BASE64.encode(format!("{}\n{namespace}\n{name}", page.revision)));
        if selector.is_empty() {
            meta.insert("remainingItemCount", i64::try_from(page.remaining).unwrap_or(i64::MAX));
        }
    }
    let warned = |mut response: Response<SandboxBody>| {
        super::warn(&mut response, &version.deprecation);
        response
    };
    if super::is_plain(call.accept) {
        return Ok(warned(plain(call, &page, Node::from(meta))));
    }
    let shown: Vec<std::borrow::Cow<'_, Node>> =
        page.objects.iter().map(|object| respond::at_version(&call.resource, version, object)).collect();
    let node = match call.accept.form {
        Form::Table => {
            let include = call.query.get("includeObject").unwrap_or("Metadata");
            let mut table = table::table(&call.resource, version, shown.iter().map(|node| &**node), include, true);
            table.set("metadata", meta);
            table
        }
        Form::Metadata => {
            let items = shown.iter().map(|node| {
                let mut item = respond::metadata_of(node);
                item.set("kind", "PartialObjectMetadata");
                item
            });
            list_node("meta.k8s.io/v1", "PartialObjectMetadataList", meta, items.collect())
        }
        Form::Object | Form::Discovery => {
            let api_version = call.resource.api_version(&version.name);
            let items = shown.into_iter().map(std::borrow::Cow::into_owned).collect();
            list_node(&api_version, &call.resource.list_kind, meta, items)
        }
    };
    Ok(warned(respond::node(200, call.accept, &node)))
}

fn list_node(api_version: &str, kind: &str, meta: Map, items: Vec<Node>) -> Node {
    let mut map = Map::new();
    map.insert("kind", kind);
    map.insert("apiVersion", api_version);
    map.insert("metadata", meta);
    map.insert("items", items);
    Node::from(map)
}

/// The usual case: JSON from what each object keeps ready.
fn plain(call: &Call<'_>, page: &Page, meta: Node) -> Response<SandboxBody> {
    let version = call.version().expect("the route checked the version");
    let api_version = call.resource.api_version(&version.name);
    let head =
        list_node(&api_version, &call.resource.list_kind, meta.as_map().cloned().unwrap_or_default(), Vec::new());
    let mut out = weir_doc::to_json(&head);
    // The head ends in `[]}`.
    out.truncate(out.len() - 2);
    for (index, object) in page.objects.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match respond::at_version(&call.resource, version, object) {
            std::borrow::Cow::Borrowed(_) => out.extend_from_slice(&object.json()),
            std::borrow::Cow::Owned(node) => out.extend_from_slice(&weir_doc::to_json(&node)),
        }
    }
    out.extend_from_slice(b"]}");
    respond::bytes(200, "application/json", out.into())
}
