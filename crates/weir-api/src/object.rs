//! What all kinds have in common: the registry row of a kind, the traits, and the macros that implement them.

use std::time::Duration;

use kube_core::Resource;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::common::Condition;

/// Reconciliation period where an object leaves `spec.interval` out (weir's addition; Flux requires the field).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(600);

/// Timeout of source operations where an object leaves `spec.timeout` out.
pub const DEFAULT_SOURCE_TIMEOUT: Duration = Duration::from_secs(60);

/// How the status of a kind is declared in its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSubresource {
    /// The kind has no status at all.
    None,
    /// A status subresource without a default value.
    Plain,
    /// A status subresource that starts as `{observedGeneration: -1}`, so that a new object never looks ready.
    Unobserved,
}

/// One printer column of `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// OpenAPI type of the cell: `string` or `date`.
    pub type_: &'static str,
    /// JSON path of the cell.
    pub json_path: &'static str,
    /// 0 is always shown, 1 only in wide output.
    pub priority: i32,
}

impl Column {
    /// Age of the object.
    pub const AGE: Self = Self { type_: "date", ..Self::text("Age", ".metadata.creationTimestamp") };
    /// Status of the Ready condition.
    pub const READY: Self = Self::text("Ready", ".status.conditions[?(@.type==\"Ready\")].status");
    /// Message of the Ready condition.
    pub const STATUS: Self = Self::text("Status", ".status.conditions[?(@.type==\"Ready\")].message");

    /// A column that is always shown.
    pub const fn text(name: &'static str, json_path: &'static str) -> Self {
        Self { name, type_: "string", json_path, priority: 0 }
    }

    /// A column that only wide output shows.
    pub const fn wide(name: &'static str, json_path: &'static str) -> Self {
        Self { priority: 1, ..Self::text(name, json_path) }
    }
}

/// The registry row of a kind: all that is needed to address it and to build its definition.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// API group.
    pub group: &'static str,
    /// Storage version; the one this crate reads and writes.
    pub version: &'static str,
    /// All served versions, the storage version first. They share one schema.
    pub versions: &'static [&'static str],
    /// Kind.
    pub kind: &'static str,
    /// Plural resource name in lower case.
    pub plural: &'static str,
    /// Whether objects live in a namespace (true for all kinds of Flux).
    pub namespaced: bool,
    /// Short names for kubectl.
    pub short_names: &'static [&'static str],
    /// Groups of kinds for `kubectl get <category>`.
    pub categories: &'static [&'static str],
    /// Printer columns, in order.
    pub columns: &'static [Column],
    /// Kind of the status subresource.
    pub status: StatusSubresource,
    /// Description of the kind.
    pub doc: &'static str,
    pub(crate) spec_schema: fn() -> Value,
    pub(crate) status_schema: Option<fn() -> Value>,
}

impl KindInfo {
    /// `<group>/<version>` of the storage version.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Name of the definition object, `<plural>.<group>`.
    pub fn crd_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Singular resource name: the kind in lower case.
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }
}

/// A type that is one of the kinds in [`crate::KINDS`].
pub trait FluxKind {
    /// The kind's registry row.
    const INFO: &'static KindInfo;
}

/// Access to the parts of a status that all kinds share.
pub trait FluxStatus {
    /// Conditions of the object.
    fn conditions(&self) -> &[Condition];
    /// Conditions of the object, to change them.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// Generation the status speaks of; kinds that keep it only in their conditions answer with the Ready condition's.
    fn observed_generation(&self) -> Option<i64>;
    /// Records the generation; without effect on kinds that keep it only in their conditions.
    fn set_observed_generation(&mut self, generation: i64);
    /// Token of the last handled reconcile request.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// Records the token of a handled reconcile request; without effect on ExternalArtifact, which has no such field.
    fn set_last_handled_reconcile_at(&mut self, token: String);

    /// The condition of a type, if the object has it.
    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == type_)
    }
}

/// A kind with a status, as the controllers see it.
pub trait FluxObject:
    FluxKind + Resource<DynamicType = (), Scope = kube_core::NamespaceResourceScope> + Clone + Serialize + DeserializeOwned
{
    /// Type of the status.
    type Status: FluxStatus + Default + Serialize;

    /// The kind.
    const KIND: &'static str = Self::INFO.kind;

    /// The status, if one was ever written.
    fn status(&self) -> Option<&Self::Status>;
    /// The status, made empty first if there is none.
    fn status_mut(&mut self) -> &mut Self::Status;
    /// Whether the user has paused the object.
    fn suspended(&self) -> bool;
    /// Effective reconciliation period; zero means that only events start a reconciliation.
    fn interval(&self) -> Duration;
    /// Effective timeout with the kind's default applied; `None` where the kind has no timeout field.
    fn timeout(&self) -> Option<Duration>;
}

/// The interval, or weir's default.
pub(crate) fn every(interval: Option<crate::common::Duration>) -> Duration {
    interval.map_or(DEFAULT_INTERVAL, Duration::from)
}

/// The timeout of a source, or its default.
pub(crate) fn source_timeout(timeout: Option<crate::common::Duration>) -> Option<Duration> {
    Some(timeout.map_or(DEFAULT_SOURCE_TIMEOUT, Duration::from))
}

