//! `kustomize.toolkit.fluxcd.io`: manifests applied to a cluster.

mod kustomization;

pub use kustomization::*;

/// kubectl categories of the appliers.
pub(crate) const APPLIER_CATEGORIES: &[&str] = &["all", "fluxcd", "fluxcd-appliers"];
