//! How the lists of a kind merge, and which kinds are cluster-wide: what kyaml takes from OpenAPI.
//!
//! Contract: [`Schema::builtin`] is Kubernetes 1.21.2, the version that kustomize 5.8.1 embeds. The
//! table is a data file made by `examples/schema_table.rs`; it keeps only types from which a list with
//! a merge strategy can be reached, since nothing else changes a merge.

use crate::id::Gvk;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};
use weir_doc::{Map, Node};

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
    /// Whether a kind is namespaced, by `apiVersion/kind`.
    namespaced: BTreeMap<String, bool>,
}

/// The schemas in use in a build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas {
    /// `openapi.path`: replaces the built-in types in merges.
    pub custom: Option<Arc<Schema>>,
    /// Whether `openapi` was set by any kustomization so far: the first one counts.
    pub chosen: bool,
}

impl Schemas {
    pub fn types(&self) -> &Schema {
        self.custom.as_deref().unwrap_or_else(|| Schema::builtin())
    }

    pub fn is_cluster_wide(&self, gvk: &Gvk) -> bool {
        let key = kind_key(&gvk.api_version(), &gvk.kind);
        let found = Schema::builtin().namespaced.get(&key);
        found.or_else(|| self.custom.as_ref()?.namespaced.get(&key)) == Some(&false)
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
        let mut reader = Reader::default();
        let empty = Map::new();
        let definitions = document.get("definitions").and_then(Node::as_map).unwrap_or(&empty);
        for name in definitions.keys() {
            let ty = reader.push(Type::default());
            reader.names.insert(name.to_owned(), ty);
        }
        let mut kinds = BTreeMap::new();
        for (name, schema) in definitions.iter() {
            let ty = reader.names[name.as_str()];
            let parsed = reader.parse(schema);
            reader.types[ty as usize] = parsed;
            for gvk in schema.get(GVK).and_then(Node::as_seq).into_iter().flatten() {
                kinds.extend(gvk_key(gvk).map(|key| (key, ty)));
            }
        }
        Schema { types: reader.types, kinds, namespaced: namespaced(document) }.pruned()
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
            namespaced: self.namespaced,
        }
    }
}

const GVK: &str = "x-kubernetes-group-version-kind";

fn gvk_key(gvk: &Node) -> Option<String> {
    let text = |key| gvk.str_at(&[key]).unwrap_or_default();
    let gvk = Gvk { group: text("group").to_owned(), version: text("version").to_owned(), kind: String::new() };
    (!text("kind").is_empty()).then(|| kind_key(&gvk.api_version(), text("kind")))
}

fn namespaced(document: &Node) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let empty = Map::new();
    for (path, operations) in document.get("paths").and_then(Node::as_map).unwrap_or(&empty).iter() {
        let Some(key) = operations.path(&["get", GVK]).and_then(gvk_key) else { continue };
        let namespaced = found.entry(key).or_insert(false);
        *namespaced |= path.as_str().contains("namespaces/{namespace}");
    }
    found
}

#[derive(Default)]
struct Reader {
    types: Vec<Type>,
    names: HashMap<String, TypeRef>,
}

impl Reader {
    fn push(&mut self, ty: Type) -> TypeRef {
        self.types.push(ty);
        (self.types.len() - 1) as TypeRef
    }

    /// A reference counts as its target: what stands beside `$ref` has no effect in kyaml.
    fn reference(&mut self, schema: &Node) -> Option<TypeRef> {
        if let Some(target) = schema.str_at(&["$ref"]) {
            let name = target.rsplit('/').next().unwrap_or(target);
            return self.names.get(name).copied();
        }
        let ty = self.parse(schema);
        Some(self.push(ty))
    }

    fn parse(&mut self, schema: &Node) -> Type {
        let mut ty = Type::default();
        for (name, field) in schema.get("properties").and_then(Node::as_map).unwrap_or(&Map::new()).iter() {
            if let Some(field) = self.reference(field) {
                ty.fields.insert(name.as_str().to_owned(), field);
            }
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.as_map().is_some()) {
            ty.values = self.reference(values);
        }
        if schema.str_at(&["type"]) == Some("array")
            && let Some(items) = schema.get("items")
        {
            ty.element = self.reference(items);
        }
        let strategy = schema.str_at(&["x-kubernetes-patch-strategy"]).unwrap_or_default();
        ty.merges = strategy.split(',').any(|word| word == "merge");
        if ty.merges {
            let keys = schema.get("x-kubernetes-list-map-keys").and_then(Node::as_seq);
            let texts = |keys: &Vec<Node>| keys.iter().filter_map(Node::as_str).map(str::to_owned).collect();
            let key = schema.str_at(&["x-kubernetes-patch-merge-key"]);
            ty.keys = keys.map(texts).unwrap_or_else(|| key.map(str::to_owned).into_iter().collect());
        }
        ty
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
