//! A saved file, or a new commit, makes its sources due at once.

use crate::error::CliError;
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use notify::{Event, EventKind, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use weir_api::GitRepository;
use weir_runtime::Trigger;
use weir_source::{Local, Locals};

/// Editors write a file in several steps; the look comes after they are done.
const SETTLE: Duration = Duration::from_millis(100);

/// Changes on disk, by the root they are below.
pub struct Pokes {
    changed: mpsc::UnboundedReceiver<PathBuf>,
    watcher: notify::RecommendedWatcher,
}

/// Watches the folders that stand for sources.
pub fn start(locals: &Locals) -> Result<Pokes, CliError> {
    let roots: BTreeSet<PathBuf> = locals.iter().map(|(_, local)| watched(local)).collect();
    let (sender, changed) = mpsc::unbounded_channel();
    let known = roots.clone();
    let handler = move |event: notify::Result<Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for root in &known {
            if event.paths.iter().any(|path| path.starts_with(root)) {
                // A send fails only when the command ends.
                let _ = sender.send(root.clone());
            }
        }
    };
    let failed =
        |root: &Path, error: notify::Error| CliError::new(format!("{} cannot be watched: {error}", root.display()));
    let mut watcher = notify::recommended_watcher(handler).map_err(|error| failed(Path::new("files"), error))?;
    for root in &roots {
        watcher.watch(root, RecursiveMode::Recursive).map_err(|error| failed(root, error))?;
    }
    Ok(Pokes { changed, watcher })
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
        stream::unfold(self, |mut pokes| async move {
            let mut roots = BTreeSet::from([pokes.changed.recv().await?]);
            while let Ok(Some(root)) = tokio::time::timeout(SETTLE, pokes.changed.recv()).await {
                roots.insert(root);
            }
            // Moved along, so that the watch lives as long as the stream.
            let Pokes { changed, watcher } = pokes;
            Some((roots, Pokes { changed, watcher }))
        })
        .flat_map(move |roots| {
            let due = objects.state().into_iter().filter_map(|guarded| {
                let object = guarded.0.as_ref().ok()?;
                let local = locals.get(&object.spec.url)?;
                roots.contains(&watched(local)).then(|| (object.namespace().unwrap_or_default(), object.name_any()))
            });
            stream::iter(due.collect::<Vec<_>>())
        })
        .boxed()
    }
}
