use super::{Hub, Key};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
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

/// Objects that are watched. Dropping it ends that.
#[derive(Debug)]
pub struct Watching {
    hub: Arc<Hub>,
    id: u64,
    streams: HashMap<Key, HashSet<ObjectId>>,
    subscription: Arc<Subscription>,
}

/// The link between a stream and who waits.
pub(super) struct Subscription {
    changed: Mutex<HashSet<ObjectId>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Subscription {
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { changed: Mutex::default(), wake: Box::new(wake) }
    }

    pub fn changed(&self, objects: impl IntoIterator<Item = ObjectId>) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).extend(objects);
        (self.wake)();
    }
}

impl Watching {
    pub(super) fn new(hub: Arc<Hub>, id: u64, subscription: Arc<Subscription>) -> Self {
        Self { hub, id, streams: HashMap::new(), subscription }
    }

    pub(super) fn add(&mut self, key: Key, objects: HashSet<ObjectId>) {
        self.streams.insert(key, objects);
    }

    /// The objects that changed since the last call, or may have.
    pub fn take_changed(&self) -> HashSet<ObjectId> {
        std::mem::take(&mut self.subscription.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn coverage(&self, object: &ObjectId) -> Coverage {
        let Some((key, _)) = self.streams.iter().find(|(_, objects)| objects.contains(object)) else {
            return Coverage::Blind;
        };
        match self.hub.state().streams.get(key) {
            Some(stream) if !stream.readers.contains_key(&self.id) => Coverage::Blind,
            Some(stream) if stream.is_live => Coverage::Live,
            Some(_) => Coverage::Starting,
            None => Coverage::Blind,
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.streams.keys().for_each(|key| self.hub.leave(key, self.id));
    }
}
