//! HelmRelease: installs a chart and keeps its release up to date.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HelmReleaseStatus, Install, Rollback, Test, Uninstall, Upgrade};
use crate::{
    common::{
        CommonMetadata, CustomHealthCheck, DataKind, DependencyReference, Duration, IgnoreRule, Image,
        KubeConfigReference, LocalObjectReference, Patch, VerificationProvider,
    },
    kustomize::APPLIER_CATEGORIES,
    names,
    object::{Column, every, kind, string_enum},
    source::{HelmChartSourceKind, ReconcileStrategy, any_chart_version},
};

/// Timeout of each Helm action where neither the action nor the spec has one.
pub const DEFAULT_HELM_TIMEOUT: Duration = Duration::from_secs(300);
/// Number of kept release versions where `spec.maxHistory` is absent.
pub const DEFAULT_MAX_HISTORY: i64 = 5;
/// Key that is read from a values object where `valuesKey` is absent.
pub const DEFAULT_VALUES_KEY: &str = "values.yaml";

kind! {
    /// HelmRelease installs a Helm chart and upgrades, tests, rolls back or uninstalls its release as the spec asks.
    HelmRelease(HelmReleaseSpec, HelmReleaseStatus) {
        group: names::HELM_GROUP,
        versions: &["v2"],
        plural: "helmreleases",
        short_names: &["hr"],
        categories: APPLIER_CATEGORIES,
        columns: &[Column::AGE, Column::READY, Column::STATUS],
        status: Unobserved,
        suspended: |release| release.spec.suspend,
        interval: |release| every(release.spec.interval),
        timeout: |release| Some(release.spec.timeout.unwrap_or(DEFAULT_HELM_TIMEOUT).get()),
    }
}

/// Which chart to release, with which values, and how to handle failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "either chart or chartRef must be set",
    "rule": "(has(self.chart) && !has(self.chartRef)) || (!has(self.chart) && has(self.chartRef))"
}]))]
pub struct HelmReleaseSpec {
    /// Template of a HelmChart to make; exactly one of this and `chartRef` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<HelmChartTemplate>,
    /// An existing chart to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_ref: Option<ChartReference>,
    /// How often the release is compared with the spec. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// The remote cluster to release to; default is the cluster of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfigReference>,
    /// Pauses the object; the release stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Name of the release; default is `[<targetNamespace>-]<name>`, shortened with a hash beyond 53 characters.
    #[schemars(length(min = 1, max = 53))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_name: Option<String>,
    /// Namespace of the released objects; default is that of this object.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// Namespace of Helm's release records; default is that of this object.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_namespace: Option<String>,
    /// HelmReleases that have to be ready first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<DependencyReference>,
    /// Limit for each action; default is 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Number of release versions that Helm keeps, 0 for all; default is 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_history: Option<i64>,
    /// Service account to impersonate; it has to be in this object's namespace.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Keep the API client for all steps of a reconciliation; default is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_client: Option<bool>,
    /// What is done about differences between the release and the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_detection: Option<DriftDetection>,
    /// Settings of the first release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// Settings of later releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// Settings of the chart's tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// Settings of rollbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Settings of the removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<Uninstall>,
    /// Sources of values, merged in this order below `values`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_from: Vec<ValuesReference>,
    /// Values of the chart.
    #[schemars(schema_with = "crate::schema::any_json")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Value>,
    /// Labels and annotations put on all objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Changes to the rendered manifests, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_renderers: Vec<PostRenderer>,
    /// How hooks take part in post-rendering; absent means combined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_render_strategy: Option<PostRenderStrategy>,
    /// How readiness of the released objects is found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_strategy: Option<WaitStrategy>,
    /// Health rules for kinds whose status has no Ready condition; only with the wait strategy poller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_check_exprs: Vec<CustomHealthCheck>,
}

/// Template of a HelmChart object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartTemplate {
    /// Labels and annotations of the HelmChart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<CommonMetadata>,
    /// The chart.
    pub spec: HelmChartTemplateSpec,
}

