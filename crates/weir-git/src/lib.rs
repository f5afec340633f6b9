//! Git repositories as sources.
//!
//! Contract: a reference is resolved to a commit, and a commit to a [`weir_base::Tree`]. Nothing is
//! written, no program is started, no hook or configured filter runs: repositories are opened
//! isolated from the user's and the system's configuration.
//!
//! Limits: repositories on the local disk with SHA-1 object ids; submodules are left out; symbolic
//! links are left out, as in Flux's artifacts; a checkout takes at most the budget's bytes.

mod error;
mod local;
mod reference;

pub use error::GitError;
pub use local::{Repository, is_repository};
pub use reference::{Reference, Resolved};
