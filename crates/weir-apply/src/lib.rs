//! Putting objects on a cluster and taking them off again, as fluxcd/pkg/ssa does.
//!
//! Contract: everything is done through the [`weir_kube::Session`] it is given, so with exactly that
//! identity's rights. Each stage's objects are all dry-run before its first apply: an invalid
//! sibling changes nothing in its stage. Only objects that carry the owner's labels are deleted.
//!
//! Cost per object: none while it is known to be as it was applied ([`Tracker`]); else one dry-run, one apply when
//! something differs, and one GET where it is not known what the object holds.

mod applier;
mod bundle;
mod change;
mod compare;
mod custom;
mod error;
mod explain;
mod health;
mod ignore;
mod mask;
mod normalise;
mod owner;
mod preview;
mod prune;
mod recreate;
mod scope;
mod step;
mod takeover;
mod track;

use mask::mask;

pub use applier::{Applier, Options};
pub use change::{Action, Change, Witness};
pub use custom::{CustomCheckError, CustomChecks, Expressions, ReadyExpression};
pub use error::ApplyError;
pub use explain::explain;
pub use health::{Health, health};
pub use ignore::IgnoreRule;
pub use owner::Owner;
pub use preview::{Preview, Previews};
pub use prune::{Fate, fate, prune};
pub use scope::scoped;
pub use track::Tracker;