/// Defines the object struct of a kind and implements serde, [`Resource`], [`FluxKind`] and (with a status) [`FluxObject`].
macro_rules! kind {
    // The parts that do not depend on the status.
    (@common $kind:ident) => {
        impl kube_core::Resource for $kind {
            type DynamicType = ();
            type Scope = kube_core::NamespaceResourceScope;

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::object::FluxKind>::INFO.kind.into()
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::object::FluxKind>::INFO.group.into()
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::object::FluxKind>::INFO.version.into()
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                <Self as $crate::object::FluxKind>::INFO.plural.into()
            }
            fn meta(&self) -> &kube_core::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut kube_core::ObjectMeta {
                &mut self.metadata
            }
        }
    };
    (@info $kind:ident, [$($doc:literal)*], $spec:ty, $status:expr, $status_schema:expr, $group:expr, $versions:expr,
     $plural:literal, $short:expr, $categories:expr, $columns:expr) => {
        impl $crate::object::FluxKind for $kind {
            const INFO: &'static $crate::object::KindInfo = &$crate::object::KindInfo {
                group: $group,
                version: $versions[0],
                versions: $versions,
                kind: stringify!($kind),
                plural: $plural,
                namespaced: true,
                short_names: $short,
                categories: $categories,
                columns: $columns,
                status: $status,
                doc: concat!($($doc, "\n"),*),
                spec_schema: $crate::schema::of::<$spec>,
                status_schema: $status_schema,
            };
        }
    };
    (
        $(#[doc = $doc:literal])*
        $kind:ident($spec:ty) {
            group: $group:expr, versions: $versions:expr, plural: $plural:literal,
            short_names: $short:expr, categories: $categories:expr, columns: $columns:expr $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        pub struct $kind {
            /// Standard object metadata.
            #[serde(default)]
            pub metadata: kube_core::ObjectMeta,
            /// Desired state.
            #[serde(default)]
            pub spec: $spec,
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                let info = <Self as $crate::object::FluxKind>::INFO;
                let mut object = serializer.serialize_struct(info.kind, 4)?;
                object.serialize_field("apiVersion", &info.api_version())?;
                object.serialize_field("kind", info.kind)?;
                object.serialize_field("metadata", &self.metadata)?;
                object.serialize_field("spec", &self.spec)?;
                object.end()
            }
        }

        $crate::object::kind!(@common $kind);
        $crate::object::kind!(@info $kind, [$($doc)*], $spec, $crate::object::StatusSubresource::None, None,
            $group, $versions, $plural, $short, $categories, $columns);
    };
    (
        $(#[doc = $doc:literal])*
        $kind:ident($spec:ty, $status:ty) {
            group: $group:expr, versions: $versions:expr, plural: $plural:literal,
            short_names: $short:expr, categories: $categories:expr, columns: $columns:expr,
            status: $subresource:ident,
            suspended: |$s:ident| $suspended:expr,
            interval: |$i:ident| $interval:expr,
            timeout: |$t:ident| $timeout:expr $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        pub struct $kind {
            /// Standard object metadata.
            #[serde(default)]
            pub metadata: kube_core::ObjectMeta,
            /// Desired state.
            #[serde(default)]
            pub spec: $spec,
            /// Observed state; absent until a controller has written it.
            pub status: Option<$status>,
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                let info = <Self as $crate::object::FluxKind>::INFO;
                let mut object = serializer.serialize_struct(info.kind, 4 + usize::from(self.status.is_some()))?;
                object.serialize_field("apiVersion", &info.api_version())?;
                object.serialize_field("kind", info.kind)?;
                object.serialize_field("metadata", &self.metadata)?;
                object.serialize_field("spec", &self.spec)?;
                match &self.status {
                    Some(status) => object.serialize_field("status", status)?,
                    None => object.skip_field("status")?,
                }
                object.end()
            }
        }

        $crate::object::kind!(@common $kind);
        $crate::object::kind!(@info $kind, [$($doc)*], $spec, $crate::object::StatusSubresource::$subresource,
            Some($crate::schema::of::<$status>), $group, $versions, $plural, $short, $categories, $columns);

        impl $crate::object::FluxObject for $kind {
            type Status = $status;

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }
            fn status_mut(&mut self) -> &mut $status {
                self.status.get_or_insert_default()
            }
            fn suspended(&self) -> bool {
                let $s = self;
                $suspended
            }
            fn interval(&self) -> std::time::Duration {
                let $i = self;
                $interval
            }
            fn timeout(&self) -> Option<std::time::Duration> {
                let $t = self;
                $timeout
            }
        }
    };
}

/// Implements [`FluxStatus`] for a status with the three usual fields.
macro_rules! flux_status {
    ($status:ty) => {
        impl $crate::object::FluxStatus for $status {
            fn conditions(&self) -> &[$crate::common::Condition] {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut Vec<$crate::common::Condition> {
                &mut self.conditions
            }
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = Some(generation);
            }
            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }
            fn set_last_handled_reconcile_at(&mut self, token: String) {
                self.last_handled_reconcile_at = Some(token);
            }
        }
    };
}

/// Defines an enum whose values are exact strings in the API.
macro_rules! string_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $( $(#[$vmeta])* #[serde(rename = $text)] $variant ),+ }

        impl $name {
            /// The exact text of the value in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [ $( $text ),+ ] })
            }
        }
    };
}

pub(crate) use {flux_status, kind, string_enum};
