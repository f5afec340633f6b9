//! HelmChart: a packaged chart from one of the other sources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{Artifact, Condition, Duration, LocalObjectReference, OidcIdentityMatch, VerificationProvider},
    names,
    object::{Column, every, flux_status, kind, string_enum},
};

kind! {
    /// HelmChart makes an artifact of a chart from a HelmRepository, GitRepository or Bucket.
    HelmChart(HelmChartSpec, HelmChartStatus) {
        group: names::SOURCE_GROUP,
        versions: &["v1"],
        plural: "helmcharts",
        short_names: &["hc"],
        categories: CATEGORIES,
        columns: &[
            Column::text("Chart", ".spec.chart"),
            Column::text("Version", ".spec.version"),
            Column::text("Source Kind", ".spec.sourceRef.kind"),
            Column::text("Source Name", ".spec.sourceRef.name"),
            Column::AGE,
            Column::READY,
            Column::STATUS,
        ],
        status: Unobserved,
        suspended: |chart| chart.spec.suspend,
        interval: |chart| every(chart.spec.interval),
        timeout: |_chart| None,
    }
}
flux_status!(HelmChartStatus);

/// Version range that takes the newest stable chart.
pub const ANY_CHART_VERSION: &str = "*";

pub(crate) fn any_chart_version() -> String {
    ANY_CHART_VERSION.to_string()
}

/// Which chart to package and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'",
    "rule": "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'"
}]))]
pub struct HelmChartSpec {
    /// Name of the chart in a HelmRepository, or its path in a GitRepository or Bucket.
    pub chart: String,
    /// Version or semantic version range; without effect for GitRepository and Bucket. Default `*`.
    #[serde(default = "any_chart_version")]
    #[schemars(extend("x-default" = "*"))]
    pub version: String,
    /// The source, in the same namespace.
    pub source_ref: HelmChartSourceReference,
    /// How often the source is looked at. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// What makes a new artifact. Default ChartVersion.
    #[serde(default)]
    #[schemars(extend("x-default" = "ChartVersion"))]
    pub reconcile_strategy: ReconcileStrategy,
    /// Values files merged in this order in place of the chart's own; paths from the chart (HelmRepository) or the source's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Skip values files that do not exist instead of failing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_values_files: bool,
    /// Pauses the object; the artifact stays available.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Which signature has to be valid; only for a HelmRepository of type oci.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<HelmChartVerification>,
}

impl Default for HelmChartSpec {
    fn default() -> Self {
        Self {
            chart: String::new(),
            version: any_chart_version(),
            source_ref: HelmChartSourceReference::default(),
            interval: None,
            reconcile_strategy: ReconcileStrategy::default(),
            values_files: Vec::new(),
            ignore_missing_values_files: false,
            suspend: false,
            verify: None,
        }
    }
}

string_enum! {
    /// What makes a new chart artifact.
    pub enum ReconcileStrategy {
        /// A new version in the chart's metadata.
        #[default]
        ChartVersion = "ChartVersion",
        /// A new revision of the source.
        Revision = "Revision",
    }
}

string_enum! {
    /// Kinds that hold charts.
    pub enum HelmChartSourceKind {
        /// HelmRepository.
        #[default]
        HelmRepository = "HelmRepository",
        /// GitRepository.
        GitRepository = "GitRepository",
        /// Bucket.
        Bucket = "Bucket",
    }
}

/// The source of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartSourceReference {
    /// API version of the source; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: HelmChartSourceKind,
    /// Name of the source.
    pub name: String,
}

/// How to verify the signature of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartVerification {
    /// Signature scheme. Default cosign.
    #[serde(default)]
    #[schemars(extend("x-default" = "cosign"))]
    pub provider: VerificationProvider,
    /// Secret with the trusted keys; without it cosign verifies keyless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Accepted keyless signers; one match is enough, an empty list accepts every identity.
    #[serde(rename = "matchOIDCIdentity", default, skip_serializing_if = "Vec::is_empty")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
}

/// What chart was last packaged, and with which settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Revision of the source that the current artifact was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_source_artifact_revision: Option<String>,
    /// Name of the chart that `spec.chart` led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_chart_name: Option<String>,
    /// Values files that were really used, where missing ones are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_values_files: Vec<String>,
    /// Address that always serves the newest artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The chart being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
