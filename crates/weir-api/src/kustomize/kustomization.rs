//! Kustomization: builds the manifests of a source and keeps the cluster equal to them.

use std::{collections::BTreeMap, time::Duration as StdDuration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::APPLIER_CATEGORIES;
use crate::{
    common::{
        CommonMetadata, Condition, CustomHealthCheck, DataKind, DependencyReference, Duration, IgnoreRule, Image,
        KubeConfigReference, LocalObjectReference, Patch, ResourceInventory, Time,
    },
    names,
    object::{Column, FluxObject, every, flux_status, kind, string_enum},
};

/// Shortest default timeout of a Kustomization.
const MIN_TIMEOUT: StdDuration = StdDuration::from_secs(30);

kind! {
    /// Kustomization builds the manifests at a path of a source's artifact and applies them to a cluster.
    Kustomization(KustomizationSpec, KustomizationStatus) {
        group: names::KUSTOMIZE_GROUP,
        versions: &["v1"],
        plural: "kustomizations",
        short_names: &["ks"],
        categories: APPLIER_CATEGORIES,
        columns: &[Column::AGE, Column::READY, Column::STATUS],
        status: Unobserved,
        suspended: |kustomization| kustomization.spec.suspend,
        interval: |kustomization| every(kustomization.spec.interval),
        timeout: |kustomization| Some(match kustomization.spec.timeout {
            Some(timeout) => timeout.get(),
            None => kustomization.interval().saturating_sub(MIN_TIMEOUT).max(MIN_TIMEOUT),
        }),
    }
}
flux_status!(KustomizationStatus);

impl Kustomization {
    /// Wait after a failure: `spec.retryInterval`, else the interval.
    pub fn retry_interval(&self) -> StdDuration {
        self.spec.retry_interval.map_or_else(|| self.interval(), Duration::get)
    }
}

/// What to build, how to change it, and how to apply it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationSpec {
    /// Labels and annotations put on all objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Objects of this kind that have to be ready first; they may be in other namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<DependencyReference>,
    /// How encrypted files and Secrets are decrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decryption: Option<Decryption>,
    /// How often the cluster is compared with the manifests. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Wait after a failure; default is the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<Duration>,
    /// The remote cluster to apply to; default is the cluster of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfigReference>,
    /// Directory in the artifact with the kustomization.yaml or plain manifests; default is the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Values for variables in the built manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_build: Option<PostBuild>,
    /// Delete objects that are no longer in the manifests. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
    /// What happens to the objects when this one is deleted; absent means MirrorPrune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Objects whose health is waited for; without effect when `wait` is set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheckReference>,
    /// Health rules for kinds whose status has no Ready condition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_check_exprs: Vec<CustomHealthCheck>,
    /// Patches, applied after those of the kustomization.yaml.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Image names, tags and digests to replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// Service account to impersonate; it has to be in this object's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// The source of the manifests. A controller cannot work without it, though the schema lets it be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<KustomizationSourceReference>,
    /// Pauses the object; what was applied stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Namespace put on all namespaced objects; it has to exist.
    #[schemars(length(min = 1, max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// Text put in front of all names.
    #[schemars(length(min = 1, max = 200))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Text put behind all names.
    #[schemars(length(min = 1, max = 200))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_suffix: Option<String>,
    /// Limit for building, applying and health checks; default is the interval less 30s, but at least 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Recreate objects whose immutable fields change. Default false.
    #[schemars(extend("x-default" = false))]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Wait for the health of all applied objects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Directories of kustomize components, relative to `path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Skip components that do not exist.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_components: bool,
    /// Annotations that kustomize adds about the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub build_metadata: Vec<BuildMetadata>,
    /// Fields that may drift without being corrected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

string_enum! {
    /// Annotations about the build.
    pub enum BuildMetadata {
        /// Which file or base a resource comes from.
        #[default]
        OriginAnnotations = "originAnnotations",
        /// Which transformers changed a resource.
        TransformerAnnotations = "transformerAnnotations",
    }
}

string_enum! {
    /// What happens to the applied objects when the Kustomization is deleted.
    pub enum DeletionPolicy {
        /// Delete them if `prune` is set.
        #[default]
        MirrorPrune = "MirrorPrune",
        /// Delete them.
        Delete = "Delete",
        /// Delete them and wait until they are gone.
        WaitForTermination = "WaitForTermination",
        /// Leave them.
        Orphan = "Orphan",
    }
}

/// How to decrypt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decryption {
    /// Program that encrypted the data.
    pub provider: DecryptionProvider,
    /// Secret with private keys (`*.agekey`, `*.asc`) and cloud credentials (`sops.*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose workload identity is used with cloud key services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

string_enum! {
    /// Programs that encrypt manifests.
    pub enum DecryptionProvider {
        /// SOPS.
        #[default]
        Sops = "sops",
    }
}

/// Variable substitution in the built manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostBuild {
    /// When substitution is done; absent means WithVariables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute_strategy: Option<SubstituteStrategy>,
    /// Variables; these have precedence over `substituteFrom`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub substitute: BTreeMap<String, String>,
    /// ConfigMaps and Secrets whose data are variables; later ones have precedence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub substitute_from: Vec<SubstituteReference>,
}

string_enum! {
    /// When substitution is done.
    pub enum SubstituteStrategy {
        /// Only if there is at least one variable.
        #[default]
        WithVariables = "WithVariables",
        /// Also without any variable, so that defaults take effect.
        Always = "Always",
    }
}

/// A ConfigMap or Secret with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubstituteReference {
    /// Kind of the object.
    pub kind: DataKind,
    /// Name of the object, in the namespace of the Kustomization.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Go on if the object does not exist. Default false.
    #[schemars(extend("x-default" = false))]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// An object whose health is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckReference {
    /// API version of the object; default is apps/v1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The source of manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationSourceReference {
    /// API version of the source; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: KustomizationSourceKind,
    /// Name of the source.
    pub name: String,
    /// Namespace of the source; default is the object's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

string_enum! {
    /// Kinds that hold manifests.
    pub enum KustomizationSourceKind {
        /// OCIRepository.
        OCIRepository = "OCIRepository",
        /// GitRepository.
        #[default]
        GitRepository = "GitRepository",
        /// Bucket.
        Bucket = "Bucket",
        /// ExternalArtifact.
        ExternalArtifact = "ExternalArtifact",
    }
}

/// What was last applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Revision that was applied last with success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// Revision at the origin of the artifact that was applied last with success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_origin_revision: Option<String>,
    /// Revision that was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The objects that were applied and may be pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<ResourceInventory>,
    /// The last reconciliations, newest first, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// Reconciliations of the same manifests that ended alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Digest of the built manifests.
    pub digest: String,
    /// When these manifests were first reconciled with this end.
    pub first_reconciled: Time,
    /// When they were last.
    pub last_reconciled: Time,
    /// How long the last time took.
    #[schemars(schema_with = "crate::schema::text")]
    pub last_reconciled_duration: Duration,
    /// Reason that the last time ended with.
    pub last_reconciled_status: String,
    /// How often.
    pub total_reconciliations: i64,
    /// `revision` and `originRevision` of the artifact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
