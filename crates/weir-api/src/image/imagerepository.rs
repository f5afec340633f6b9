//! ImageRepository: the tags of an image.

use std::time::Duration as StdDuration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CATEGORIES, VERSIONS};
use crate::{
    common::{AccessFrom, CloudProvider, Condition, Duration, LocalObjectReference, TIMEOUT_PATTERN, Time},
    names,
    object::{Column, every, flux_status, kind},
};

/// Shortest timeout of a scan.
const MIN_TIMEOUT: StdDuration = StdDuration::from_secs(1);

kind! {
    /// ImageRepository scans the tags of an image in a registry.
    ImageRepository(ImageRepositorySpec, ImageRepositoryStatus) {
        group: names::IMAGE_GROUP,
        versions: VERSIONS,
        plural: "imagerepositories",
        short_names: &["imgrepo", "imagerepo"],
        categories: CATEGORIES,
        columns: &[
            Column::text("Image", ".spec.image"),
            Column::text("Tags", ".status.lastScanResult.tagCount"),
            Column::READY,
            Column::STATUS,
            Column::wide("Last scan", ".status.lastScanResult.scanTime"),
            Column::AGE,
        ],
        status: Unobserved,
        suspended: |repository| repository.spec.suspend,
        interval: |repository| every(repository.spec.interval),
        timeout: |repository| Some(
            repository.spec.timeout.map_or_else(|| repository.interval(), Duration::get).max(MIN_TIMEOUT)
        ),
    }
}
flux_status!(ImageRepositoryStatus);

/// Tags that are left out where `spec.exclusionList` is absent: cosign's signatures.
pub const DEFAULT_EXCLUSION: &str = r"^.*\.sig$";

/// Which image to scan, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRepositorySpec {
    /// Name of the image, `<host>/<path>`, without a scheme, tag or digest.
    pub image: String,
    /// How often the tags are listed. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Limit for a scan; default is the interval, the least is 1s.
    #[schemars(extend("pattern" = TIMEOUT_PATTERN))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Image pull secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with the proxy's `address` and, if needed, `username` and `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Service account whose image pull secrets (generic) or workload identity (clouds) are used.
    #[schemars(length(max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with `ca.crt`, or `tls.crt` and `tls.key`, for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Pauses the object; a running scan ends normally.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Other namespaces whose ImagePolicies may use this repository; default is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
    /// Regular expressions for tags to leave out, at most 25. Default `^.*\.sig$`.
    #[schemars(length(max = 25), extend("x-default" = [DEFAULT_EXCLUSION]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusion_list: Option<Vec<String>>,
    /// Who gives out the credentials. Default generic.
    #[serde(default)]
    #[schemars(extend("x-default" = "generic"))]
    pub provider: CloudProvider,
    /// Allows plain HTTP to the registry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

/// What was found by the last scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRepositoryStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Name of the image with the implied host and path written out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_image_name: Option<String>,
    /// The last scan with success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scan_result: Option<ScanResult>,
    /// `spec.exclusionList` of the last scan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_exclusion_list: Vec<String>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// Result of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScanResult {
    /// Checksum of the set of tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Number of tags that were not left out.
    pub tag_count: i64,
    /// When the scan was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan_time: Option<Time>,
    /// The first 10 tags in descending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latest_tags: Vec<String>,
}
