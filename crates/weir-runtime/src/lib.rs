//! What is the same for every controller: from a watched change to a written status.
//!
//! [`run`] watches a kind and drives each object that is due through one pass: reject what cannot be
//! read, deletion and finalizer, suspend, the reconciler's own work under a timeout and a catch for
//! panics, conditions, event, next action. A reconciler returns [`Done`] or a [`Failure`]; nobody else patches status, emits
//! events or picks a requeue time.
//!
//! Contract: a status is written at most twice per reconcile ([`Cx::checkpoint`] before the first
//! mutation, and at the end), with the resourceVersion it was read at; on a conflict the work is
//! not run again, only the write. Conditions of others survive.

mod backoff;
pub mod conditions;
mod configs;
mod controller;
mod cx;
mod drive;
mod due;
mod election;
mod eventlog;
mod events;
pub mod metrics;
mod outbox;
mod outcome;
mod patch;
mod places;
mod runtime;
mod sink;
mod unsupported;

pub use configs::{Config, configs};
pub use controller::{Controller, Reconciler, Trigger, run};
pub use cx::{Checkpointed, Cx};
pub use election::{Candidate, Election, ElectionError, Held, LeaseTiming, identity};
pub use events::{Metadata, Recorder, Severity};
pub use outbox::Outbox;
pub use outcome::{Done, Failure, Ready, Retry};
pub use places::watch;
pub use runtime::{RetryDelay, Runtime, Watch};
pub use sink::Sink;
pub use unsupported::{Unsupported, warn_static};
