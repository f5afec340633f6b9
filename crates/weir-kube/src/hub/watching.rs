use super::{Hub, Key, Stream};
use crate::Session;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_doc::Node;
use weir_object::ObjectId;

/// What can be said about the changes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Each change is told.
    Live,
    /// Soon: the stream is being opened, or opened again.
    Starting,
    /// No change is told: the identity may not watch, the kind is not served, or there are too many streams.
    Blind,
}

/// What is told about an object.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is there; `metadata` alone.
    Seen(Arc<Node>),
    /// It is gone, at this version of its collection.
    Gone(u64),
    /// Something may have happened that was not shown.
    Unknown,
}

/// Who wants to know. Told from any thread, it must not block.
pub trait Observer: Send + Sync + 'static {
    fn changed(&self, object: &ObjectId, change: &Change);
}

/// Objects that are watched. Dropping it ends that.
#[derive(Debug)]
pub struct Watching {
    hub: Arc<Hub>,
    link: Arc<Link>,
    is_whole: bool,
}

/// The link between streams and who waits.
pub(super) struct Link {
    pub id: u64,
    /// Who waits.
    pub session: Session,
    observer: Arc<dyn Observer>,
    streams: Mutex<HashMap<Key, HashSet<ObjectId>>>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Link {
    pub fn new(id: u64, session: Session, observer: Arc<dyn Observer>) -> Self {
        Self { id, session, observer, streams: Mutex::default(), closed: AtomicBool::new(false) }
    }

    pub fn tell(&self, object: &ObjectId, change: &Change) {
        self.observer.changed(object, change);
    }

    /// Nobody waits any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Notes which stream shows some objects.
    pub fn note(&self, key: &Key, objects: &HashSet<ObjectId>) {
        self.streams().entry(key.clone()).or_default().extend(objects.iter().cloned());
    }

    pub fn forget(&self, key: &Key) {
        self.streams().remove(key);
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Key, HashSet<ObjectId>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_starting(&self, hub: &Hub) -> bool {
        let streams = self.streams();
        let state = hub.state();
        streams.keys().filter_map(|key| state.streams.get(key)).any(|stream| !stream.is_live)
    }

    /// Asks the stream that shows an object, if this reader is one of its own.
    fn ask<T>(&self, hub: &Hub, object: &ObjectId, question: impl FnOnce(&Stream) -> T) -> Option<T> {
        let streams = self.streams();
        let (key, _) = streams.iter().find(|(_, objects)| objects.contains(object))?;
        let state = hub.state();
        let stream = state.streams.get(key)?;
        stream.readers.contains_key(&self.id).then(|| question(stream))
    }
}

impl Watching {
    pub(super) fn new(hub: Arc<Hub>, link: Arc<Link>, is_whole: bool) -> Self {
        Self { hub, link, is_whole }
    }

    /// Whether the server knew the kinds of all objects. Those of others are not watched: they have to be asked for
    /// again when their kind is served.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Waits until the streams have begun, or cannot begin; not longer than `at_most`.
    pub async fn started(&self, at_most: Duration) {
        let all = async {
            loop {
                let mut decided = std::pin::pin!(self.hub.decided.notified());
                decided.as_mut().enable();
                if !self.link.is_starting(&self.hub) {
                    return;
                }
                decided.await;
            }
        };
        let _ = tokio::time::timeout(at_most, all).await;
    }

    pub fn coverage(&self, object: &ObjectId) -> Coverage {
        let of = |stream: &Stream| if stream.is_live { Coverage::Live } else { Coverage::Starting };
        self.link.ask(&self.hub, object, of).unwrap_or(Coverage::Blind)
    }

    /// The version of the collection since which every change of the object was told; none where that cannot be said
    /// now.
    pub fn since(&self, object: &ObjectId) -> Option<u64> {
        self.link.ask(&self.hub, object, |stream| stream.since.filter(|_| stream.is_live)).flatten()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.link.closed.store(true, Ordering::SeqCst);
        let keys: Vec<Key> = self.link.streams().keys().cloned().collect();
        keys.iter().for_each(|key| self.hub.leave(key, self.link.id));
    }
}
