use std::fmt;
use weir_base::{Class, Diagnose};
use weir_net::NetError;

/// Most characters of a service's own message that are shown.
const MESSAGE: usize = 400;

/// Why a key was not decrypted or a token not got.
///
/// Contract: no message has a token, a password or a key in it. What a service answered is shown only
/// where its form says that it is a message, and cut.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloudError {
    /// An entry of a Secret, or a setting of the controller, that cannot be used.
    #[error("{entry}: {message}")]
    Entry { entry: String, message: String, remedy: Option<String> },
    /// The name of a key that nothing may be sent to.
    #[error("the key '{key}' of {service} cannot be asked: {message}")]
    Key { service: &'static str, key: String, message: String },
    /// The ServiceAccount, or its token, could not be had from Kubernetes.
    #[error("{message}")]
    Account { message: String, remedy: Option<String> },
    /// A remote cluster that is not described as it should be.
    #[error("{message}")]
    Cluster { message: String, remedy: Option<String> },
    /// Nobody said who we are.
    #[error("there are no credentials for {service}: {message}")]
    NoCredentials { service: &'static str, message: String, remedy: String },
    /// The service said no.
    #[error("{asked}: {} answered {refusal}", .refusal.host)]
    Refused { asked: String, refusal: Box<Refusal>, remedy: Option<String> },
    /// There was an answer that is none.
    #[error("{asked}: the answer is not what it should be: {message}")]
    Answer { asked: String, message: String },
    #[error("{asked}: {error}")]
    Net { asked: String, error: NetError },
}

/// What a service said of its refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who said it, with the port where it is not the usual one.
    pub host: String,
    pub status: u16,
    /// The service's own name for it, such as `AccessDeniedException`.
    pub code: String,
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Refusal {
    pub(crate) fn new(host: &str, status: u16, code: &str, message: &str) -> Self {
        Self { host: host.to_owned(), status, code: shown(code), message: shown(message) }
    }
}

/// On one line, and not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MESSAGE) {
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

impl CloudError {
    pub(crate) fn entry(entry: impl Into<String>, message: impl Into<String>) -> Self {
        CloudError::Entry { entry: entry.into(), message: message.into(), remedy: None }
    }

    pub(crate) fn key(service: &'static str, key: &str, message: impl Into<String>) -> Self {
        CloudError::Key { service, key: shown(key), message: message.into() }
    }

    pub(crate) fn cluster(message: impl Into<String>) -> Self {
        CloudError::Cluster { message: message.into(), remedy: None }
    }

    /// Whether the same may succeed a little later, with nothing changed.
    pub fn may_pass(&self) -> bool {
        match self {
            CloudError::Refused { refusal, .. } => {
                let throttled =
                    ["Throttl", "TooManyRequests", "RequestLimitExceeded", "KeyUnavailable", "DependencyTimeout"];
                matches!(refusal.status, 408 | 429 | 500 | 502 | 503 | 504)
                    || throttled.iter().any(|code| refusal.code.contains(code))
            }
            CloudError::Net { error, .. } => matches!(error, NetError::Unreachable { .. } | NetError::Slow { .. }),
            _ => false,
        }
    }

    /// The service knows who we are not: a token that was kept is no longer good.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        let codes = ["ExpiredToken", "UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature"];
        matches!(self, CloudError::Refused { refusal, .. }
            if refusal.status == 401 || codes.iter().any(|code| refusal.code.contains(code)))
    }

    /// Vault says 403 to a token that it does not know as well as to one without the right.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, CloudError::Refused { refusal, .. } if refusal.status == 403)
    }

    /// Of a metadata server that was asked last: what `none` makes of its silence or refusal.
    pub(crate) fn of_metadata(self, none: impl FnOnce(&str) -> CloudError) -> Self {
        match self {
            CloudError::Net { error, .. } => none(&format!("does not answer ({error})")),
            CloudError::Refused { refusal, .. } => none(&format!("answered {refusal}")),
            other => other,
        }
    }

    pub(crate) fn with_remedy(mut self, text: impl Into<String>) -> Self {
        if let CloudError::Refused { remedy, .. }
        | CloudError::Entry { remedy, .. }
        | CloudError::Account { remedy, .. }
        | CloudError::Cluster { remedy, .. } = &mut self
        {
            *remedy = Some(text.into());
        }
        self
    }
}

impl Diagnose for CloudError {
    /// Rights, Secrets and services change without the object: it is tried again.
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            CloudError::Entry { remedy, .. }
            | CloudError::Refused { remedy, .. }
            | CloudError::Account { remedy, .. }
            | CloudError::Cluster { remedy, .. } => remedy.clone(),
            CloudError::NoCredentials { remedy, .. } => Some(remedy.clone()),
            CloudError::Net { error, .. } => error.remedy(),
            CloudError::Key { .. } | CloudError::Answer { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line() {
        let refusal = Refusal::new("h", 403, "Denied", &"no\n way ".repeat(300));
        assert!(refusal.message.starts_with("no way no way") && refusal.message.ends_with(" ..."));
        assert!(refusal.message.chars().count() <= MESSAGE + 4);
        assert_eq!(Refusal::new("h", 500, "", "").to_string(), "500");
    }
}
