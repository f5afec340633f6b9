//! What the process remembers of the Kustomizations between their passes. All of it can be lost: a pass that finds
//! nothing remembered asks the server.

use crate::apply::{Applied, is_ready_at};
use crate::gather::Source;
use crate::health::{Awaited, Run};
use crate::triggers::Key;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weir_api::Kustomization;
use weir_apply::Tracker;
use weir_base::Tree;
use weir_kube::Watching;
use weir_object::{ObjectId, ObjectRef};
use weir_render::Closure;
use weir_runtime::Cx;

/// Unpacked sources that are kept, besides the last one: together at most this many bytes.
const KEPT_BYTES: u64 = 32 << 20;

#[derive(Debug, Default)]
pub(crate) struct Memories {
    of: Mutex<HashMap<Key, Memory>>,
    unpacked: Mutex<Vec<(String, Arc<Tree>)>>,
}

#[derive(Debug, Default)]
struct Memory {
    awaited: Option<Awaited>,
    tracker: Option<Arc<Tracker>>,
    checked: Option<Instant>,
    built: Option<Arc<Built>>,
    deleted: Option<Arc<Vec<ObjectRef>>>,
    /// The dependency of another kind that is waited for.
    dependency: Option<(ObjectId, Watching)>,
    /// The run that came to its end last, how often its source had changed then, and when that was.
    done: Option<(Run, u64, Instant)>,
}

/// The last build whose objects are all applied.
#[derive(Debug)]
pub(crate) struct Built {
    pub closure: Closure,
    pub digest: String,
    pub objects: Vec<ObjectRef>,
    /// Those whose health counts.
    pub counted: Vec<ObjectRef>,
    /// How it was applied: the identity, and what the spec says of it.
    pub manner: String,
}

impl Built {
    /// A run that had nothing to apply.
    pub fn again(&self, object: &Kustomization, cx: &Cx<Kustomization>, source: &Source) -> Applied {
        Applied {
            all: self.objects.clone(),
            objects: self.counted.clone(),
            changed: false,
            is_news: !is_ready_at(object, &source.revision),
            is_written: true,
            began: cx.started(),
        }
    }
}

impl Memories {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The health that is awaited.
    pub fn awaited(&self, key: &Key) -> Option<Awaited> {
        self.all().get(key)?.awaited.clone()
    }

    pub fn await_health(&self, key: &Key, awaited: Option<Awaited>) {
        self.all().entry(key.clone()).or_default().awaited = awaited;
    }

    pub fn tracker(&self, key: &Key, new: impl FnOnce() -> Arc<Tracker>) -> Arc<Tracker> {
        self.all().entry(key.clone()).or_default().tracker.get_or_insert_with(new).clone()
    }

    /// Whether the last look at every object is this long ago.
    pub fn is_check_due(&self, key: &Key, interval: Duration) -> bool {
        let checked = self.all().get(key).and_then(|memory| memory.checked);
        checked.is_none_or(|at| is_over(at, interval))
    }

    pub fn checked(&self, key: &Key) {
        self.all().entry(key.clone()).or_default().checked = Some(Instant::now());
    }

    pub fn built(&self, key: &Key) -> Option<Arc<Built>> {
        self.all().get(key)?.built.clone()
    }

    pub fn set_built(&self, key: &Key, built: Option<Built>) {
        self.all().entry(key.clone()).or_default().built = built.map(Arc::new);
    }

    pub fn set_done(&self, key: &Key, done: Option<(Run, u64)>) {
        self.all().entry(key.clone()).or_default().done = done.map(|(run, sources)| (run, sources, Instant::now()));
    }

    /// When a run is due again that has come to its end, if nothing is known to have happened since: a wake may come after
    /// the run that has seen to it already.
    pub fn rest(&self, key: &Key, run: &Run, sources: u64, interval: Duration) -> Option<Duration> {
        let all = self.all();
        let memory = all.get(key)?;
        let (done, seen, at) = memory.done.as_ref()?;
        let is_quiet = memory.awaited.is_none() && memory.tracker.as_ref().is_some_and(|t| !t.is_drifted());
        let is_same = done == run && *seen == sources;
        (is_same && is_quiet && !is_over(*at, interval)).then(|| interval.saturating_sub(at.elapsed()))
    }

    /// The objects whose end a deletion waits for.
    pub fn deleted(&self, key: &Key) -> Option<Arc<Vec<ObjectRef>>> {
        self.all().get(key)?.deleted.clone()
    }

    pub fn set_deleted(&self, key: &Key, objects: Vec<ObjectRef>) -> Arc<Vec<ObjectRef>> {
        let objects = Arc::new(objects);
        self.all().entry(key.clone()).or_default().deleted = Some(objects.clone());
        objects
    }

    pub fn waits_for(&self, key: &Key, dependency: &ObjectId) -> bool {
        self.all().get(key).and_then(|memory| memory.dependency.as_ref()).is_some_and(|(id, _)| id == dependency)
    }

    pub fn wait_for(&self, key: &Key, dependency: Option<(ObjectId, Watching)>) {
        let before = std::mem::replace(&mut self.all().entry(key.clone()).or_default().dependency, dependency);
        // Without the lock.
        drop(before);
    }

    pub fn forget(&self, key: &Key) {
        self.all().remove(key);
    }

    /// The files of an artifact, if they are still there.
    pub fn unpacked(&self, digest: &str) -> Option<Arc<Tree>> {
        let mut kept = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(of, _)| of == digest)?;
        let entry = kept.remove(at);
        let tree = entry.1.clone();
        kept.push(entry);
        Some(tree)
    }

    /// Several Kustomizations share a source.
    pub fn keep(&self, digest: &str, tree: &Arc<Tree>) {
        let mut kept = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _)| of != digest);
        while kept.iter().map(|(_, tree)| tree.bytes()).sum::<u64>() + tree.bytes() > KEPT_BYTES && !kept.is_empty() {
            kept.remove(0);
        }
        kept.push((digest.to_owned(), tree.clone()));
    }
}

/// Whether an interval is over; a pass may come earlier by what it is shifted.
fn is_over(since: Instant, interval: Duration) -> bool {
    since.elapsed() >= interval.mul_f64(0.9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_used_last_are_kept_within_bounds() {
        let memories = Memories::default();
        let tree = |bytes: usize| {
            let mut tree = Tree::new();
            tree.insert("a", vec![0; bytes]).expect("a good path");
            Arc::new(tree)
        };
        memories.keep("a", &tree(1 << 20));
        memories.keep("b", &tree(1 << 20));
        assert!(memories.unpacked("a").is_some());
        memories.keep("c", &tree(31 << 20));
        assert!(memories.unpacked("b").is_none() && memories.unpacked("a").is_some(), "the one used longest ago goes");
        memories.keep("d", &tree(64 << 20));
        assert!(memories.unpacked("d").is_some() && memories.unpacked("a").is_none(), "the last one always stays");
    }

    #[test]
    fn a_check_is_due_at_the_interval() {
        let (memories, key) = (Memories::default(), ("a".to_owned(), "b".to_owned()));
        assert!(memories.is_check_due(&key, Duration::from_secs(3600)), "never checked");
        memories.checked(&key);
        assert!(!memories.is_check_due(&key, Duration::from_secs(3600)));
        assert!(memories.is_check_due(&key, Duration::ZERO));
        memories.forget(&key);
        assert!(memories.is_check_due(&key, Duration::from_secs(3600)));
    }
}
