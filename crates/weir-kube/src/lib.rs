//! The Kubernetes API as weir uses it: objects are [`weir_doc::Node`]s, a request is made as an
//! identity, kinds are resolved through one discovery cache.
//!
//! Contract: a [`Session`] is one identity on one cluster. It never adds rights: with an identity
//! set, every request carries the impersonation headers. Requests are counted by verb. A process whose
//! lease has run out writes nothing ([`Fence`]).
//!
//! Objects are watched through one [`Hub`], by shared streams.
//!
//! Limits: answers of at most 128 MiB; the server must offer aggregated discovery (Kubernetes 1.30
//! and later).

mod client;
mod discovery;
mod error;
mod fence;
mod hub;
mod session;

pub use client::client;
pub use discovery::{Discovery, Resource};
pub use error::KubeError;
pub use fence::Fence;
pub use hub::{Change, Coverage, Hub, HubLimits, Observer, Watching};
pub use session::{Answer, ApplyOptions, Counters, Deleted, Identity, Propagation, Session, percent_encoded};