/// Spec of a HelmChart template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartTemplateSpec {
    /// Name of the chart in a HelmRepository, or its path in a GitRepository or Bucket.
    #[schemars(length(min = 1, max = 2048))]
    pub chart: String,
    /// Version or semantic version range; without effect for GitRepository and Bucket. Default `*`.
    #[serde(default = "any_chart_version")]
    #[schemars(extend("x-default" = "*"))]
    pub version: String,
    /// The source of the chart.
    pub source_ref: ChartSourceReference,
    /// How often the source is looked at; default is the interval of the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// What makes a new chart artifact. Default ChartVersion.
    #[serde(default)]
    #[schemars(extend("x-default" = "ChartVersion"))]
    pub reconcile_strategy: ReconcileStrategy,
    /// Values files merged in this order in place of the chart's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Skip values files that do not exist instead of failing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_values_files: bool,
    /// Which signature has to be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<ChartTemplateVerification>,
}

impl Default for HelmChartTemplateSpec {
    fn default() -> Self {
        Self {
            chart: String::new(),
            version: any_chart_version(),
            source_ref: ChartSourceReference::default(),
            interval: None,
            reconcile_strategy: ReconcileStrategy::default(),
            values_files: Vec::new(),
            ignore_missing_values_files: false,
            verify: None,
        }
    }
}

/// The source of a templated chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartSourceReference {
    /// API version of the source; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: HelmChartSourceKind,
    /// Name of the source.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the source; default is that of the release.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Verification of a templated chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartTemplateVerification {
    /// Signature scheme. Default cosign.
    #[serde(default)]
    #[schemars(extend("x-default" = "cosign"))]
    pub provider: VerificationProvider,
    /// Secret with the trusted keys; without it cosign verifies keyless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
}

/// An existing source of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartReference {
    /// API version of the source; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: ChartReferenceKind,
    /// Name of the source.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the source; default is that of the release.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

string_enum! {
    /// Kinds whose artifact is a chart.
    pub enum ChartReferenceKind {
        /// OCIRepository.
        #[default]
        OCIRepository = "OCIRepository",
        /// HelmChart.
        HelmChart = "HelmChart",
        /// ExternalArtifact.
        ExternalArtifact = "ExternalArtifact",
    }
}

/// A ConfigMap or Secret with values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValuesReference {
    /// Kind of the object.
    pub kind: DataKind,
    /// Name of the object, in the namespace of the release.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key with the values or the single value; default is `values.yaml`.
    #[schemars(length(max = 253), regex(pattern = r"^[\-._a-zA-Z0-9]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_key: Option<String>,
    /// Path, in dots and `[n]`, at which the data is put as one value; without it the data is a map of values.
    #[schemars(length(max = 250), regex(pattern = r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_path: Option<String>,
    /// Go on if the object or key does not exist.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Take the data at `targetPath` as plain text, without Helm's `--set` rules.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub literal: bool,
}

/// What is done about drift.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftDetection {
    /// What is done; absent means disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<DriftDetectionMode>,
    /// Fields that may drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

string_enum! {
    /// What is done about drift.
    pub enum DriftDetectionMode {
        /// Correct it.
        Enabled = "enabled",
        /// Report it.
        Warn = "warn",
        /// Do not look.
        #[default]
        Disabled = "disabled",
    }
}

/// A change to the rendered manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostRenderer {
    /// Change by kustomize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<KustomizePostRenderer>,
}

/// Patches and image replacements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizePostRenderer {
    /// Patches, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Image names, tags and digests to replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

string_enum! {
    /// How hooks take part in post-rendering.
    pub enum PostRenderStrategy {
        /// Not at all, as in Helm 3.
        NoHooks = "nohooks",
        /// Together with the manifests.
        #[default]
        Combined = "combined",
        /// In a pass of their own.
        Separate = "separate",
    }
}

/// How readiness is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitStrategy {
    /// Name of the strategy.
    pub name: WaitStrategyName,
}

string_enum! {
    /// How readiness is found out.
    pub enum WaitStrategyName {
        /// By the status of each object, with health rules.
        #[default]
        Poller = "poller",
        /// By the rules of Helm 3.
        Legacy = "legacy",
    }
}
