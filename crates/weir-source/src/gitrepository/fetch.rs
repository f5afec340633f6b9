use super::plan::Plan;
use super::{checkout_budget, off_thread};
use crate::Local;
use crate::folder::{self, FolderError};
use weir_artifact::{ArtifactError, digest, pack};
use weir_base::{Budget, Report, Tree};
use weir_git::{GitError, Repository, Resolved};

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

/// The cheap look: which commit the reference names now. A folder has no cheaper look than reading it.
pub(super) async fn resolve(plan: &Plan) -> Result<Option<Resolved>, Report> {
    match &plan.local {
        Local::Folder(_) => Ok(None),
        Local::Repository(path) => {
            let (path, reference) = (path.clone(), plan.reference.clone());
            off_thread(move || -> Result<_, GitError> { Repository::open(&path)?.resolve(&reference) }).await.map(Some)
        }
    }
}

pub(super) async fn fetch(plan: &Plan, resolved: Option<Resolved>, cancel: &Budget) -> Result<Fetched, Report> {
    let path = plan.local.path().to_owned();
    let budget = checkout_budget();
    if cancel.is_cancelled() {
        budget.cancel();
    }
    match resolved {
        Some(resolved) => {
            off_thread(move || -> Result<_, GitError> {
                let tree = Repository::open(&path)?.checkout(&resolved.commit, &budget)?;
                let Resolved { commit, revision, summary } = resolved;
                Ok(Fetched { tree, revision, file: format!("{commit}.tar.gz"), summary: Some(summary) })
            })
            .await
        }
        None => {
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
