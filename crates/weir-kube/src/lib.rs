//! The Kubernetes API as weir uses it: objects are [`weir_doc::Node`]s, a request is made as an
//! identity, kinds are resolved through one discovery cache.
//!
//! Contract: a [`Session`] is one identity on one cluster. It never adds rights: with an identity
//! set, every request carries the impersonation headers. Requests are counted by verb. A process whose
//! lease has run out writes nothing ([`Fence`]).
//!
//! Objects are watched through one [`Hub`], by shared streams. Other clusters are reached by kubeconfigs that others wrote
//! ([`Clusters`]): nothing in one starts a program, reads a file or leads to this machine.
//!
//! Limits: answers of at most 128 MiB; the server must offer aggregated discovery (Kubernetes 1.30
//! and later).

mod client;
mod discovery;
mod error;
mod fence;
mod hub;
mod remote;
mod session;

pub use client::client;
pub use discovery::{Discovery, Resource};
pub use error::KubeError;
pub use fence::Fence;
pub use hub::{Change, Coverage, Hub, HubLimits, Observer, Watching};
pub use remote::{Access, Clusters, Endpoint, RemoteError, Tokens};
pub use session::{Answer, ApplyOptions, Counters, Deleted, Identity, Propagation, Session, percent_encoded};
