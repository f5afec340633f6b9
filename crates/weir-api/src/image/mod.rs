//! `image.toolkit.fluxcd.io`: tags of images and their way into Git.

mod imagepolicy;
mod imagerepository;
mod imageupdateautomation;

pub use imagepolicy::*;
pub use imagerepository::*;
pub use imageupdateautomation::*;

/// kubectl categories of the image kinds.
const CATEGORIES: &[&str] = &["all", "fluxcd", "fluxcd-images"];

/// Served versions; v1beta2 stays served so that older manifests apply unchanged.
const VERSIONS: &[&str] = &["v1", "v1beta2"];
