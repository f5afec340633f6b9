//! The embedded Kubernetes API server.
//!
//! It behaves like a kube-apiserver 1.37 with its controller manager, as far as kubectl, kube-rs and
//! GitOps controllers see: discovery, every built-in resource, CRDs, watches, server-side apply, RBAC
//! with impersonation, garbage collection, and workloads that become ready at once, without containers.
//!
//! Contract: [`Sandbox::service`] is the API as a tower service, without a socket;
//! [`Sandbox::listen`] serves the same over TLS on loopback. With a data directory each write is
//! durable before it is answered, and objects, keys and port survive a restart. The original is the
//! specification: a difference that is not listed here is a bug.
//!
//! Limits of the original that are kept: a request body of 3 MiB (413), an object of 1.5 MiB.
//! Limits of this server: 10,000 changes of history a resource (then watches get 410),
//! [`Options::max_watches`] watches at a time (then 429).

mod auth;
mod bootstrap;
mod clock;
mod cluster;
mod controllers;
mod crd;
mod deletion;
mod error;
mod handlers;
mod kinds;
mod pipeline;
mod request;
mod resources;
mod sandbox;
mod serve;
mod service;
mod status;
mod store;
mod table;

pub use error::SandboxError;
pub use sandbox::{Options, Sandbox};
pub use serve::Server;
pub use service::{SandboxBody, SandboxService};
