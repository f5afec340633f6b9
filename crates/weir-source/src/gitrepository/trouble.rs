use super::contents::PackError;
use crate::FolderError;
use std::time::Duration;
use weir_api::reasons;
use weir_artifact::ArtifactError;
use weir_base::{Class, Diagnose, Report};
use weir_git::GitError;

/// Why a step failed, and when it may be tried again.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub report: Box<Report>,
    /// As the server wants it.
    pub retry_after: Option<Duration>,
    /// The artifact is there with another digest.
    pub is_broken: bool,
}

impl Trouble {
    pub fn transient(reason: &'static str, message: String) -> Self {
        Report { class: Class::Transient, reason, at: None, message, remedy: None }.into()
    }

    /// Says what was being done, as Flux does.
    pub fn within(mut self, step: &str) -> Self {
        self.report.message = format!("{step}: {}", self.report.message);
        self
    }
}

impl From<Report> for Trouble {
    fn from(report: Report) -> Self {
        Self { report: report.into(), retry_after: None, is_broken: false }
    }
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self { retry_after: error.retry_after(), ..error.report().into() }
    }
}

impl From<PackError> for Trouble {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Git(error) => error.into(),
            PackError::Artifact(error) => error.into(),
        }
    }
}

impl From<FolderError> for Trouble {
    fn from(error: FolderError) -> Self {
        error.report().into()
    }
}

impl From<ArtifactError> for Trouble {
    fn from(error: ArtifactError) -> Self {
        Self { is_broken: matches!(error, ArtifactError::Digest { .. }), ..error.report().into() }
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
