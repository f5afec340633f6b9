use std::fmt;
use std::sync::Arc;
use weir_base::{Diagnose, Exhausted, Origin};

/// Why a file cannot be read, decrypted or encrypted. No variant holds a value of a file or a private key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SopsError {
    /// The text is not of the format that it was read as.
    #[error("not a valid {format} file: {message}")]
    Syntax { at: Origin, format: crate::Format, message: String },
    /// The `sops` block says what cannot be.
    #[error("the sops metadata cannot be read: {message}")]
    Metadata { at: Origin, message: String },
    /// A single value.
    #[error("cannot decrypt '{path}': {message}")]
    Value { at: Origin, path: String, message: String },
    /// A value that is to be encrypted.
    #[error("cannot encrypt '{path}': {message}")]
    Plain { at: Origin, path: String, message: String },
    /// A tree that the asked format cannot hold.
    #[error("cannot be written as {format}: {message}")]
    Emit { at: Origin, format: crate::Format, message: String },
    /// A private key that cannot be loaded.
    #[error("{name}: {message}")]
    Key { name: String, message: String },
    /// A recipient that nothing can be encrypted to.
    #[error("cannot encrypt to '{recipient}': {message}")]
    Recipient { recipient: String, message: String },
    /// A `.sops.yaml` that cannot be used.
    #[error("{message}")]
    Rules { at: Origin, message: String },
    /// A limit.
    #[error("{what}")]
    TooLarge { at: Origin, what: String },
}

impl SopsError {
    pub(crate) fn exhausted(at: &Origin, why: Exhausted) -> Self {
        SopsError::TooLarge { at: at.clone(), what: format!("the file is too large to work on: {why}") }
    }

    pub(crate) fn metadata(file: &Option<Arc<str>>, line: u32, message: impl Into<String>) -> Self {
        SopsError::Metadata { at: Origin::new(file.clone(), line, 0), message: message.into() }
    }

    pub(crate) fn key(name: &str, message: impl Into<String>) -> Self {
        SopsError::Key { name: name.to_owned(), message: message.into() }
    }
}

impl Diagnose for SopsError {
    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn at(&self) -> Option<Origin> {
        match self {
            SopsError::Syntax { at, .. }
            | SopsError::Metadata { at, .. }
            | SopsError::Value { at, .. }
            | SopsError::Plain { at, .. }
            | SopsError::Emit { at, .. }
            | SopsError::Rules { at, .. }
            | SopsError::TooLarge { at, .. } => Some(at.clone()),
            SopsError::Key { .. } | SopsError::Recipient { .. } => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            SopsError::Syntax { .. } => "sops goes by the file's name: check that its ending says what it holds",
            SopsError::Metadata { .. } => "only sops should write the 'sops' block; restore it from an older commit",
            SopsError::Value { .. } => {
                "the value, its key or a key above it was changed after it was encrypted: restore it, or encrypt the file again"
            }
            SopsError::Key { .. } => "give the key as it was generated",
            SopsError::Recipient { .. } => {
                "give an age recipient (age1..., ssh-ed25519, ssh-rsa), or a PGP fingerprint whose key is at hand"
            }
            SopsError::TooLarge { .. } => "split the file",
            SopsError::Plain { .. } | SopsError::Emit { .. } | SopsError::Rules { .. } => return None,
        };
        Some(remedy.to_owned())
    }
}

/// The data key cannot be had from what is held: who could decrypt it, what was tried, and whom to ask.
#[derive(Clone, Debug)]
pub struct Unmet(pub(crate) Box<Attempts>);

#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    pub(crate) at: Origin,
    /// Groups that have to open, of how many.
    pub(crate) needed: usize,
    pub(crate) groups: Vec<GroupAttempt>,
    /// Public names of the keys that are held.
    pub(crate) held: Vec<String>,
    pub(crate) ask: Vec<KeyRef>,
    /// Set where all parts were there and the key could not be put together.
    pub(crate) broken: Option<String>,
}

/// A master key of a file, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRef {
    pub group: usize,
    pub key: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct GroupAttempt {
    pub opened: bool,
    /// Each key of the group in the order of trial, with why it does not open.
    pub attempts: Vec<(String, String)>,
}

impl Unmet {
    /// The keys of services that may help and were not asked yet, in the order of the original. One that answers
    /// opens its whole group, so asking one for each group and calling again saves requests.
    pub fn ask(&self) -> &[KeyRef] {
        &self.0.ask
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot get the data key")?;
        if let Some(broken) = &self.0.broken {
            return write!(f, ": {broken}");
        }
        let opened = self.0.groups.iter().filter(|group| group.opened).count();
        if self.0.groups.len() > 1 {
            write!(f, ": {opened} of {} key groups open, {} are needed", self.0.groups.len(), self.0.needed)?;
        }
        for (at, group) in self.0.groups.iter().enumerate().filter(|(_, group)| !group.opened) {
            let lead = if self.0.groups.len() > 1 { format!("; group {}", at + 1) } else { ": it".to_owned() };
            write!(f, "{lead} wants any of ")?;
            for (n, (name, why)) in group.attempts.iter().enumerate() {
                write!(f, "{}{name} ({why})", if n > 0 { ", " } else { "" })?;
            }
        }
        match self.0.held.as_slice() {
            [] => f.write_str("; no private key is held"),
            held => write!(f, "; held are {}", held.join(", ")),
        }
    }
}

impl std::error::Error for Unmet {}

impl Diagnose for Unmet {
    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn at(&self) -> Option<Origin> {
        Some(self.0.at.clone())
    }

    fn remedy(&self) -> Option<String> {
        let remedy = if self.0.ask.is_empty() {
            "add the private key of one of them, or encrypt the file to a key that is held"
        } else {
            "the key service has to be asked"
        };
        Some(remedy.to_owned())
    }
}
