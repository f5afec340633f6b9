//! The watch hub: one stream of changes per identity, kind and namespace, shared by everybody who
//! waits for an object in it.
//!
//! A stream carries metadata only. It says that an object changed, and who waits reads it: so health, and what will
//! want to know of drift, share one stream, whose size does not depend on what the objects hold. Streams are opened
//! as the identity that waits and need no right beyond its own: where it may not list and watch, its objects cannot
//! be watched, and are read from time to time.

mod stream;
mod watching;

pub use watching::{Coverage, Watching};

use crate::{Identity, KubeError, Resource, Session};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use watching::Subscription;
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
    /// Of the session's discovery, which all identities of a cluster share.
    cluster: usize,
    identity: Option<Identity>,
    group: String,
    version: String,
    plural: String,
    namespace: String,
}

#[derive(Debug)]
struct Stream {
    is_live: bool,
    readers: HashMap<u64, Reader>,
    idle_since: Instant,
    task: AbortHandle,
}

#[derive(Debug)]
struct Reader {
    objects: HashSet<ObjectId>,
    subscription: Arc<Subscription>,
}

impl Hub {
    pub fn new(limits: HubLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Streams that are open.
    pub fn streams(&self) -> usize {
        self.state().streams.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a reader, and opens the stream if there is none.
    fn join(self: &Arc<Self>, session: &Session, resource: &Arc<Resource>, key: &Key, id: u64, reader: Reader) -> bool {
        let subscription = reader.subscription.clone();
        let objects: Vec<ObjectId> = reader.objects.iter().cloned().collect();
        {
            let mut state = self.state();
            if state.refused.get(key).is_some_and(|at| at.elapsed() < self.limits.refused) {
                return false;
            }
            state.refused.remove(key);
            if !state.streams.contains_key(key) {
                if state.streams.len() >= self.limits.streams && !state.evict() {
                    return false;
                }
                let task = tokio::spawn(stream::run(self.clone(), session.clone(), resource.clone(), key.clone()));
                let task = task.abort_handle();
                let stream = Stream { is_live: false, readers: HashMap::new(), idle_since: Instant::now(), task };
                state.streams.insert(key.clone(), stream);
            }
            let Some(stream) = state.streams.get_mut(key) else { return false };
            stream.readers.insert(id, reader);
            if !stream.is_live {
                return true;
            }
        }
        // What changed before the reader came is not in the stream any more: it looks once.
        subscription.changed(objects);
        true
    }

    fn leave(&self, key: &Key, id: u64) {
        if let Some(stream) = self.state().streams.get_mut(key) {
            stream.readers.remove(&id);
            stream.idle_since = Instant::now();
        }
    }

    /// An object changed.
    fn changed(&self, key: &Key, object: &ObjectId) {
        let told: Vec<Arc<Subscription>> = {
            let state = self.state();
            let readers = state.streams.get(key).into_iter().flat_map(|stream| stream.readers.values());
            readers.filter(|reader| reader.objects.contains(object)).map(|r| r.subscription.clone()).collect()
        };
        told.iter().for_each(|subscription| subscription.changed([object.clone()]));
    }

    /// The stream shows changes from now on. With `gap`, something may have happened that it did not show.
    fn live(&self, key: &Key, gap: bool) {
        let told: Vec<(Arc<Subscription>, Vec<ObjectId>)> = {
            let mut state = self.state();
            let Some(stream) = state.streams.get_mut(key) else { return };
            stream.is_live = true;
            let readers = stream.readers.values().filter(|_| gap);
            readers.map(|reader| (reader.subscription.clone(), reader.objects.iter().cloned().collect())).collect()
        };
        told.into_iter().for_each(|(subscription, objects)| subscription.changed(objects));
    }

    fn interrupted(&self, key: &Key) {
        if let Some(stream) = self.state().streams.get_mut(key) {
            stream.is_live = false;
        }
    }

    /// The collection cannot be watched: its readers are told to look for themselves.
    fn refuse(&self, key: &Key) {
        let told: Vec<Arc<Subscription>> = {
            let mut state = self.state();
            let kept = self.limits.refused;
            state.refused.retain(|_, at| at.elapsed() < kept);
            state.refused.insert(key.clone(), Instant::now());
            let stream = state.streams.remove(key);
            stream.into_iter().flat_map(|stream| stream.readers.into_values()).map(|r| r.subscription).collect()
        };
        told.iter().for_each(|subscription| subscription.changed([]));
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

impl State {
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
    /// Says when one of the objects changes: `wake` is called, from any thread, and must not block. It is also called
    /// once when a stream begins, since what happened before is not known then.
    pub async fn watch(&self, objects: &[ObjectRef], wake: impl Fn() + Send + Sync + 'static) -> Watching {
        let mut streams: HashMap<Key, (Arc<Resource>, HashSet<ObjectId>)> = HashMap::new();
        for object in objects {
            // A kind that is not served may be served later; nobody says when.
            let Ok(resource) = self.resource(object).await else { continue };
            let key = self.key(&resource, if resource.namespaced { &object.id.namespace } else { "" });
            streams.entry(key).or_insert_with(|| (resource, HashSet::new())).1.insert(object.id.clone());
        }
        let subscription = Arc::new(Subscription::new(wake));
        let id = {
            let mut state = self.hub().state();
            state.last_id += 1;
            state.last_id
        };
        let mut watching = Watching::new(self.hub().clone(), id, subscription.clone());
        for (key, (resource, objects)) in streams {
            watching.add(key.clone(), objects.clone());
            let reader = Reader { objects, subscription: subscription.clone() };
            self.hub().join(self, &resource, &key, id, reader);
        }
        watching
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
