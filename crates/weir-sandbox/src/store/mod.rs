//! The objects, by resource and name, with the history that watches read.

mod disk;
mod object;

pub(crate) use disk::{Disk, Record};
pub(crate) use object::Object;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use weir_doc::Node;

/// Changes of one resource that are kept for watches; who is further behind lists again.
pub(crate) const HISTORY: usize = 10_000;

/// Where an object is: resource key, namespace, name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ref {
    pub resource: Arc<str>,
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One write. For a deletion `object` is the last state with the revision of the deletion.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub kind: ChangeKind,
    pub at: Ref,
    pub object: Arc<Object>,
    pub old: Option<Arc<Object>>,
}

#[derive(Debug)]
struct Collection {
    items: BTreeMap<(String, String), Arc<Object>>,
    history: VecDeque<Arc<Change>>,
    /// Changes up to this revision are gone.
    forgotten: u64,
    revision: tokio::sync::watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    collections: HashMap<Arc<str>, Collection>,
    revision: u64,
    /// Objects by the uid of their owners.
    owned: HashMap<String, BTreeSet<Ref>>,
    uids: HashMap<String, Ref>,
}

/// What a watch finds when it looks.
pub(crate) enum Since {
    Changes(Vec<Arc<Change>>),
    TooOld,
}

impl Store {
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn set_revision(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
        for collection in self.collections.values_mut() {
            collection.forgotten = revision;
        }
    }

    fn collection(&mut self, resource: &Arc<str>) -> &mut Collection {
        let revision = self.revision;
        self.collections.entry(resource.clone()).or_insert_with(|| Collection {
            items: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: revision,
            revision: tokio::sync::watch::Sender::new(0),
        })
    }

    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.collections.get(resource)?.items.get(&(namespace.to_owned(), name.to_owned()))
    }

    pub fn at(&self, at: &Ref) -> Option<&Arc<Object>> {
        self.get(&at.resource, &at.namespace, &at.name)
    }

    /// The objects of a resource in one namespace, or in all (`""`), after a place, by name.
    pub fn list<'a>(
        &'a self,
        resource: &str,
        namespace: &'a str,
        after: Option<(String, String)>,
    ) -> impl Iterator<Item = (&'a (String, String), &'a Arc<Object>)> + use<'a> {
        let start = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included((namespace.to_owned(), String::new())),
        };
        let range = self.collections.get(resource).map(|collection| collection.items.range((start, Bound::Unbounded)));
        range.into_iter().flatten().take_while(move |((ns, _), _)| namespace.is_empty() || ns == namespace)
    }

    pub fn count(&self, resource: &str) -> usize {
        self.collections.get(resource).map_or(0, |collection| collection.items.len())
    }

    pub fn owned_by(&self, uid: &str) -> Vec<Ref> {
        self.owned.get(uid).map(|refs| refs.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn by_uid(&self, uid: &str) -> Option<&Ref> {
        self.uids.get(uid)
    }

    /// All objects in a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Ref> {
        let mut out = Vec::new();
        for (resource, collection) in &self.collections {
            let start = (namespace.to_owned(), String::new());
            for ((ns, name), _) in collection.items.range(start..).take_while(|((ns, _), _)| ns == namespace) {
                out.push(Ref { resource: resource.clone(), namespace: ns.clone(), name: name.clone() });
            }
        }
        out.sort();
        out
    }

    /// Writes an object; sets its resourceVersion.
    pub fn put(&mut self, at: Ref, mut node: Node) -> Arc<Change> {
        self.revision += 1;
        node.ensure_map(&["metadata"]).insert("resourceVersion", self.revision.to_string());
        let object = Arc::new(Object::new(node, self.revision));
        let old = self.load(at.clone(), object.clone());
        let kind = if old.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.remember(Change { kind, at, object, old })
    }

    /// Puts an object in its place without making history, as when it comes from disk.
    pub fn load(&mut self, at: Ref, object: Arc<Object>) -> Option<Arc<Object>> {
        let old = self.collection(&at.resource).items.insert((at.namespace.clone(), at.name.clone()), object.clone());
        if let Some(old) = &old {
            self.unindex(&at, old);
        }
        for uid in object.owner_uids() {
            self.owned.entry(uid).or_default().insert(at.clone());
        }
        if let Some(uid) = object.uid() {
            self.uids.insert(uid.to_owned(), at);
        }
        old
    }

    /// Removes an object.
    pub fn delete(&mut self, at: &Ref) -> Option<Arc<Change>> {
        let old = self.collection(&at.resource).items.remove(&(at.namespace.clone(), at.name.clone()))?;
        self.unindex(at, &old);
        self.revision += 1;
        let mut node = old.node.clone();
        node.ensure_map(&["metadata"]).insert("resourceVersion", self.revision.to_string());
        let object = Arc::new(Object::new(node, self.revision));
        Some(self.remember(Change { kind: ChangeKind::Deleted, at: at.clone(), object, old: Some(old) }))
    }

    fn unindex(&mut self, at: &Ref, old: &Object) {
        for uid in old.owner_uids() {
            if let Some(refs) = self.owned.get_mut(&uid) {
                refs.remove(at);
                if refs.is_empty() {
                    self.owned.remove(&uid);
                }
            }
        }
        if let Some(uid) = old.uid() {
            self.uids.remove(uid);
        }
    }

    fn remember(&mut self, change: Change) -> Arc<Change> {
        let change = Arc::new(change);
        let revision = self.revision;
        let collection = self.collection(&change.at.resource);
        collection.history.push_back(change.clone());
        if collection.history.len() > HISTORY
            && let Some(gone) = collection.history.pop_front()
        {
            collection.forgotten = gone.object.revision;
        }
        collection.revision.send_replace(revision);
        change
    }

    /// Subscribes to changes of a resource.
    pub fn subscribe(&mut self, resource: &Arc<str>) -> tokio::sync::watch::Receiver<u64> {
        self.collection(resource).revision.subscribe()
    }

    /// The changes of a resource after a revision.
    pub fn since(&self, resource: &str, revision: u64) -> Since {
        let Some(collection) = self.collections.get(resource) else { return Since::Changes(Vec::new()) };
        if revision < collection.forgotten {
            return Since::TooOld;
        }
        let from = collection.history.partition_point(|change| change.object.revision <= revision);
        Since::Changes(collection.history.range(from..).cloned().collect())
    }

    /// Ends the watches of a resource that is no more. What became of its objects is kept for those that have not shown
    /// it yet.
    pub fn drop_collection(&mut self, resource: &str) {
        if let Some(collection) = self.collections.get_mut(resource) {
            collection.items.clear();
            collection.revision = tokio::sync::watch::Sender::new(self.revision);
        }
    }
}
