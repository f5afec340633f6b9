//! `notification.toolkit.fluxcd.io`: events out, webhooks in.

use crate::object::string_enum;

mod alert;
mod provider;
mod receiver;

pub use alert::*;
pub use provider::*;
pub use receiver::*;

/// kubectl categories of the notification kinds.
const CATEGORIES: &[&str] = &["all", "fluxcd", "fluxcd-notifications"];

string_enum! {
    /// Kinds whose events can be forwarded and that a webhook can trigger.
    pub enum EventKind {
        /// Bucket.
        Bucket = "Bucket",
        /// GitRepository.
        #[default]
        GitRepository = "GitRepository",
        /// Kustomization.
        Kustomization = "Kustomization",
        /// HelmRelease.
        HelmRelease = "HelmRelease",
        /// HelmChart.
        HelmChart = "HelmChart",
        /// HelmRepository.
        HelmRepository = "HelmRepository",
        /// ImageRepository.
        ImageRepository = "ImageRepository",
        /// ImagePolicy.
        ImagePolicy = "ImagePolicy",
        /// ImageUpdateAutomation.
        ImageUpdateAutomation = "ImageUpdateAutomation",
        /// OCIRepository.
        OCIRepository = "OCIRepository",
        /// ArtifactGenerator.
        ArtifactGenerator = "ArtifactGenerator",
        /// ExternalArtifact.
        ExternalArtifact = "ExternalArtifact",
    }
}
