use crate::FolderError;
use std::time::Duration;
use weir_api::reasons;
use weir_artifact::ArtifactError;
use weir_base::{Class, Diagnose, Report};
use weir_git::GitError;

/// Why a step failed, and when it may be tried again.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub report: Report,
    /// As the server wants it.
    pub retry_after: Option<Duration>,
}

impl Trouble {
    pub fn transient(reason: &'static str, message: String) -> Self {
        Report { class: Class::Transient, reason, at: None, message, remedy: None }.into()
    }
}

impl From<Report> for Trouble {
    fn from(report: Report) -> Self {
        Self { report, retry_after: None }
    }
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self { report: error.report(), retry_after: error.retry_after() }
    }
}

impl From<FolderError> for Trouble {
    fn from(error: FolderError) -> Self {
        error.report().into()
    }
}

impl From<ArtifactError> for Trouble {
    fn from(error: ArtifactError) -> Self {
        error.report().into()
    }
}

/// Runs blocking work away from the async threads.
pub(super) async fn off_thread<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Trouble>
where
    T: Send + 'static,
    E: Into<Trouble> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => {
            let message = "the work panicked; this is a mistake in weir".to_owned();
            Err(Trouble::transient(reasons::GIT_OPERATION_FAILED, message))
        }
    }
}
