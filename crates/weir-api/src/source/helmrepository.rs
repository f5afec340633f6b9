//! HelmRepository: the index of a Helm chart repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{AccessFrom, Artifact, CloudProvider, Condition, Duration, LocalObjectReference, TIMEOUT_PATTERN},
    names,
    object::{Column, flux_status, kind, source_timeout, string_enum},
};

/// The period of a repository that names none.
const DEFAULT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

kind! {
    /// HelmRepository makes an artifact of the index of a Helm chart repository, or names a registry that holds charts.
    HelmRepository(HelmRepositorySpec, HelmRepositoryStatus) {
        group: names::SOURCE_GROUP,
        versions: &["v1"],
        plural: "helmrepositories",
        short_names: &["helmrepo"],
        categories: CATEGORIES,
        columns: &[Column::text("URL", ".spec.url"), Column::AGE, Column::READY, Column::STATUS],
        status: Unobserved,
        suspended: |repository| repository.spec.suspend,
        interval: |repository| repository.spec.interval.map_or(DEFAULT_INTERVAL, Duration::get),
        timeout: |repository| source_timeout(repository.spec.timeout),
    }
}
flux_status!(HelmRepositoryStatus);

/// Where the charts are and how often to look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmRepositorySpec {
    /// Address of the repository: HTTP(S), or `oci://` with type oci.
    #[schemars(regex(pattern = r"^(http|https|oci)://.*$"))]
    pub url: String,
    /// Kind of repository; absent means default.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<HelmRepositoryType>,
    /// Secret with `username` and `password`, or for type oci an image pull secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with `ca.crt`, or `tls.crt` and `tls.key`; has precedence over TLS keys in `secretRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Send the credentials also to other hosts that the index names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pass_credentials: bool,
    /// How often the index is downloaded; not used for type oci. A controller applies 1m, as Flux does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Limit for a download of the index, and for chart operations of type oci. A controller applies 60s.
    #[schemars(extend("pattern" = TIMEOUT_PATTERN))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Who gives out the credentials; only for type oci. Default generic.
    #[serde(default)]
    #[schemars(extend("x-default" = "generic"))]
    pub provider: CloudProvider,
    /// Allows plain HTTP; only for type oci.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Pauses the object; the artifact stays available.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Accepted for compatibility, without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
}

string_enum! {
    /// Kind of Helm repository.
    pub enum HelmRepositoryType {
        /// An index file over HTTP(S).
        #[default]
        Default = "default",
        /// A container registry.
        Oci = "oci",
    }
}

/// What index was last downloaded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmRepositoryStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Address that always serves the newest index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The index being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
