//! The structure of types, as far as merging depends on it.

mod crd;
mod shape;
mod swagger;
mod table;

pub use table::Table;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::OnceLock;
use weir_doc::Node;

/// A type in a [`Schema`]'s arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeRef(pub(crate) u32);

/// A type may accept several forms: a scalar, a list, a map. The form of a value decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Type {
    #[serde(default, rename = "s", skip_serializing_if = "Option::is_none")]
    pub scalar: Option<Scalar>,
    #[serde(default, rename = "l", skip_serializing_if = "Option::is_none")]
    pub list: Option<List>,
    #[serde(default, rename = "m", skip_serializing_if = "Option::is_none")]
    pub map: Option<MapType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scalar {
    Untyped,
    String,
    Bool,
    /// `int32`, `int64`.
    Integer,
    Number,
    IntOrString,
    /// `resource.Quantity`: a string, or a number that is read as one.
    Quantity,
    /// `byte`: base64.
    Bytes,
    /// `date-time`.
    Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List {
    #[serde(rename = "r")]
    pub relation: ListRelation,
    #[serde(rename = "e")]
    pub element: TypeRef,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ListRelation {
    Atomic,
    Set,
    /// A list of maps, addressed by these keys.
    Map(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapType {
    #[serde(default, rename = "a", skip_serializing_if = "std::ops::Not::not")]
    pub atomic: bool,
    #[serde(default, rename = "f", skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Field>,
    /// The type of keys that are not fields; `None` when there may be none.
    #[serde(default, rename = "v", skip_serializing_if = "Option::is_none")]
    pub values: Option<TypeRef>,
    #[serde(default, rename = "q", skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// An object with its own apiVersion, kind and metadata.
    #[serde(default, rename = "o", skip_serializing_if = "std::ops::Not::not")]
    pub embedded: bool,
    #[serde(default, rename = "u", skip_serializing_if = "std::ops::Not::not")]
    pub preserve_unknown: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    #[serde(rename = "t")]
    pub ty: TypeRef,
    #[serde(default, rename = "d", skip_serializing_if = "Option::is_none")]
    pub default: Option<Node>,
    #[serde(default, rename = "p", skip_serializing_if = "Option::is_none")]
    pub patch: Option<PatchStrategy>,
    #[serde(default, rename = "n", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// `patchStrategy` and `patchMergeKey` of a field, for strategic merge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PatchStrategy {
    #[serde(default, rename = "m", skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    #[serde(default, rename = "r", skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    #[serde(default, rename = "k", skip_serializing_if = "std::ops::Not::not")]
    pub retain_keys: bool,
    #[serde(default, rename = "y", skip_serializing_if = "Option::is_none")]
    pub merge_key: Option<String>,
}

/// Types by reference, and the types of kinds.
#[derive(Clone, Debug)]
pub struct Schema {
    types: Vec<Type>,
    names: HashMap<String, TypeRef>,
    kinds: HashMap<(String, String, String), TypeRef>,
}

/// Anything, merged as one value.
pub const UNTYPED: TypeRef = TypeRef(0);
/// Anything; maps merge key by key, lists are one value.
pub const DEDUCED: TypeRef = TypeRef(1);

impl Schema {
    /// The types of Kubernetes 1.37.
    pub fn builtin() -> &'static Schema {
        static BUILTIN: OnceLock<Schema> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let bytes = include_bytes!("../../tables/kubernetes-1.37.json.gz");
            Schema::from(
                Table::from_bytes(bytes).expect("the table is committed with this crate and read by its tests"),
            )
        })
    }

    /// The type of a kind; the core group is `""`.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeRef> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), kind.to_owned())).copied()
    }

    /// A type by its name in the OpenAPI document it came from.
    pub fn named(&self, name: &str) -> Option<TypeRef> {
        self.names.get(name).copied()
    }

    pub fn get(&self, ty: TypeRef) -> &Type {
        &self.types[ty.0 as usize]
    }

    /// The type of the value under `key`; of an unknown key, that it is merged as it comes.
    pub fn child(&self, map: &MapType, key: &str) -> TypeRef {
        map.fields.get(key).map(|field| field.ty).or(map.values).unwrap_or(DEDUCED)
    }

    /// A schema without kinds, in which everything is merged as it comes.
    pub fn untyped() -> &'static Schema {
        static UNTYPED_SCHEMA: OnceLock<Schema> = OnceLock::new();
        UNTYPED_SCHEMA.get_or_init(|| Schema { types: base_types(), names: HashMap::new(), kinds: HashMap::new() })
    }
}

impl Type {
    fn scalar(scalar: Scalar) -> Self {
        Type { scalar: Some(scalar), list: None, map: None }
    }
}

impl MapType {
    fn of_values(values: TypeRef, atomic: bool) -> Self {
        MapType {
            atomic,
            fields: IndexMap::new(),
            values: Some(values),
            required: Vec::new(),
            embedded: false,
            preserve_unknown: false,
        }
    }
}

/// The two types every arena starts with: [`UNTYPED`] and [`DEDUCED`].
fn base_types() -> Vec<Type> {
    let any = |values, atomic| Type {
        scalar: Some(Scalar::Untyped),
        list: Some(List { relation: ListRelation::Atomic, element: UNTYPED }),
        map: Some(MapType::of_values(values, atomic)),
    };
    vec![any(UNTYPED, true), any(DEDUCED, false)]
}
