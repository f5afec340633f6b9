//! The watch hub: one stream of changes per kind, shared by everybody who has to know of a change.
//!
//! A stream carries metadata only. It says that an object changed, and who wants to know more reads it: so health, drift
//! and the cache of what was applied share one stream, whose size does not depend on what the objects hold.
//!
//! Where the process itself may list and watch a kind everywhere, one stream serves all identities: what it shows is a
//! reason to look, and each looks with its own rights. Where it may not, a stream is opened as the identity that waits, in
//! the namespace of its objects. Where that may not either, its objects cannot be watched, and are read from time to
//! time. No right is needed for the sake of a watch.

mod stream;
mod watching;

pub use watching::{Change, Coverage, Observer, Watching};

use crate::{Identity, KubeError, Resource, Session};
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use watching::Link;
use weir_object::{ObjectId, ObjectRef};

/// Bounds of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubLimits {
    /// Streams open at once. An idle one makes room; without one, what is new cannot be watched.
    pub streams: usize,
    /// How long a stream without readers is kept: the next reader finds it open.
    pub idle: Duration,
    /// How long it is remembered that a collection cannot be watched.
    pub refused: Duration,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self { streams: 2000, idle: Duration::from_secs(60), refused: Duration::from_secs(300) }
    }
}

/// The streams of one process.
#[derive(Debug, Default)]
pub struct Hub {
    limits: HubLimits,
    state: Mutex<State>,
    /// A stream became live, or was refused.
    decided: Notify,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<Key, Stream>,
    /// What was refused, and when.
    refused: HashMap<Key, Instant>,
    last_id: u64,
}

/// What a stream is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// The number of the session's cluster, which all identities share.
    cluster: u64,
    identity: Option<Identity>,
    group: String,
    version: String,
    plural: String,
    namespace: String,
}

#[derive(Debug)]
struct Stream {
    resource: Arc<Resource>,
    is_live: bool,
    /// The version from which on every change is shown.
    since: Option<u64>,
    readers: HashMap<u64, Reader>,
    by_object: HashMap<ObjectId, Vec<u64>>,
    idle_since: Instant,
    task: AbortHandle,
}

#[derive(Debug)]
struct Reader {
    objects: HashSet<ObjectId>,
    link: Arc<Link>,
}

impl Hub {
    pub fn new(limits: HubLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        self.state().streams.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self, key: &Key) -> bool {
        self.state().is_refused(key, &self.limits)
    }

    /// Adds a reader, and opens the stream if there is none.
    fn join(self: &Arc<Self>, session: &Session, resource: &Arc<Resource>, key: &Key, reader: Reader) {
        let (link, objects) = (reader.link.clone(), reader.objects.clone());
        {
            let mut state = self.state();
            if link.is_closed() || state.is_refused(key, &self.limits) {
                return;
            }
            state.refused.remove(key);
            if !state.streams.contains_key(key) {
                if state.streams.len() >= self.limits.streams && !state.evict() {
                    return;
                }
                let task = tokio::spawn(stream::run(self.clone(), session.clone(), resource.clone(), key.clone()));
                state.streams.insert(key.clone(), Stream::new(resource.clone(), task.abort_handle()));
            }
            let Some(stream) = state.streams.get_mut(key) else { return };
            stream.add(link.id, reader);
            if !stream.is_live {
                return;
            }
        }
        // What changed before the reader came is not in the stream any more: it looks once.
        objects.iter().for_each(|object| link.tell(object, &Change::Unknown));
    }

    fn leave(&self, key: &Key, id: u64) {
        if let Some(stream) = self.state().streams.get_mut(key) {
            stream.remove(id);
        }
    }

    /// An object changed; `what` is made only when somebody wants to know.
    fn changed(&self, key: &Key, object: &ObjectId, what: impl FnOnce() -> Change) {
        let told: Vec<Arc<Link>> = {
            let state = self.state();
            let Some(stream) = state.streams.get(key) else { return };
            let readers = stream.by_object.get(object).into_iter().flatten();
            readers.filter_map(|id| stream.readers.get(id)).map(|reader| reader.link.clone()).collect()
        };
        if !told.is_empty() {
            let what = what();
            told.iter().for_each(|link| link.tell(object, &what));
        }
    }

    /// The stream shows every change after `since` from now on. With `gap`, something may have happened before that it
    /// did not show.
    fn live(&self, key: &Key, since: &str, gap: bool) {
        let told: Vec<(Arc<Link>, Vec<ObjectId>)> = {
            let mut state = self.state();
            let Some(stream) = state.streams.get_mut(key) else { return };
            stream.is_live = true;
            if gap {
                stream.since = since.parse().ok();
            }
            let readers = stream.readers.values().filter(|_| gap);
            readers.map(|reader| (reader.link.clone(), reader.objects.iter().cloned().collect())).collect()
        };
        self.decided.notify_waiters();
        for (link, objects) in told {
            objects.iter().for_each(|object| link.tell(object, &Change::Unknown));
        }
    }

    fn interrupted(&self, key: &Key) {
        if let Some(stream) = self.state().streams.get_mut(key) {
            stream.is_live = false;
        }
    }

