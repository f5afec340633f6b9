//! GitRepository: artifacts from a Git repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{Artifact, Condition, Duration, LocalObjectReference, TIMEOUT_PATTERN},
    names,
    object::{Column, every, flux_status, kind, source_timeout, string_enum},
};

kind! {
    /// GitRepository makes an artifact of the content of a Git repository at one reference.
    GitRepository(GitRepositorySpec, GitRepositoryStatus) {
        group: names::SOURCE_GROUP,
        versions: &["v1"],
        plural: "gitrepositories",
        short_names: &["gitrepo"],
        categories: CATEGORIES,
        columns: &[Column::text("URL", ".spec.url"), Column::AGE, Column::READY, Column::STATUS],
        status: Unobserved,
        suspended: |repository| repository.spec.suspend,
        interval: |repository| every(repository.spec.interval),
        timeout: |repository| source_timeout(repository.spec.timeout),
    }
}
flux_status!(GitRepositoryStatus);

/// What to fetch, how often, and how to trust it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "message": "serviceAccountName can only be set when provider is 'azure' or 'aws'",
    "rule": "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))"
}]))]
pub struct GitRepositorySpec {
    /// Address of the repository over HTTP(S) or SSH; the scp form `user@host:path` is not accepted.
    #[schemars(regex(pattern = r"^(http|https|ssh)://.*$"))]
    pub url: String,
    /// Secret with the credentials: `username` and `password`, `bearerToken`, an SSH `identity` with `known_hosts`, TLS files, or a GitHub App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Who gives out the credentials; absent means generic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<GitProvider>,
    /// Service account whose workload identity is used; only with the providers azure and aws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// How often the repository is looked at. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Limit for a Git operation. Default 60s.
    #[schemars(extend("pattern" = TIMEOUT_PATTERN, "x-default" = "60s"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Which commit to take; default is the branch `master`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRepositoryRef>,
    /// Which signatures have to be valid before an artifact is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<GitRepositoryVerification>,
    /// Secret with the proxy's `address` and, if needed, `username` and `password`; not used for SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Paths to leave out, in the syntax of .gitignore; replaces the default exclusions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Pauses the object; the artifact stays available.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Also fetch submodules, at all depths, with the same credentials.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recurse_submodules: bool,
    /// Artifacts of other GitRepositories to copy into this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<GitRepositoryInclude>,
    /// Directories to check out; everything else but files at the root is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse_checkout: Vec<String>,
}

string_enum! {
    /// Who gives out the credentials for a Git repository.
    pub enum GitProvider {
        /// The Secret alone.
        #[default]
        Generic = "generic",
        /// AWS CodeCommit.
        Aws = "aws",
        /// Azure DevOps.
        Azure = "azure",
        /// A GitHub App.
        Github = "github",
    }
}

/// Which commit to take. Precedence: commit, name, tag, semver, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryRef {
    /// Branch to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Tag to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Semantic version range; the newest matching tag is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Full name of a reference, such as `refs/pull/1/head`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Commit hash; with a branch, the commit has to be reachable from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Signature verification of commits and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryVerification {
    /// Which objects have to be signed. Default HEAD.
    #[serde(default)]
    #[schemars(extend("x-default" = "HEAD"))]
    pub mode: GitVerificationMode,
    /// Secret with the trusted public keys: `*.asc` for OpenPGP, `*.sshpub` for SSH.
    pub secret_ref: LocalObjectReference,
}

string_enum! {
    /// Which Git objects have to be signed.
    pub enum GitVerificationMode {
        /// Older spelling of [`GitVerificationMode::Head`].
        LegacyHead = "head",
        /// The commit.
        #[default]
        Head = "HEAD",
        /// The annotated tag.
        Tag = "Tag",
        /// Both.
        TagAndHead = "TagAndHEAD",
    }
}

/// Another repository's artifact to copy in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryInclude {
    /// GitRepository in the same namespace.
    pub repository: LocalObjectReference,
    /// Directory to copy from; default is the root of its artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// Directory to copy to; default is the name of the repository object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_path: Option<String>,
}

/// What was last fetched, and with which settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The artifact being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// The artifacts that were copied in, in the order of `spec.include`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_artifacts: Vec<Artifact>,
    /// `spec.ignore` of the current artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// `spec.recurseSubmodules` of the current artifact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed_recurse_submodules: bool,
    /// `spec.include` of the current artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_include: Vec<GitRepositoryInclude>,
    /// `spec.sparseCheckout` of the current artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_sparse_checkout: Vec<String>,
    /// Mode of the last verification that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_verification_mode: Option<String>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
