use weir_base::{Class, Diagnose, Exhausted, tree::PathError};

/// Why an artifact was not published or cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("{action} '{path}' failed: {message}")]
    Storage { action: &'static str, path: String, message: String },
    #[error("'{0}' cannot be part of an artifact's path")]
    BadName(String),
    #[error("the artifact '{path}' has disappeared from storage")]
    Missing { path: String },
    #[error("the artifact '{path}' has digest {found}, its object says {expected}")]
    Digest { path: String, expected: String, found: String },
    #[error("the artifact was not fetched from {url}: {message}")]
    Unreachable { url: String, message: String },
    #[error("the artifact was not fetched: {url} answered {status}")]
    Refused { url: String, status: String },
    #[error("the artifact at {url} is larger than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("the archive cannot be read: {0}")]
    Archive(String),
    #[error("the archive has an unsafe entry: {0}")]
    Path(#[from] PathError),
    #[error("the archive is too large: {0}")]
    Exhausted(#[from] Exhausted),
    #[error("the lock '{path}' was not taken: {message}")]
    Lock { path: String, message: String },
    #[error("the digest '{digest}' of artifact '{path}' is of no known algorithm")]
    Algorithm { path: String, digest: String },
}

impl Diagnose for ArtifactError {
    fn class(&self) -> Class {
        match self {
            // The source's next pass publishes it, or its address, anew.
            ArtifactError::Missing { .. } | ArtifactError::Unreachable { .. } => Class::Waiting,
            _ => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            ArtifactError::Storage { .. } | ArtifactError::BadName(_) => "ArchiveOperationFailed",
            ArtifactError::Lock { .. } => "AcquireLockFailed",
            _ => "ArtifactFailed",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ArtifactError::Digest { .. } => {
                Some("the source controller builds it again at its next reconcile".to_owned())
            }
            ArtifactError::Unreachable { .. } => {
                Some("check that the source controller runs and that --storage-adv-addr can be reached".to_owned())
            }
            _ => None,
        }
    }
}
