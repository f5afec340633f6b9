//! The custom resource types of the Flux API groups, and the CustomResourceDefinitions made from them.
//!
//! One module per API group, one file per kind. [`object`] has the traits all kinds share, [`crd`] builds the
//! definitions, [`names`] and [`reasons`] hold the exact strings that other programs look for.

pub mod additions;
pub mod common;
pub mod crd;
mod crd_yaml;
pub mod helm;
pub mod image;
pub mod kustomize;
pub mod names;
pub mod notification;
pub mod object;
pub mod reasons;
mod schema;
pub mod source;
pub mod source_extensions;
#[cfg(test)]
mod tests;

pub use common::{Condition, Duration, Time};
pub use crd::crds;
pub use helm::HelmRelease;
pub use image::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
pub use kustomize::Kustomization;
pub use notification::{Alert, Provider, Receiver};
pub use object::{Column, FluxKind, FluxObject, FluxStatus, KindInfo, StatusSubresource};
pub use source::{Bucket, ExternalArtifact, GitRepository, HelmChart, HelmRepository, OCIRepository};
pub use source_extensions::ArtifactGenerator;

/// Every kind of this crate, sorted by the name of its definition (`<plural>.<group>`).
pub const KINDS: &[KindInfo] = &[
    *Alert::INFO,
    *ArtifactGenerator::INFO,
    *Bucket::INFO,
    *ExternalArtifact::INFO,
    *GitRepository::INFO,
    *HelmChart::INFO,
    *HelmRelease::INFO,
    *HelmRepository::INFO,
    *ImagePolicy::INFO,
    *ImageRepository::INFO,
    *ImageUpdateAutomation::INFO,
    *Kustomization::INFO,
    *OCIRepository::INFO,
    *Provider::INFO,
    *Receiver::INFO,
];
