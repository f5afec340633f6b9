//! `source.toolkit.fluxcd.io`: where manifests and charts come from.

mod bucket;
mod externalartifact;
mod gitrepository;
mod helmchart;
mod helmrepository;
mod ocirepository;

pub use bucket::*;
pub use externalartifact::*;
pub use gitrepository::*;
pub use helmchart::*;
pub use helmrepository::*;
pub use ocirepository::*;

/// kubectl categories of all sources.
pub(crate) const CATEGORIES: &[&str] = &["all", "fluxcd", "fluxcd-sources"];
