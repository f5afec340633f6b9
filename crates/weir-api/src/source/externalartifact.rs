//! ExternalArtifact: an artifact that some other controller stores and serves.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CATEGORIES;
use crate::{
    common::{Artifact, Condition},
    names,
    object::{Column, FluxStatus, kind},
    reasons,
};

kind! {
    /// ExternalArtifact announces an artifact of a third-party controller to the appliers. Its producer owns it.
    ExternalArtifact(ExternalArtifactSpec, ExternalArtifactStatus) {
        group: names::SOURCE_GROUP,
        versions: &["v1"],
        plural: "externalartifacts",
        short_names: &["ea"],
        categories: CATEGORIES,
        columns: &[Column::AGE, Column::READY, Column::STATUS, Column::text("Source", ".spec.sourceRef.name")],
        status: Plain,
        suspended: |_artifact| false,
        interval: |_artifact| Duration::ZERO,
        timeout: |_artifact| None,
    }
}

/// Where the artifact comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalArtifactSpec {
    /// The object that the artifact was made from; informational.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<ExternalArtifactSourceReference>,
}

/// The object that an artifact was made from, of any kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalArtifactSourceReference {
    /// API version of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; default is that of the ExternalArtifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What the producer stored last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalArtifactStatus {
    /// Observations about the object.
    #[schemars(schema_with = "crate::schema::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The artifact being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

impl FluxStatus for ExternalArtifactStatus {
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
        None
    }
    fn set_last_handled_reconcile_at(&mut self, _token: String) {}
}
