//! Putting objects on a cluster and taking them off again, as fluxcd/pkg/ssa does.
//!
//! Contract: everything is done through the [`weir_kube::Session`] it is given, so with exactly that
//! identity's rights. Each stage's objects are all dry-run before its first apply: an invalid
//! sibling changes nothing in its stage. Only objects that carry the owner's labels are deleted.
//!
//! Cost per object: one GET and one dry-run, one apply when something differs.

mod applier;
mod bundle;
mod change;
mod compare;
mod error;
mod health;
mod normalise;
mod owner;
mod prune;
mod recreate;
mod scope;
mod takeover;

pub use applier::{Applier, Options};
pub use change::{Action, Change};
pub use error::ApplyError;
pub use health::{Health, health};
pub use owner::Owner;
pub use prune::prune;
pub use scope::scoped;
