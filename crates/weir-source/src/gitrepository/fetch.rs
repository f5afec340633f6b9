use super::contents::Contents;
use super::plan::{Place, Plan};
use super::trouble::{Trouble, off_thread};
use crate::Local;
use crate::folder::{self, FolderError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_artifact::{ArtifactError, digest, pack};
use weir_base::{Budget, Tree};
use weir_git::{Access, GitError, Limits, Remote, Repository, Resolved, Snapshot};

/// How much longer than its time an operation may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Entries of a repository's trees that are looked at.
const MOST_FILES: u64 = 10_000_000;

/// The files of a revision, and what it is called.
pub(super) struct Fetched {
    pub contents: Contents,
    pub revision: String,
    /// Name of the artifact's file.
    pub file: String,
    /// First line of the commit's message.
    pub summary: Option<String>,
}

/// The cheap look: which commit the reference names now. A folder, or a commit by its id, has none.
pub(super) async fn resolve(plan: &Plan, access: &Access) -> Result<Option<Resolved>, Trouble> {
    let reference = plan.reference.clone();
    match &plan.place {
        Place::Local(Local::Folder(_)) => Ok(None),
        Place::Local(Local::Repository(path)) => {
            let path = path.clone();
            off_thread(move || -> Result<_, GitError> { Repository::open(&path)?.resolve(&reference) }).await.map(Some)
        }
        Place::Network(url) => {
            let (url, access) = (url.clone(), access.clone());
            let limits = Limits { time: plan.timeout, ..Limits::default() };
            within(plan.timeout, move |stop| Remote::new(&url, access, limits, stop)?.resolve(&reference)).await
        }
    }
}

/// Fetches what the plan asks for. `limit` bounds the bytes of a transfer and of the files.
pub(super) async fn fetch(
    plan: &Plan,
    access: &Access,
    resolved: Option<Resolved>,
    limit: u64,
    cancel: &Budget,
) -> Result<Fetched, Trouble> {
    let budget = Budget::new(MOST_FILES, limit);
    if cancel.is_cancelled() {
        budget.cancel();
    }
    let fetched = |resolved: Resolved, snapshot: Snapshot| {
        let Resolved { commit, revision, summary } = resolved;
        Fetched { contents: snapshot.into(), revision, file: format!("{commit}.tar.gz"), summary: Some(summary) }
    };
    let selection = plan.selection.clone();
    match (&plan.place, resolved) {
        (Place::Network(url), _) => {
            let (url, access, reference) = (url.clone(), access.clone(), plan.reference.clone());
            let limits = Limits { time: plan.timeout, bytes: limit, ..Limits::default() };
            let work = move |stop| Remote::new(&url, access, limits, stop)?.fetch(&reference, &selection, &budget);
            let (resolved, snapshot) = within(plan.timeout, work).await?;
            Ok(fetched(resolved, snapshot))
        }
        (Place::Local(local), Some(resolved)) => {
            let path = local.path().to_owned();
            let commit = resolved.commit.clone();
            let read = move || Repository::open(&path)?.snapshot(&commit, &selection, &budget);
            Ok(fetched(resolved, off_thread(read).await?))
        }
        (Place::Local(local), None) => {
            let path = local.path().to_owned();
            let tree = off_thread(move || -> Result<Tree, FolderError> { folder::read(&path, &budget) }).await?;
            off_thread(move || -> Result<_, ArtifactError> {
                let digest = digest(&pack(&tree)?);
                let hex = digest.trim_start_matches("sha256:").to_owned();
                let revision = format!("latest@{digest}");
                Ok(Fetched { contents: tree.into(), revision, file: format!("{hex}.tar.gz"), summary: None })
            })
            .await
        }
    }
}

/// Runs a network operation. It ends by itself; should it be in the middle of something that cannot
/// be interrupted, nobody waits for it.
async fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce(Arc<AtomicBool>) -> Result<T, GitError> + Send + 'static,
) -> Result<T, Trouble> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    match tokio::time::timeout(timeout + GRACE, off_thread(move || work(flag))).await {
        Ok(result) => result.map_err(|trouble| trouble.within("failed to checkout and determine revision")),
        Err(_) => {
            stop.store(true, Ordering::Relaxed);
            Err(GitError::TimedOut { seconds: timeout.as_secs() }.into())
        }
    }
}
