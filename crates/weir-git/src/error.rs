use std::time::Duration;
use weir_base::{Class, Diagnose, Exhausted, redact_url};
use weir_net::INSIDE;

/// Why a repository gave no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    #[error("'{path}' cannot be opened as a Git repository: {message}")]
    Open { path: String, message: String },
    #[error("couldn't find remote ref \"{name}\"")]
    NoReference { name: String, known: Vec<String> },
    #[error("no match found for semver: {range}")]
    NoMatch { range: String, tags: usize },
    #[error("'{range}' is not a version constraint: {message}")]
    Range { range: String, message: String },
    #[error("sparse checkout dir '{path}' does not exist in repository")]
    NoFolder { path: String },
    #[error("the repository has no commits")]
    Empty,
    #[error("commit '{commit}' not found{}", .branch.as_ref().map(|b| format!(" on branch '{b}'")).unwrap_or_default())]
    NoCommit { commit: String, branch: Option<String> },
    #[error("the repository names its objects by {format}, which is not supported")]
    ObjectFormat { format: String },
    #[error("an object of the repository is larger than {limit} bytes")]
    LargeObject { limit: u64 },
    #[error("'{path}' has {size} bytes, more than {limit}")]
    LargeFile { path: String, size: u64, limit: u64 },
    #[error("submodule '{path}' has the URL '{url}': {why}")]
    Submodule { path: String, url: String, why: &'static str },
    #[error("submodule '{path}': {error}")]
    InSubmodule { path: String, error: Box<GitError> },
    #[error("'{path}' is not a configuration: {message}")]
    Modules { path: String, message: String },
    #[error("submodules are nested more than {limit} deep")]
    SubmoduleDepth { limit: usize },
    #[error("object {id} cannot be read: {message}")]
    Object { id: String, message: String },
    #[error("the tree has an entry '{path}', which no checkout may have")]
    UnsafePath { path: String },
    #[error("'{path}' is not valid UTF-8")]
    NotUnicode { path: String },
    #[error("{url} is neither an http, an https nor an ssh URL")]
    Scheme { url: String },
    #[error("{url} is not a usable URL: {message}")]
    Url { url: String, message: String },
    #[error("failed to reach {url}: {message}")]
    Remote { url: String, message: String },
    #[error("{url} answered {status}: authentication required or refused")]
    Unauthorized { url: String, status: u16, remedy: &'static str },
    #[error("{url} answered {status}{}", .retry_after.map(|d| format!(", retry after {} s", d.as_secs())).unwrap_or_default())]
    Status { url: String, status: u16, retry_after: Option<Duration> },
    #[error("a redirect to {to} is not followed: {why}")]
    Redirect { to: String, why: &'static str },
    #[error("the host '{host}' is not among those that this controller may fetch from")]
    Host { host: String },
    #[error("a redirect to {to} is not followed: the host is not among those that this controller may fetch from")]
    RedirectHost { to: String },
    #[error("{url} {INSIDE}")]
    Inside { url: String },
    #[error("{0}")]
    Credentials(String),
    #[error("the host key of {host} is not trusted: it offered {offered}; known for it: {known}")]
    HostKey { host: String, offered: String, known: String },
    #[error("{url} refused the key {fingerprint} of user '{user}'")]
    SshLogin { url: String, user: String, fingerprint: String },
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("the repository did not answer within {seconds} s")]
    TimedOut { seconds: u64 },
    #[error("no room for a scratch repository: {0}")]
    Scratch(String),
    #[error("the checkout stopped: {0}")]
    Exhausted(#[from] Exhausted),
}

impl GitError {
    pub(crate) fn url(url: &str, message: &str) -> Self {
        GitError::Url { url: redact_url(url), message: message.to_owned() }
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            GitError::Status { retry_after, .. } => *retry_after,
            GitError::InSubmodule { error, .. } => error.retry_after(),
            _ => None,
        }
    }
}

impl Diagnose for GitError {
    fn class(&self) -> Class {
        match self {
            // The spec alone decides.
            GitError::Scheme { .. } | GitError::Url { .. } => Class::Stalled,
            _ => Class::Transient,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            GitError::Empty => "EmptyGitRepository",
            GitError::Scheme { .. } | GitError::Url { .. } => "URLInvalid",
            GitError::Credentials(_) => "AuthenticationFailed",
            GitError::Host { .. } | GitError::RedirectHost { .. } => "AccessDenied",
            GitError::InSubmodule { error, .. } if error.reason() == "AccessDenied" => "AccessDenied",
            _ => "GitOperationFailed",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            GitError::NoReference { known, .. } if !known.is_empty() => {
                Some(format!("the repository has {}", known.join(", ")))
            }
            GitError::NoMatch { tags: 0, .. } => Some("the repository has no tags".to_owned()),
            GitError::NoMatch { tags, .. } => Some(format!("none of its {tags} tags is a version in the range")),
            GitError::Empty => Some("push a first commit".to_owned()),
            GitError::ObjectFormat { .. } => Some("use a repository with SHA-1 object names".to_owned()),
            GitError::LargeFile { .. } => Some("remove the file from the repository".to_owned()),
            GitError::Submodule { .. } => Some("correct .gitmodules, or leave spec.recurseSubmodules out".to_owned()),
            GitError::InSubmodule { error, .. } => error.remedy(),
            GitError::UnsafePath { .. } => Some("remove the entry from the repository".to_owned()),
            GitError::Unauthorized { remedy, .. } => Some((*remedy).to_owned()),
            GitError::Redirect { .. } => Some("write the final address in spec.url".to_owned()),
            GitError::HostKey { known, .. } if known.starts_with("none") => {
                Some("put the host's key into known_hosts once you have made sure of it".to_owned())
            }
            GitError::HostKey { .. } => Some(
                "if the change is meant, put the offered key into known_hosts; else somebody is in between".to_owned(),
            ),
            GitError::SshLogin { .. } => Some("give this key read access to the repository".to_owned()),
            GitError::Host { .. } | GitError::RedirectHost { .. } => {
                Some("the list is the administrator's: ask for the host to be added to it".to_owned())
            }
            GitError::TimedOut { .. } => Some("raise spec.timeout".to_owned()),
            _ => None,
        }
    }
}

/// An error and what caused it, without saying anything twice.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = inner.source();
    }
    message
}
