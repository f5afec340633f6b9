use crate::Metadata;
use std::time::Duration;
use weir_base::{Class, Diagnose};

/// A reconcile that reached what the object asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Reason and message of the Ready condition.
    pub reason: &'static str,
    pub message: String,
    /// What the event says; none when nothing worth telling happened.
    pub event: Option<(&'static str, String)>,
    /// Nothing changed since that was said the last time: it is for receivers alone, not for Kubernetes Events.
    pub repeats: bool,
    pub metadata: Metadata,
}

/// A reconcile that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Only a change of the object can help. Stalled is set, nothing is retried.
    Stalled { reason: &'static str, message: String },
    /// Something is not there yet. No worker is held: the object is looked at again after `after`,
    /// or when a watch says so.
    Waiting { reason: &'static str, message: String, after: Duration, ready: Ready },
    /// The work is under way and the status says so already: it is looked at again, and nothing is written.
    Again { after: Duration },
    /// Anything else.
    Transient { reason: &'static str, message: String, retry: Retry, metadata: Metadata },
}

/// What Ready is while an object waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The work is under way (health is awaited).
    Unknown,
    /// The work has not begun (a dependency is not ready).
    False,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// 750 ms, doubled at each failure, at most 15 minutes.
    Backoff,
    After(Duration),
}

impl Failure {
    pub fn transient(reason: &'static str, message: impl Into<String>) -> Self {
        Failure::Transient { reason, message: message.into(), retry: Retry::Backoff, metadata: Metadata::new() }
    }

    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Failure::Stalled { reason, message: message.into() }
    }

    /// The same in other words.
    pub fn worded(mut self, words: impl Fn(&str) -> String) -> Self {
        if let Failure::Stalled { message, .. }
        | Failure::Waiting { message, .. }
        | Failure::Transient { message, .. } = &mut self
        {
            *message = words(message);
        }
        self
    }

    /// A kind or field that this version does not do yet. Never silence.
    pub fn not_implemented(what: &str) -> Self {
        Failure::stalled("NotImplemented", format!("{what} is not implemented in this version of weir"))
    }

    /// The one conversion from a library's error.
    pub fn of(error: &impl Diagnose) -> Self {
        Self::with_reason(error, error.report().reason)
    }

    /// The same under another reason, where Flux names the step and not the cause.
    pub fn with_reason(error: &impl Diagnose, reason: &'static str) -> Self {
        let report = error.report();
        let message = report.to_string();
        match report.class {
            Class::Stalled => Failure::Stalled { reason, message },
            Class::Waiting => Failure::Waiting { reason, message, after: Duration::from_secs(5), ready: Ready::False },
            Class::Transient => Failure::transient(reason, message),
        }
    }

    /// What the object says; nothing while all is said already.
    pub fn message(&self) -> &str {
        match self {
            Failure::Stalled { message, .. }
            | Failure::Waiting { message, .. }
            | Failure::Transient { message, .. } => message,
            Failure::Again { .. } => "",
        }
    }

    /// Retried after a fixed time instead of a growing one.
    pub fn retried_after(mut self, after: Duration) -> Self {
        if let Failure::Transient { retry, .. } = &mut self {
            *retry = Retry::After(after);
        }
        self
    }

    pub fn about(mut self, about: Metadata) -> Self {
        if let Failure::Transient { metadata, .. } = &mut self {
            *metadata = about;
        }
        self
    }
}
