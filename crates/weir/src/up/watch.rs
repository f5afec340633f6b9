//! A saved file, or a new commit, makes its sources due at once.

use crate::error::CliError;
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use notify::{Event, EventKind, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use weir_api::GitRepository;
use weir_runtime::Trigger;
use weir_source::{Local, Locals};

/// Editors write a file in several steps; the look comes after they are done.
const SETTLE: Duration = Duration::from_millis(100);

/// Changes on disk, by the root they are below.
pub struct Pokes {
    changed: Arc<Changed>,
    _watcher: notify::RecommendedWatcher,
}

/// The roots below which something changed since the last look; however much changes, it stays small.
#[derive(Default)]
struct Changed {
    roots: Mutex<BTreeSet<PathBuf>>,
    any: Notify,
}

impl Changed {
    fn add(&self, root: &Path) {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner).insert(root.to_owned());
        self.any.notify_one();
    }

    async fn take(&self) -> BTreeSet<PathBuf> {
        self.any.notified().await;
        tokio::time::sleep(SETTLE).await;
        std::mem::take(&mut *self.roots.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Watches the folders that stand for sources. One that cannot be watched (systems limit how many
/// folders are) is named in the second value: its changes are seen at the interval.
pub fn start(locals: &Locals) -> Result<(Pokes, Vec<String>), CliError> {
    let roots: BTreeSet<PathBuf> = locals.iter().map(|(_, local)| watched(local)).collect();
    let changed = Arc::new(Changed::default());
    let (known, told) = (roots.clone(), changed.clone());
    let handler = move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        if !matches!(event.kind, EventKind::Access(_)) {
            let touched = |root: &&PathBuf| event.paths.iter().any(|path| path.starts_with(root));
            known.iter().filter(touched).for_each(|root| told.add(root));
        }
    };
    let mut watcher = notify::recommended_watcher(handler)
        .map_err(|error| CliError::new(format!("files cannot be watched: {error}")))?;
    let mut unwatched = Vec::new();
    for root in &roots {
        if let Err(error) = watcher.watch(root, RecursiveMode::Recursive) {
            unwatched.push(format!("{} is not watched, its changes are seen at the interval: {error}", root.display()));
        }
    }
    Ok((Pokes { changed, _watcher: watcher }, unwatched))
}

/// What changes when the source does: a repository's references, a folder's files.
fn watched(local: &Local) -> PathBuf {
    let path = local.path();
    match local {
        Local::Repository(_) if path.join(".git").is_dir() => path.join(".git"),
        _ => path.to_owned(),
    }
}

impl Pokes {
    /// The GitRepository objects that a change concerns.
    pub fn triggers(self, objects: Store<DeserializeGuard<GitRepository>>, locals: &Arc<Locals>) -> Trigger {
        let locals = locals.clone();
        // The watch lives as long as the stream.
        stream::unfold(self, |pokes| async move { Some((pokes.changed.take().await, pokes)) })
            .flat_map(move |roots| {
                let due = objects.state().into_iter().filter_map(|guarded| {
                    let object = guarded.0.as_ref().ok()?;
                    let local = locals.get(&object.spec.url)?;
                    let is_due = roots.contains(&watched(local));
                    is_due.then(|| (object.namespace().unwrap_or_default(), object.name_any()))
                });
                stream::iter(due.collect::<Vec<_>>())
            })
            .boxed()
    }
}
