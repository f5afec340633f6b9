use weir_base::{Class, Diagnose, Exhausted};

/// Why a repository gave no tree.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GitError {
    #[error("'{path}' cannot be opened as a Git repository: {message}")]
    Open { path: String, message: String },
    #[error("couldn't find remote ref \"{name}\"")]
    NoReference { name: String, known: Vec<String> },
    #[error("the repository has no commits")]
    Empty,
    #[error("commit '{commit}' not found{}", .branch.as_ref().map(|b| format!(" on branch '{b}'")).unwrap_or_default())]
    NoCommit { commit: String, branch: Option<String> },
    #[error("object {id} cannot be read: {message}")]
    Object { id: String, message: String },
    #[error("the tree has an entry '{path}', which no checkout may have")]
    UnsafePath { path: String },
    #[error("'{path}' is not valid UTF-8")]
    NotUnicode { path: String },
    #[error("{url} is neither an http nor an https URL")]
    Scheme { url: String },
    #[error("failed to reach {url}: {message}")]
    Remote { url: String, message: String },
    #[error("no room for a scratch repository: {0}")]
    Scratch(String),
    #[error("the checkout stopped: {0}")]
    Exhausted(#[from] Exhausted),
}

impl Diagnose for GitError {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        match self {
            GitError::Empty => "EmptyGitRepository",
            _ => "GitOperationFailed",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            GitError::NoReference { known, .. } if !known.is_empty() => {
                Some(format!("the repository has {}", known.join(", ")))
            }
            GitError::Empty => Some("push a first commit".to_owned()),
            GitError::UnsafePath { .. } => Some("remove the entry from the repository".to_owned()),
            _ => None,
        }
    }
}
