//! Git repositories as sources.
//!
//! Contract: a reference is resolved to a commit, and a commit to a [`Snapshot`] of its files. Nothing is
//! written but a scratch folder, no program is started, no hook or configured filter runs: repositories are opened
//! isolated from the user's and the system's configuration. Credentials are shown to the URL's own
//! host only, and are in no error. Over ssh a host is known by
//! the given lines only. A host that [`Access`] does not allow is never connected to.
//!
//! Limits: SHA-1 object ids; symbolic links are left out of files, as in Flux's artifacts; a checkout takes at
//! most the budget's bytes, a transfer what [`Limits`] says. Memory holds one file at a time.

mod access;
mod allowed;
mod error;
mod hosts;
mod http;
mod limits;
mod local;
mod reach;
mod reference;
mod remote;
mod selection;
mod snapshot;
pub mod ssh;

pub use access::{Access, ClientCertificate, Login, Proxy, SshIdentity, SshKey};
pub use allowed::Hosts;
pub use error::GitError;
pub use http::{Download, download};
pub use limits::Limits;
pub use local::{Repository, is_repository};
pub use reference::{Reference, Resolved};
pub use remote::Remote;
pub use selection::Selection;
pub use snapshot::{Entry, Snapshot};
pub use weir_net::Reach;
