//! Is an object ready? The rules are kstatus' (sigs.k8s.io/cli-utils) as forked by Flux.
//!
//! Order per object: being deleted; generation not observed; `Reconciling`; `Stalled`; the rules of
//! its kind; its `Ready` condition; else Current, since a kind without a status is ready by existing.

mod kinds;

use crate::meta;
use weir_doc::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Current,
    InProgress,
    Failed,
    Terminating,
    NotFound,
    Unknown,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Current => "Current",
            Status::InProgress => "InProgress",
            Status::Failed => "Failed",
            Status::Terminating => "Terminating",
            Status::NotFound => "NotFound",
            Status::Unknown => "Unknown",
        }
    }
}

/// A verdict, and what the object itself says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub status: Status,
    pub message: String,
}

impl Verdict {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn current(message: impl Into<String>) -> Self {
        Self::new(Status::Current, message)
    }

    pub(crate) fn in_progress(message: impl Into<String>) -> Self {
        Self::new(Status::InProgress, message)
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }
}

/// The verdict on a live object.
pub fn assess(node: &Node) -> Verdict {
    if meta::is_deleting(node) {
        return Verdict::new(Status::Terminating, "Resource scheduled for deletion");
    }
    let generation = node.path(&["metadata", "generation"]).and_then(Node::as_i64);
    let observed = node.path(&["status", "observedGeneration"]).and_then(Node::as_i64);
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        return Verdict::in_progress(format!(
            "{} generation is {generation}, but latest observed generation is {observed}",
            meta::kind(node)
        ));
    }
    if let Some(condition) = condition(node, "Reconciling").filter(|c| c.is("True")) {
        return Verdict::in_progress(condition.message);
    }
    if let Some(condition) = condition(node, "Stalled").filter(|c| c.is("True")) {
        return Verdict::failed(condition.message);
    }
    if let Some(verdict) = kinds::assess(node) {
        return verdict;
    }
    match condition(node, "Ready") {
        Some(ready) if ready.is("True") => Verdict::current("Resource is Ready"),
        Some(ready) => Verdict::in_progress(ready.message),
        None => Verdict::current("Resource is current"),
    }
}

/// What one condition says.
pub(crate) struct Condition<'n> {
    status: &'n str,
    pub reason: &'n str,
    pub message: &'n str,
}

impl Condition<'_> {
    pub fn is(&self, status: &str) -> bool {
        self.status == status
    }
}

pub(crate) fn condition<'n>(node: &'n Node, kind: &str) -> Option<Condition<'n>> {
    let found = node.path(&["status", "conditions"])?.as_seq()?.iter().find(|c| c.str_at(&["type"]) == Some(kind))?;
    Some(Condition {
        status: found.str_at(&["status"]).unwrap_or("Unknown"),
        reason: found.str_at(&["reason"]).unwrap_or_default(),
        message: found.str_at(&["message"]).unwrap_or_default(),
    })
}