    /// The collection cannot be watched: its readers go over to streams of their own, or are told to look for themselves.
    fn refuse(self: &Arc<Self>, key: &Key) {
        let stream = {
            let mut state = self.state();
            let kept = self.limits.refused;
            state.refused.retain(|_, at| at.elapsed() < kept);
            state.refused.insert(key.clone(), Instant::now());
            state.streams.remove(key)
        };
        let Some(Stream { resource, readers, .. }) = stream else { return };
        for Reader { objects, link } in readers.into_values() {
            link.forget(key);
            self.open(&link, &resource, objects.iter());
            objects.iter().for_each(|object| link.tell(object, &Change::Unknown));
        }
        self.decided.notify_waiters();
    }

    /// Has objects of one kind watched for a reader: by the stream for all, else by those of its own.
    fn open<'o>(
        self: &Arc<Self>,
        link: &Arc<Link>,
        resource: &Arc<Resource>,
        objects: impl Iterator<Item = &'o ObjectId>,
    ) {
        let everywhere = link.session.own();
        let wide = everywhere.key(resource, "");
        let is_wide = !self.is_refused(&wide);
        let mut streams: HashMap<Key, HashSet<ObjectId>> = HashMap::new();
        for object in objects {
            let key = match is_wide {
                true => wide.clone(),
                false => link.session.key(resource, if resource.namespaced { &object.namespace } else { "" }),
            };
            streams.entry(key).or_default().insert(object.clone());
        }
        for (key, objects) in streams {
            link.note(&key, &objects);
            let session = if is_wide { &everywhere } else { &link.session };
            self.join(session, resource, &key, Reader { objects, link: link.clone() });
        }
    }

    /// Whether the stream has had no readers for long; it is closed then.
    fn close_if_idle(&self, key: &Key) -> bool {
        let mut state = self.state();
        let is_idle = state
            .streams
            .get(key)
            .is_none_or(|stream| stream.readers.is_empty() && stream.idle_since.elapsed() >= self.limits.idle);
        if is_idle {
            state.streams.remove(key);
        }
        is_idle
    }
}

impl Stream {
    fn new(resource: Arc<Resource>, task: AbortHandle) -> Self {
        Self {
            resource,
            is_live: false,
            since: None,
            readers: HashMap::new(),
            by_object: HashMap::new(),
            idle_since: Instant::now(),
            task,
        }
    }

    fn add(&mut self, id: u64, reader: Reader) {
        self.remove(id);
        for object in &reader.objects {
            self.by_object.entry(object.clone()).or_default().push(id);
        }
        self.readers.insert(id, reader);
    }

    fn remove(&mut self, id: u64) {
        let Some(reader) = self.readers.remove(&id) else { return };
        for object in reader.objects {
            if let Some(ids) = self.by_object.get_mut(&object) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.by_object.remove(&object);
                }
            }
        }
        self.idle_since = Instant::now();
    }
}

impl State {
    /// Whether it was refused lately.
    fn is_refused(&self, key: &Key, limits: &HubLimits) -> bool {
        self.refused.get(key).is_some_and(|at| at.elapsed() < limits.refused)
    }

    /// Closes the stream that has been without readers for longest.
    fn evict(&mut self) -> bool {
        let idle = self.streams.iter().filter(|(_, stream)| stream.readers.is_empty());
        let Some(key) = idle.min_by_key(|(_, stream)| stream.idle_since).map(|(key, _)| key.clone()) else {
            return false;
        };
        if let Some(stream) = self.streams.remove(&key) {
            stream.task.abort();
        }
        true
    }
}

impl Session {
    /// Tells the observer when one of the objects changes. It is also told once that each may have changed when its
    /// stream begins, since what happened before is not known then.
    pub async fn watch(&self, objects: &[ObjectRef], observer: Arc<dyn Observer>) -> Watching {
        let mut resources: HashMap<(&str, &str, &str), Arc<Resource>> = HashMap::new();
        let mut by_kind: HashMap<(&str, &str, &str), Vec<&ObjectId>> = HashMap::new();
        let mut is_whole = true;
        for object in objects {
            let kind = (object.id.group.as_str(), object.version.as_str(), object.id.kind.as_str());
            if let Entry::Vacant(place) = resources.entry(kind) {
                // A kind that is not served may be served later; nobody says when.
                let Ok(resource) = self.resource(object).await else {
                    is_whole = false;
                    continue;
                };
                place.insert(resource);
            }
            by_kind.entry(kind).or_default().push(&object.id);
        }
        let id = {
            let mut state = self.hub().state();
            state.last_id += 1;
            state.last_id
        };
        let link = Arc::new(Link::new(id, self.clone(), observer));
        for (kind, resource) in &resources {
            let ids = by_kind.remove(kind).unwrap_or_default();
            self.hub().open(&link, resource, ids.into_iter());
        }
        Watching::new(self.hub().clone(), link, is_whole)
    }

    fn key(&self, resource: &Resource, namespace: &str) -> Key {
        Key {
            cluster: self.cluster(),
            identity: self.identity().cloned(),
            group: resource.group.clone(),
            version: resource.version.clone(),
            plural: resource.plural.clone(),
            namespace: namespace.to_owned(),
        }
    }
}

/// Whether a server's answer means that the collection cannot be watched, now or soon.
fn is_refusal(error: &KubeError) -> bool {
    matches!(error, KubeError::Refused { code: 403..=405, .. } | KubeError::BadRequest(_))
}
