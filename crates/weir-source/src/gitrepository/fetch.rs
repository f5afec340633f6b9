use super::plan::{Place, Plan};
use super::{checkout_budget, off_thread};
use crate::Local;
use crate::folder::{self, FolderError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_api::reasons;
use weir_artifact::{ArtifactError, digest, pack};
use weir_base::{Budget, Class, Report, Tree};
use weir_git::{GitError, Remote, Repository, Resolved};

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
pub(super) async fn resolve(plan: &Plan) -> Result<Option<Resolved>, Report> {
    let reference = plan.reference.clone();
    match &plan.place {
        Place::Local(Local::Folder(_)) => Ok(None),
        Place::Local(Local::Repository(path)) => {
            let path = path.clone();
            off_thread(move || -> Result<_, GitError> { Repository::open(&path)?.resolve(&reference) }).await.map(Some)
        }
        Place::Network(url) => {
            let url = url.clone();
            within(plan.timeout, move |stop| Remote::new(&url, stop)?.resolve(&reference)).await
        }
    }
}

pub(super) async fn fetch(plan: &Plan, resolved: Option<Resolved>, cancel: &Budget) -> Result<Fetched, Report> {
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
            let (url, reference) = (url.clone(), plan.reference.clone());
            let (resolved, tree) =
                within(plan.timeout, move |stop| Remote::new(&url, stop)?.fetch(&reference, &budget)).await?;
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

/// Runs a network operation; when its time is over it is told to stop, and nobody waits for it.
async fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce(&AtomicBool) -> Result<T, GitError> + Send + 'static,
) -> Result<T, Report> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    match tokio::time::timeout(timeout, off_thread(move || work(&flag))).await {
        Ok(result) => result,
        Err(_) => {
            stop.store(true, Ordering::Relaxed);
            Err(Report {
                class: Class::Transient,
                reason: reasons::GIT_OPERATION_FAILED,
                at: None,
                message: format!("the repository did not answer within {} s", timeout.as_secs()),
                remedy: Some("raise spec.timeout".to_owned()),
            })
        }
    }
}
