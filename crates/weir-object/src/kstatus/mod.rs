//! Is an object ready? The rules are kstatus' (sigs.k8s.io/cli-utils) as forked by Flux.
//!
//! Order per object: being deleted; generation not observed; `Reconciling` or `Stalled`; the rules of
//! its kind; its `Ready` condition; else Current, since a kind without a status is ready by existing.
//! A job has a rule of Flux' own instead. Fields of the wrong type make the verdict Unknown.

mod fields;
mod job;
mod kinds;
mod pod;

use crate::meta;
use fields::{Unreadable, conditions, strict_integer, strict_text};
use std::time::SystemTime;
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

/// The verdict on a live object, at the time `now`: a pod may be unschedulable for a while.
pub fn assess(node: &Node, now: SystemTime) -> Verdict {
    let (group, kind) = group_kind(node);
    // Flux reads jobs with a rule of its own, which looks at nothing that all kinds have.
    let verdict = match (group, kind) {
        ("batch", "Job") => job::assess(node),
        _ => general(node, group, kind, now),
    };
    verdict.unwrap_or_else(|why| Verdict::new(Status::Unknown, why))
}

fn general(node: &Node, group: &str, kind: &str, now: SystemTime) -> Result<Verdict, Unreadable> {
    if strict_text(node, &["metadata", "deletionTimestamp"])?.is_some_and(|time| !time.is_empty()) {
        return Ok(Verdict::new(Status::Terminating, "Resource scheduled for deletion"));
    }
    if let Some(generation) = strict_integer(node, &["metadata", "generation"])?
        && let Some(observed) = strict_integer(node, &["status", "observedGeneration"])?
        && generation != observed
    {
        return Ok(Verdict::in_progress(format!(
            "{} generation is {generation}, but latest observed generation is {observed}",
            meta::kind(node)
        )));
    }
    let conditions = conditions(node)?;
    for condition in &conditions {
        if condition.is("Reconciling", "True") {
            return Ok(Verdict::in_progress(condition.message));
        }
        if condition.is("Stalled", "True") {
            return Ok(Verdict::failed(condition.message));
        }
    }
    if let Some(verdict) = kinds::assess(node, group, kind, &conditions, now)? {
        return Ok(verdict);
    }
    let ready = conditions.iter().find(|c| c.kind == "Ready" && ["True", "False", "Unknown"].contains(&c.status));
    Ok(match ready {
        Some(ready) if ready.status == "True" => Verdict::current("Resource is Ready"),
        Some(ready) => Verdict::in_progress(ready.message),
        None => Verdict::current("Resource is current"),
    })
}

/// Group and kind; an `apiVersion` that is none makes the object one of no kind.
fn group_kind(node: &Node) -> (&str, &str) {
    let api_version = node.str_at(&["apiVersion"]).unwrap_or_default();
    match api_version.split_once('/') {
        Some((_, version)) if version.contains('/') => ("", ""),
        Some((group, _)) => (group, meta::kind(node)),
        None => ("", meta::kind(node)),
    }
}
