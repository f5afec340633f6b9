//! ImageUpdateAutomation: writes selected images back to Git.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CATEGORIES, ImageRef, VERSIONS};
use crate::{
    common::{Condition, Duration, LabelSelector, LocalObjectReference, Time},
    names,
    object::{Column, every, flux_status, kind, string_enum},
    source::GitRepositoryRef,
};

kind! {
    /// ImageUpdateAutomation replaces images in a Git repository by those the ImagePolicies select, and pushes the change.
    ImageUpdateAutomation(ImageUpdateAutomationSpec, ImageUpdateAutomationStatus) {
        group: names::IMAGE_GROUP,
        versions: VERSIONS,
        plural: "imageupdateautomations",
        short_names: &["iua", "imgupd", "imgauto"],
        categories: CATEGORIES,
        columns: &[
            Column::READY,
            Column::STATUS,
            Column::wide("Last run", ".status.lastAutomationRunTime"),
            Column::AGE,
        ],
        status: Unobserved,
        suspended: |automation| automation.spec.suspend,
        interval: |automation| every(automation.spec.interval),
        timeout: |_automation| None,
    }
}
flux_status!(ImageUpdateAutomationStatus);

/// Which repository to update, and how to commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdateAutomationSpec {
    /// The GitRepository that holds the address and the credentials.
    pub source_ref: AutomationSourceReference,
    /// How to check out, commit and push; required for a GitRepository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSpec>,
    /// How often the repository is updated. Default 10m.
    #[schemars(extend("x-default" = "10m"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// ImagePolicies of this namespace that take part; default is all.
    #[schemars(schema_with = "crate::schema::label_selector")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_selector: Option<LabelSelector>,
    /// How files are updated. Default is the strategy Setters on the whole repository.
    #[schemars(extend("x-default" = {"strategy": "Setters"}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateStrategy>,
    /// Pauses the object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// The repository to update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutomationSourceReference {
    /// API version of the source; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source. Default GitRepository.
    #[serde(default)]
    #[schemars(extend("x-default" = "GitRepository"))]
    pub kind: AutomationSourceKind,
    /// Name of the source.
    pub name: String,
    /// Namespace of the source; default is the object's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

string_enum! {
    /// Kinds that can be updated.
    pub enum AutomationSourceKind {
        /// GitRepository.
        #[default]
        GitRepository = "GitRepository",
    }
}

/// How to use Git.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitSpec {
    /// What to check out; default is the reference of the GitRepository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<GitCheckoutSpec>,
    /// How to commit.
    pub commit: GitCommitSpec,
    /// Where to push; default is the branch that was checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<GitPushSpec>,
}

/// What to check out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitCheckoutSpec {
    /// The reference.
    #[serde(rename = "ref")]
    pub reference: GitRepositoryRef,
}

/// How to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitCommitSpec {
    /// Author and committer.
    pub author: CommitUser,
    /// Key to sign with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,
    /// Go template of the message; default is "Update from image update automation".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_template: Option<String>,
    /// `.Values` in the template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub message_template_values: BTreeMap<String, String>,
}

/// Author of commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitUser {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address.
    pub email: String,
}

/// Key that signs commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// Kind of key; absent means gpg.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<SigningKeyType>,
    /// Secret with `git.asc` and `passphrase` (gpg), or `identity` and `password` (ssh).
    pub secret_ref: LocalObjectReference,
}

string_enum! {
    /// Kind of signing key.
    pub enum SigningKeyType {
        /// OpenPGP.
        #[default]
        Gpg = "gpg",
        /// SSH.
        Ssh = "ssh",
    }
}

/// Where to push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitPushSpec {
    /// Branch to push to; it is made from the checked out branch if it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Reference specification that is pushed in addition to the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refspec: Option<String>,
    /// Options sent to the server with the push.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// How files are updated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// How the places to update are found. Default Setters.
    #[serde(default)]
    #[schemars(extend("x-default" = "Setters"))]
    pub strategy: UpdateStrategyName,
    /// Directory to update; default is the root of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

string_enum! {
    /// How the places to update are found.
    pub enum UpdateStrategyName {
        /// By `$imagepolicy` markers in comments.
        #[default]
        Setters = "Setters",
    }
}

/// What was last pushed, and for which policies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdateAutomationStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When the repository was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_automation_run_time: Option<Time>,
    /// Hash of the last pushed commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push_commit: Option<String>,
    /// When the last push was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push_time: Option<Time>,
    /// Images of the policies, by policy name, at the last run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_policies: BTreeMap<String, ImageRef>,
    /// Revision of the repository at the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_source_revision: Option<String>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}
