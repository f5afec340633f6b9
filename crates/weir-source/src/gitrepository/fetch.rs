use super::checkout_budget;
use super::plan::{Place, Plan};
use super::trouble::{Trouble, off_thread};
use crate::Local;
use crate::folder::{self, FolderError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_artifact::{ArtifactError, digest, pack};
use weir_base::{Budget, Tree};
use weir_git::{Access, GitError, Limits, Remote, Repository, Resolved};

/// How much longer than its time an operation may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A tree, and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub tree: Tree,
    pub revision: String,
    /// Name of the artifact's file.
    pub file: String,
    /// First line of the commit's message.
    summary: Option<String>,
}

impl Fetched {
    /// What the event says.
    pub fn announcement(&self) -> String {
        match &self.summary {
            Some(summary) => {
                let cut: String = summary.chars().take(50).collect();
                format!("stored artifact for commit '{cut}'")
            }
            None => format!("stored artifact for revision '{}'", self.revision),
        }
    }
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
            within(plan.timeout, move |limits, stop| Remote::new(&url, access, limits, stop)?.resolve(&reference)).await
        }
    }
}

pub(super) async fn fetch(
    plan: &Plan,
    access: &Access,
    resolved: Option<Resolved>,
    cancel: &Budget,
) -> Result<Fetched, Trouble> {
    let budget = checkout_budget();
    if cancel.is_cancelled() {
        budget.cancel();
    }
    let fetched = |resolved: Resolved, tree| {
        let Resolved { commit, revision, summary } = resolved;
        Fetched { tree, revision, file: format!("{commit}.tar.gz"), summary: Some(summary) }
    };
    match (&plan.place, resolved) {
        (Place::Network(url), _) => {
            let (url, access, reference) = (url.clone(), access.clone(), plan.reference.clone());
            let work = move |limits, stop| Remote::new(&url, access, limits, stop)?.fetch(&reference, &budget);
            let (resolved, tree) = within(plan.timeout, work).await?;
            Ok(fetched(resolved, tree))
        }
        (Place::Local(local), Some(resolved)) => {
            let path = local.path().to_owned();
            let commit = resolved.commit.clone();
            let checkout = move || -> Result<_, GitError> { Repository::open(&path)?.checkout(&commit, &budget) };
            Ok(fetched(resolved, off_thread(checkout).await?))
        }
        (Place::Local(local), None) => {
            let path = local.path().to_owned();
            let tree = off_thread(move || -> Result<Tree, FolderError> { folder::read(&path, &budget) }).await?;
            off_thread(move || -> Result<_, ArtifactError> {
                let digest = digest(&pack(&tree)?);
                let hex = digest.trim_start_matches("sha256:").to_owned();
                Ok(Fetched { tree, revision: format!("latest@{digest}"), file: format!("{hex}.tar.gz"), summary: None })
            })
            .await
        }
    }
}

/// Runs a network operation. It ends by itself; should it be in the middle of something that cannot
/// be interrupted, nobody waits for it.
async fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce(Limits, Arc<AtomicBool>) -> Result<T, GitError> + Send + 'static,
) -> Result<T, Trouble> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let limits = Limits { time: timeout, ..Limits::default() };
    match tokio::time::timeout(timeout + GRACE, off_thread(move || work(limits, flag))).await {
        Ok(result) => result,
        Err(_) => {
            stop.store(true, Ordering::Relaxed);
            Err(GitError::TimedOut { seconds: timeout.as_secs() }.into())
        }
    }
}
