//! Alert: which events go to a provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CATEGORIES, EventKind};
use crate::{
    common::LocalObjectReference,
    names,
    object::{Column, kind, string_enum},
};

kind! {
    /// Alert picks events and sends them to a provider. It has no status.
    Alert(AlertSpec) {
        group: names::NOTIFICATION_GROUP,
        versions: &["v1beta3"],
        plural: "alerts",
        short_names: &[],
        categories: CATEGORIES,
        columns: &[Column::AGE],
    }
}

/// Which events to send, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertSpec {
    /// Provider in the same namespace.
    pub provider_ref: LocalObjectReference,
    /// Least severity; info sends everything. Default info.
    #[serde(default)]
    #[schemars(extend("x-default" = "info"))]
    pub event_severity: EventSeverity,
    /// Objects whose events are sent.
    pub event_sources: Vec<EventSource>,
    /// Regular expressions; if there are any, a message has to match one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inclusion_list: Vec<String>,
    /// Regular expressions; a message that matches one is not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusion_list: Vec<String>,
    /// Metadata added to the events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub event_metadata: BTreeMap<String, String>,
    /// Deprecated in favour of the key `summary` of `eventMetadata`.
    #[schemars(length(max = 255))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Pauses the alert.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

string_enum! {
    /// Severity of events.
    pub enum EventSeverity {
        /// All events.
        #[default]
        Info = "info",
        /// Errors only.
        Error = "error",
    }
}

/// Objects whose events are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSource {
    /// API version of the objects; not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the objects.
    pub kind: EventKind,
    /// Name of the object, or `*` for all.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the objects; default is that of the alert.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels the objects have to carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}
