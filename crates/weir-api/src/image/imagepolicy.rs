//! ImagePolicy: the one tag of an image to use.

use std::time::Duration as StdDuration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CATEGORIES, VERSIONS};
use crate::{
    common::{Condition, Duration, NamespacedObjectReference, OciVerification},
    names,
    object::{Column, flux_status, kind, string_enum},
};

kind! {
    /// ImagePolicy selects the newest image from the tags of an ImageRepository.
    ImagePolicy(ImagePolicySpec, ImagePolicyStatus) {
        group: names::IMAGE_GROUP,
        versions: VERSIONS,
        plural: "imagepolicies",
        short_names: &["imgpol", "imagepol"],
        categories: CATEGORIES,
        columns: &[
            Column::text("Image", ".status.latestRef.name"),
            Column::text("Tag", ".status.latestRef.tag"),
            Column::READY,
            Column::STATUS,
            Column::AGE,
        ],
        status: Unobserved,
        suspended: |policy| policy.spec.suspend,
        interval: |policy| policy.spec.interval.map_or(StdDuration::ZERO, Duration::get),
        timeout: |_policy| None,
    }
}
flux_status!(ImagePolicyStatus);

/// How to select, and what the selected image has to prove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
        "rule": "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')"
    },
    {
        "message": "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
        "rule": "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'"
    }
]))]
pub struct ImagePolicySpec {
    /// The ImageRepository whose tags are compared.
    pub image_repository_ref: NamespacedObjectReference,
    /// How tags are ordered.
    pub policy: ImagePolicyChoice,
    /// Which tags take part, and which part of them is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<TagFilter>,
    /// When the digest of the tag is looked up. Default Never.
    #[serde(default)]
    #[schemars(extend("x-default" = "Never"))]
    pub digest_reflection_policy: DigestReflectionPolicy,
    /// How often the digest is looked up; required with, and only accepted with, the digest policy Always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Pauses the object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Which signature the selected image has to carry before it is published; weir's addition to Flux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<OciVerification>,
}

/// How tags are ordered; the first one given of semver, alphabetical and numerical counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyChoice {
    /// By semantic version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemverPolicy>,
    /// By the bytes of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<AlphabeticalPolicy>,
    /// By the value of a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerical: Option<NumericalPolicy>,
}

/// Order by semantic version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SemverPolicy {
    /// Range of accepted versions; prereleases only take part if it names one.
    pub range: String,
}

/// Order by text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlphabeticalPolicy {
    /// asc selects the last tag, desc the first. Default asc.
    #[serde(default)]
    #[schemars(extend("x-default" = "asc"))]
    pub order: SortOrder,
}

/// Order by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumericalPolicy {
    /// asc selects the greatest number, desc the least. Default asc.
    #[serde(default)]
    #[schemars(extend("x-default" = "asc"))]
    pub order: SortOrder,
}

string_enum! {
    /// Direction of an order; the last element is selected.
    pub enum SortOrder {
        /// Ascending.
        #[default]
        Asc = "asc",
        /// Descending.
        Desc = "desc",
    }
}

string_enum! {
    /// When the digest of the selected tag is looked up.
    pub enum DigestReflectionPolicy {
        /// At each interval.
        Always = "Always",
        /// When the selected tag changes.
        IfNotPresent = "IfNotPresent",
        /// Not at all.
        #[default]
        Never = "Never",
    }
}

/// Which tags take part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagFilter {
    /// Regular expression that a tag has to match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Template over the groups of the pattern (`$1`, `$name`) that gives the text to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<String>,
}

/// What was last selected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The selected image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<ImageRef>,
    /// The image that was selected before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_previous_ref: Option<ImageRef>,
    /// Token of the last handled reconcile request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// An image with its tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageRef {
    /// Name of the image as the ImageRepository gives it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// Digest of the tag, if the policy asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}
