//! WATCH: changes as they happen, from the history of the store.

use super::{Call, read, respond};
use crate::cluster::Cluster;
use crate::request::selector::Selector;
use crate::request::{Accept, Form, Query};
use crate::service::SandboxBody;
use crate::status::ApiError;
use crate::store::{Change, ChangeKind, Object, Since};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use weir_doc::{Map, Node};

/// Between bookmarks, as in the original.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// One watch. It holds no objects: it remembers a revision and reads the history when that moves.
struct Watch {
    cluster: Arc<Cluster>,
    resource: Arc<crate::resources::Resource>,
    version: String,
    namespace: String,
    query: Query,
    accept: Accept,
    selector: Selector,
    revision: u64,
    changed: tokio::sync::watch::Receiver<u64>,
    ready: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Instant,
    ends: Instant,
    over: bool,
    /// Only the first Table of a watch names its columns.
    headed: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.cluster.watches.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn watch(call: &Call<'_>) -> Result<Response<SandboxBody>, ApiError> {
    let selector = read::selector(call)?;
    let version = call.version()?;
    let timeout =
        call.query.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok()).filter(|s| *s > 0);
    // Without a limit of its own a watch ends after 30 to 60 minutes, so that watches spread.
    let timeout = timeout.unwrap_or_else(|| 1800 + u64::from(crate::clock::random::<1>()[0]) * 7);
    let initial = call.query.flag("sendInitialEvents");
    if initial && call.query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            vec![crate::status::Cause::forbidden(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            )],
        ));
    }
    let revision = call.query.get("resourceVersion").unwrap_or("0");
    let revision: u64 = revision
        .parse()
        .map_err(|_| ApiError::bad_request(format!("Invalid value: {revision:?}: strconv.ParseUint")))?;
    if call.cluster.watches.fetch_add(1, Ordering::Relaxed) >= call.cluster.limits.watches {
        call.cluster.watches.fetch_sub(1, Ordering::Relaxed);
        return Err(ApiError::too_many("too many watches, please try again later"));
    }
    let mut state = call.cluster.lock();
    let current = state.store.revision();
    let changed = state.store.subscribe(&call.resource.key);
    let mut watch = Watch {
        cluster: call.cluster.clone(),
        resource: call.resource.clone(),
        version: version.name.clone(),
        namespace: if call.resource.namespaced { call.target.namespace.clone() } else { String::new() },
        query: call.query.clone(),
        accept: call.accept,
        selector,
        revision: if revision == 0 || initial { current } else { revision },
        changed,
        ready: VecDeque::new(),
        bookmarks: call.query.flag("allowWatchBookmarks"),
        next_bookmark: Instant::now() + BOOKMARKS,
        ends: Instant::now() + Duration::from_secs(timeout),
        over: false,
        headed: false,
    };
    if revision == 0 && call.query.get("sendInitialEvents") != Some("false") || initial {
        let objects: Vec<Arc<Object>> =
            state.store.list(&watch.resource.key, &watch.namespace, None).map(|(_, object)| object.clone()).collect();
        drop(state);
        for object in &objects {
            if watch.selector.matches(&object.node) {
                let event = watch.event("ADDED", object);
                watch.ready.push_back(event);
            }
        }
        if initial && watch.bookmarks {
            let bookmark = watch.bookmark(true);
            watch.ready.push_back(bookmark);
        }
    } else {
        if revision > current {
            let why = format!("Too large resource version: {revision}, current: {current}");
            let mut error = ApiError::bad_request(why);
            (error.code, error.reason) = (504, "Timeout");
            return Err(error);
        }
        drop(state);
    }
    let mut response = Response::new(SandboxBody::stream(futures::stream::unfold(watch, next)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;stream=watch"));
    Ok(response)
}

async fn next(mut watch: Watch) -> Option<(Bytes, Watch)> {
    loop {
        if let Some(event) = watch.ready.pop_front() {
            return Some((event, watch));
        }
        if watch.over {
            return None;
        }
        watch.changed.mark_unchanged();
        watch.read();
        if !watch.ready.is_empty() {
            continue;
        }
        let bookmark = watch.next_bookmark;
        tokio::select! {
            changed = watch.changed.changed() => {
                if changed.is_err() {
                    // The resource is gone; what became of its last objects is still shown.
                    watch.over = true;
                    watch.read();
                }
            }
            () = tokio::time::sleep_until(watch.ends) => {
                return None;
            }
            () = tokio::time::sleep_until(bookmark), if watch.bookmarks => {
                watch.next_bookmark = Instant::now() + BOOKMARKS;
                let bookmark = watch.bookmark(false);
                watch.ready.push_back(bookmark);
            }
        }
    }
}

impl Watch {
    /// Reads what happened since the last look.
    fn read(&mut self) {
        let state = self.cluster.lock();
        let since = state.store.since(&self.resource.key, self.revision);
        let current = state.store.revision();
        drop(state);
        match since {
            Since::Changes(changes) => {
                for change in changes {
                    if let Some((kind, object)) = self.seen(&change) {
                        let event = self.event(kind, &object);
                        self.ready.push_back(event);
                    }
                }
                self.revision = current;
            }
            Since::TooOld => {
                let error = ApiError::expired(format!("too old resource version: {} ({current})", self.revision));
                self.ready.push_back(line("ERROR", &weir_doc::to_json(&error.to_node())));
                self.over = true;
            }
        }
    }

    /// A change as this watch sees it: an object may come into its selection or leave it.
    fn seen(&self, change: &Change) -> Option<(&'static str, Arc<Object>)> {
        if !self.namespace.is_empty() && self.namespace != change.at.namespace {
            return None;
        }
        let now = change.kind != ChangeKind::Deleted && self.selector.matches(&change.object.node);
        let before = change.old.as_ref().is_some_and(|old| self.selector.matches(&old.node));
        match (before, now) {
            (false, true) => Some(("ADDED", change.object.clone())),
            (true, true) => Some(("MODIFIED", change.object.clone())),
            (true, false) if change.kind == ChangeKind::Deleted => Some(("DELETED", change.object.clone())),
            (true, false) => {
                // It left the selection: the last state that was in it, at this revision.
                let mut node = change.old.as_ref()?.node.clone();
                node.ensure_map(&["metadata"]).insert("resourceVersion", change.object.revision.to_string());
                Some(("DELETED", Arc::new(Object::new(node, change.object.revision))))
            }
            (false, false) => None,
        }
    }

    fn event(&mut self, kind: &str, object: &Object) -> Bytes {
        let Some(version) = self.resource.version(&self.version) else { return Bytes::new() };
        match self.accept.form {
            Form::Object | Form::Discovery => match respond::at_version(&self.resource, version, object) {
                std::borrow::Cow::Borrowed(_) => line(kind, &object.json()),
                std::borrow::Cow::Owned(node) => line(kind, &weir_doc::to_json(&node)),
            },
            Form::Metadata => {
                let node = respond::at_version(&self.resource, version, object);
                line(kind, &weir_doc::to_json(&respond::metadata_of(&node)))
            }
            Form::Table => {
                let node = respond::at_version(&self.resource, version, object);
                let include = self.query.get("includeObject").unwrap_or("Metadata");
                let rows = std::iter::once(&*node);
                let table = crate::table::table(&self.resource, version, rows, include, !self.headed);
                self.headed = true;
                line(kind, &weir_doc::to_json(&table))
            }
        }
    }

    fn bookmark(&self, initial: bool) -> Bytes {
        let mut meta = Map::new();
        meta.insert("resourceVersion", self.revision.to_string());
        meta.insert("creationTimestamp", Node::null());
        if initial {
            let mut annotations = Map::new();
            annotations.insert("k8s.io/initial-events-end", "true");
            meta.insert("annotations", annotations);
        }
        let mut map = Map::new();
        if self.accept.form == Form::Metadata {
            map.insert("kind", "PartialObjectMetadata");
            map.insert("apiVersion", "meta.k8s.io/v1");
        } else {
            map.insert("kind", self.resource.kind.as_str());
            map.insert("apiVersion", self.resource.api_version(&self.version));
        }
        map.insert("metadata", meta);
        line("BOOKMARK", &weir_doc::to_json(&Node::from(map)))
    }
}

/// `{"type":"ADDED","object":{...}}` and a line feed.
fn line(kind: &str, json: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(json.len() + 40);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(json);
    out.extend_from_slice(b"}\n");
    out.into()
}
