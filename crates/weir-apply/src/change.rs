use crate::ApplyError;
use std::fmt;
use weir_object::ObjectRef;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Created,
    Configured,
    Unchanged,
    Skipped,
    Deleted,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Created => "created",
            Action::Configured => "configured",
            Action::Unchanged => "unchanged",
            Action::Skipped => "skipped",
            Action::Deleted => "deleted",
        }
    }

    /// Whether it changed the cluster, and so belongs into the event.
    pub fn is_change(self) -> bool {
        matches!(self, Action::Created | Action::Configured | Action::Deleted)
    }
}

/// One line of the change log: `Deployment/apps/podinfo configured`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub object: ObjectRef,
    pub action: Action,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.action.as_str())
    }
}

/// Who is told what an apply does.
pub trait Witness: Send {
    /// Something is about to be changed for the first time. An error prevents it.
    fn begin(&mut self) -> impl Future<Output = Result<(), ApplyError>> + Send {
        std::future::ready(Ok(()))
    }

    /// What happened to an object.
    fn done(&mut self, change: Change);

    /// Fields of a manifest were left out, since its kind does not have them.
    fn left_out(&mut self, object: &ObjectRef, fields: &[String]) {
        let _ = (object, fields);
    }
}

impl<F: FnMut(Change) + Send> Witness for F {
    fn done(&mut self, change: Change) {
        self(change);
    }
}
