//! Bucket: artifacts from object storage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{Artifact, CloudProvider, Condition, Duration, LocalObjectReference, TIMEOUT_PATTERN},
    names,
    object::{Column, every, flux_status, kind, source_timeout, string_enum},
};

kind! {
    /// Bucket makes an artifact of the objects in a storage bucket.
    Bucket(BucketSpec, BucketStatus) {
        group: names::SOURCE_GROUP,
        versions: &["v1"],
        plural: "buckets",
        short_names: &[],
        categories: CATEGORIES,
        columns: &[Column::text("Endpoint", ".spec.endpoint"), Column::AGE, Column::READY, Column::STATUS],
        status: Unobserved,
        suspended: |bucket| bucket.spec.suspend,
        interval: |bucket| every(bucket.spec.interval),
        timeout: |bucket| source_timeout(bucket.spec.timeout),
    }
}
flux_status!(BucketStatus);

/// Which bucket to download, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "STS configuration is only supported for the 'aws' and 'generic' Bucket providers",
        "rule": "self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)"
    },
    {
        "message": "'aws' is the only supported STS provider for the 'aws' Bucket provider",
        "rule": "self.provider != 'aws' || !has(self.sts) || self.sts.provider == 'aws'"
    },
    {
        "message": "'ldap' is the only supported STS provider for the 'generic' Bucket provider",
        "rule": "self.provider != 'generic' || !has(self.sts) || self.sts.provider == 'ldap'"
    },
    {
        "message": "spec.sts.secretRef is not required for the 'aws' STS provider",
        "rule": "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)"
    },
    {
        "message": "spec.sts.certSecretRef is not required for the 'aws' STS provider",
        "rule": "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.certSecretRef)"
    },
    {
        "message": "ServiceAccountName is not supported for the 'generic' Bucket provider",
        "rule": "self.provider != 'generic' || !has(self.serviceAccountName)"
    },
    {
        "message": "cannot set both .spec.secretRef and .spec.serviceAccountName",
        "rule": "!has(self.secretRef) || !has(self.serviceAccountName)"
    }
]))]
pub struct BucketSpec {
    /// Who runs the storage and gives out the credentials. Default generic (any S3-compatible storage).
    #[serde(default)]
    #[schemars(extend("x-default" = "generic"))]
    pub provider: CloudProvider,
    /// Name of the bucket.
    pub bucket_name: String,
    /// Host and port of the storage, without a scheme; for azure the full address of the account.
    pub endpoint: String,
    /// Security token service to get short-lived credentials from; only with the providers aws and generic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts: Option<BucketSts>,
    /// Allows plain HTTP to the endpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Region of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Only objects whose key starts with this are downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Secret with the credentials: `accesskey` and `secretkey`, `serviceaccount` (gcp), or Azure's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose workload identity is used; not with generic, not together with `secretRef`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with `ca.crt`, or `tls.crt` and `tls.key`, for the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Secret with the proxy's `address` and, if needed, `username` and `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// How often the bucket is listed. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Limit for listing and downloading. Default 60s.
    #[schemars(extend("pattern" = TIMEOUT_PATTERN, "x-default" = "60s"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Keys to leave out, in the syntax of .gitignore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Pauses the object; the artifact stays available.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// A security token service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketSts {
    /// Protocol: aws for the provider aws, ldap for generic.
    pub provider: BucketStsProvider,
    /// Address of the service.
    #[schemars(regex(pattern = r"^(http|https)://.*$"))]
    pub endpoint: String,
    /// Secret with the `username` and `password` for ldap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with `ca.crt`, or `tls.crt` and `tls.key`, for the service; only for ldap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
}

string_enum! {
    /// Protocol of a security token service.
    pub enum BucketStsProvider {
        /// AWS STS.
        #[default]
        Aws = "aws",
        /// MinIO's LDAP identity.
        Ldap = "ldap",
    }
}

/// What was last downloaded, and with which settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Address that always serves the newest artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The artifact being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// `spec.ignore` of the current artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
