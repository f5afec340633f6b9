//! ArtifactGenerator: splits and joins the artifacts of sources.

use std::time::Duration;

use kube_core::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    common::{CommonMetadata, Condition},
    names,
    object::{Column, FluxStatus, kind, string_enum},
    reasons,
    source::CATEGORIES,
};

/// Period of all ArtifactGenerators; changes of sources are seen at once.
pub const GENERATOR_INTERVAL: Duration = Duration::from_secs(3600);

kind! {
    /// ArtifactGenerator makes ExternalArtifacts by copying paths out of the artifacts of one or more sources.
    ArtifactGenerator(ArtifactGeneratorSpec, ArtifactGeneratorStatus) {
        group: names::SOURCE_EXTENSIONS_GROUP,
        versions: &["v1beta1"],
        plural: "artifactgenerators",
        short_names: &["ag"],
        categories: CATEGORIES,
        columns: &[Column::AGE, Column::READY, Column::STATUS],
        status: Plain,
        suspended: |generator| generator
            .meta()
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(names::GENERATOR_RECONCILE))
            .is_some_and(|value| value.eq_ignore_ascii_case(names::DISABLED)),
        interval: |_generator| GENERATOR_INTERVAL,
        timeout: |_generator| None,
    }
}

/// Which sources to read and which artifacts to make of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "artifact names must be valid Kubernetes object names when pathPattern is not set",
    "rule": "has(self.pathPattern) && size(self.pathPattern) > 0 || self.artifacts.all(a, a.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))"
}]))]
pub struct ArtifactGeneratorSpec {
    /// Labels and annotations of the generated ExternalArtifacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// The sources, 1 to 1000, each under an alias of its own.
    #[schemars(length(min = 1, max = 1000))]
    pub sources: Vec<GeneratorSource>,
    /// `@alias/<path>` with `{name}` for a path segment; the artifacts are made once for each matching directory.
    #[schemars(length(max = 1024), regex(pattern = r"^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_pattern: Option<String>,
    /// The artifacts to make, 1 to 1000.
    #[schemars(length(min = 1, max = 1000))]
    pub artifacts: Vec<GeneratedArtifact>,
}

/// A source and the alias by which the copy rules name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorSource {
    /// Name of the source in copy rules; unique in the object.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"))]
    pub alias: String,
    /// Kind of the source.
    pub kind: GeneratorSourceKind,
    /// Name of the source.
    #[schemars(length(max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Namespace of the source; default is the object's own.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

string_enum! {
    /// Kinds of sources.
    pub enum GeneratorSourceKind {
        /// Bucket.
        Bucket = "Bucket",
        /// GitRepository.
        #[default]
        GitRepository = "GitRepository",
        /// OCIRepository.
        OCIRepository = "OCIRepository",
        /// HelmChart.
        HelmChart = "HelmChart",
        /// ExternalArtifact.
        ExternalArtifact = "ExternalArtifact",
    }
}

/// An artifact to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedArtifact {
    /// Name of the ExternalArtifact; with a path pattern it may hold `{name}` captures.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// `@alias` of the source whose revision the artifact takes; default is `latest` with the artifact's own digest.
    #[schemars(length(max = 64), regex(pattern = r"^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// `@alias` of the source whose origin revision is written to the artifact's metadata.
    #[schemars(length(max = 64), regex(pattern = r"^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_revision: Option<String>,
    /// Copy rules, done in this order.
    #[schemars(length(min = 1))]
    pub copy: Vec<CopyRule>,
}

/// Copies files from a source into the artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyRule {
    /// `@alias/<glob>`: what to copy.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    pub from: String,
    /// `@artifact/<path>`: where to copy to; a trailing slash means into that directory.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^@(artifact)/(.*)$"))]
    pub to: String,
    /// Globs of paths to leave out, at most 100.
    #[schemars(length(max = 100))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// What to do where a file already exists; absent means Overwrite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<CopyStrategy>,
}

string_enum! {
    /// How a copied file meets an existing one.
    pub enum CopyStrategy {
        /// Replace it.
        #[default]
        Overwrite = "Overwrite",
        /// Merge YAML maps deeply; replace anything else.
        Merge = "Merge",
        /// Unpack gzip'd tar files into the target.
        Extract = "Extract",
    }
}

/// What was last generated, and from what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactGeneratorStatus {
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The ExternalArtifacts this object owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<GeneratedArtifactReference>,
    /// Digest over the revisions of all sources at the last generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_sources_digest: Option<String>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// A generated ExternalArtifact and its stored file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedArtifactReference {
    /// Name of the ExternalArtifact.
    pub name: String,
    /// Namespace of the ExternalArtifact.
    pub namespace: String,
    /// Digest of the stored file.
    pub digest: String,
    /// Name of the stored file.
    pub filename: String,
}

impl FluxStatus for ArtifactGeneratorStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
    fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        &mut self.conditions
    }
    fn observed_generation(&self) -> Option<i64> {
        self.condition(reasons::READY)?.observed_generation
    }
    fn set_observed_generation(&mut self, _generation: i64) {}
    fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.last_handled_reconcile_at.as_deref()
    }
    fn set_last_handled_reconcile_at(&mut self, token: String) {
        self.last_handled_reconcile_at = Some(token);
    }
}
