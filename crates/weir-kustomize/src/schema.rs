//! How the lists of a kind merge, and which kinds are cluster-wide: what kyaml takes from OpenAPI.
//!
//! Contract: [`Schema::builtin`] is Kubernetes 1.21.2, the version that kustomize 5.8.1 embeds. The
//! table is a data file made by `examples/schema_table.rs`; it keeps only types from which a list with
//! a merge strategy can be reached, since nothing else changes a merge.

use crate::id::Gvk;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};
use weir_doc::Node;

mod swagger;

/// A type in a [`Schema`]'s arena.
pub type TypeRef = u32;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Type {
    /// The types of fields.
    #[serde(default, rename = "f", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, TypeRef>,
    /// The type of keys that are not fields.
    #[serde(default, rename = "v", skip_serializing_if = "Option::is_none")]
    pub values: Option<TypeRef>,
    /// The type of the elements of a list.
    #[serde(default, rename = "e", skip_serializing_if = "Option::is_none")]
    pub element: Option<TypeRef>,
    /// A list whose elements merge.
    #[serde(default, rename = "m", skip_serializing_if = "std::ops::Not::not")]
    pub merges: bool,
    /// The keys by which elements are the same; none for a list of scalars.
    #[serde(default, rename = "k", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    types: Vec<Type>,
    /// By `apiVersion/kind`.
    kinds: BTreeMap<String, TypeRef>,
    /// By the name of the definition, which `$ref` has.
    names: BTreeMap<String, TypeRef>,
    /// Whether a kind is namespaced, by `apiVersion/kind`.
    namespaced: BTreeMap<String, bool>,
}

/// Whose type counts where two schemas have one of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wins {
    Document,
    Known,
}

/// The schemas in use in a build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas {
    /// `openapi.path`: in place of the built-in types in merges, or besides them.
    custom: Option<Arc<Schema>>,
    /// Whether `openapi` was set by any kustomization so far: the first one counts.
    chosen: bool,
    /// Whether a merge needed the built-in types so far.
    merged: Cell<bool>,
    /// Whether a kind was met that is not built in.
    met_other: Cell<bool>,
}

impl Schemas {
    pub fn is_chosen(&self) -> bool {
        self.chosen
    }

    pub fn choose_builtin(&mut self) {
        self.chosen = true;
    }

    /// Takes the types of a document. The built-in ones stay if kustomize has read them by now, which it does for a
    /// merge, or means to, which it does for a kind that it does not know: in a base or in front of a component, say.
    pub fn choose(&mut self, document: &Node) {
        let schema = match (self.merged.get(), self.met_other.get()) {
            (true, _) => Schema::builtin().with(document, Wins::Document),
            (false, true) => Schema::builtin().with(document, Wins::Known),
            (false, false) => Schema::from_swagger(document),
        };
        self.custom = Some(Arc::new(schema));
        self.chosen = true;
    }

    /// The types for a merge.
    pub fn types(&self) -> &Schema {
        self.merged.set(true);
        self.custom.as_deref().unwrap_or_else(|| Schema::builtin())
    }

    pub fn is_cluster_wide(&self, gvk: &Gvk) -> bool {
        let key = kind_key(&gvk.api_version(), &gvk.kind);
        if let Some(namespaced) = Schema::builtin().namespaced.get(&key) {
            return !namespaced;
        }
        self.met_other.set(true);
        self.custom.as_ref().and_then(|custom| custom.namespaced.get(&key)) == Some(&false)
    }
}

fn kind_key(api_version: &str, kind: &str) -> String {
    format!("{api_version}/{kind}")
}

impl Schema {
    pub fn builtin() -> &'static Schema {
        static BUILTIN: OnceLock<Schema> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let bytes = include_bytes!("../tables/kubernetes-1.21.2.json.gz");
            Schema::from_bytes(bytes).expect("the table is committed with this crate and read by its tests")
        })
    }

    pub fn kind(&self, api_version: &str, kind: &str) -> Option<TypeRef> {
        self.kinds.get(&kind_key(api_version, kind)).copied()
    }

    pub fn get(&self, ty: TypeRef) -> &Type {
        &self.types[ty as usize]
    }

    pub fn child(&self, ty: TypeRef, key: &str) -> Option<TypeRef> {
        let ty = self.get(ty);
        ty.fields.get(key).copied().or(ty.values)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a table has string keys and writing to memory cannot fail");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&json).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
    }

    pub fn from_bytes(bytes: &[u8]) -> std::io::Result<Schema> {
        let mut json = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }

    /// Reads a Swagger v2 document: `definitions` for the types, `paths` for what is namespaced.
    pub fn from_swagger(document: &Node) -> Schema {
        swagger::read(document, &Schema::default(), Wins::Document)
    }

    /// These types and those of a document; where both have one of a name, one of them wins.
    fn with(&self, document: &Node, wins: Wins) -> Schema {
        swagger::read(document, self, wins)
    }

    /// Without the types that change no merge.
    fn pruned(self) -> Schema {
        let mut useful: Vec<bool> = self.types.iter().map(|ty| ty.merges).collect();
        loop {
            let before = useful.iter().filter(|u| **u).count();
            for (at, ty) in self.types.iter().enumerate() {
                let mut children = ty.fields.values().chain(&ty.values).chain(&ty.element);
                useful[at] = useful[at] || children.any(|child| useful[*child as usize]);
            }
            if useful.iter().filter(|u| **u).count() == before {
                break;
            }
        }
        let mut numbers: HashMap<TypeRef, TypeRef> = HashMap::new();
        for (at, _) in useful.iter().enumerate().filter(|(_, useful)| **useful) {
            numbers.insert(at as TypeRef, numbers.len() as TypeRef);
        }
        let number = |ty: &TypeRef| numbers.get(ty).copied();
        let types = self.types.iter().zip(&useful).filter(|(_, useful)| **useful).map(|(ty, _)| Type {
            fields: ty.fields.iter().filter_map(|(name, ty)| Some((name.clone(), number(ty)?))).collect(),
            values: ty.values.as_ref().and_then(number),
            element: ty.element.as_ref().and_then(number),
            merges: ty.merges,
            keys: ty.keys.clone(),
        });
        Schema {
            types: types.collect(),
            kinds: self.kinds.iter().filter_map(|(kind, ty)| Some((kind.clone(), number(ty)?))).collect(),
            names: self.names.iter().filter_map(|(name, ty)| Some((name.clone(), number(ty)?))).collect(),
            namespaced: self.namespaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_containers_and_scopes() {
        let schema = Schema::builtin();
        let mut ty = schema.kind("apps/v1", "Deployment").expect("a kind");
        for key in ["spec", "template", "spec", "containers"] {
            ty = schema.child(ty, key).expect("a field");
        }
        assert!(schema.get(ty).merges);
        assert_eq!(schema.get(ty).keys, ["name"]);
        let ports = schema.child(schema.get(ty).element.expect("a list"), "ports").expect("a field");
        assert_eq!(schema.get(ports).keys, ["containerPort", "protocol"]);
        let schemas = Schemas::default();
        assert!(schemas.is_cluster_wide(&Gvk::parse("v1", "Namespace")));
        assert!(!schemas.is_cluster_wide(&Gvk::parse("v1", "Pod")));
        assert!(!schemas.is_cluster_wide(&Gvk::parse("example.com/v1", "Unknown")));
    }
}
