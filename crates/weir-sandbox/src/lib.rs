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
//! [`Options::max_watches`] watches at a time (then 429). A list is of the present: `continue` tokens
//! hold no snapshot, and `resourceVersionMatch=Exact` in the past is answered with 410.
//!
//! What the original does and this server does not:
//! - `x-kubernetes-validations` (CEL) of CRDs are stored and not evaluated; conversion webhooks are
//!   refused; a CRD is established in the answer to its creation; of what makes a schema structural
//!   the common mistakes are refused.
//! - Admission: webhooks and admission policies are objects without effect, quotas and limit ranges
//!   are not enforced, pod security is not checked. Aggregated API servers are not called.
//! - Of the original's validation of built-in kinds, what users of GitOps meet: unknown fields and
//!   types, names, required fields, immutable fields, selectors, containers, ports, roles, bindings.
//! - Pods run nothing: `exec`, `attach`, `portforward` and `proxy` are answered with 501, logs are
//!   empty. There is no Node object, scheduler, disruption budget, autoscaler, cron schedule, endpoints
//!   or volume; claims are bound at once, to nothing. Rollouts make all new pods at once, keep
//!   the old ones until the new are ready, and have no deadline. Template hashes are not the original's.
//! - Bodies are read as JSON, YAML or protobuf, and always answered as JSON or YAML; `/openapi/v2` is
//!   JSON without paths, and the documents have no descriptions.
//! - Tokens of service accounts are signed with a symmetric key that no one else can check; there is no
//!   JWKS. Authentication is by bearer token only.

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
