//! Schemas from Swagger v2 documents.

use super::{Schema, Type, TypeRef, Wins, kind_key};
use crate::id::Gvk;
use std::collections::BTreeMap;
use weir_doc::{Map, Node};

const GVK: &str = "x-kubernetes-group-version-kind";

/// The types of a document and those that are known.
pub(super) fn read(document: &Node, known: &Schema, wins: Wins) -> Schema {
    let mut reader = Reader { types: known.types.clone(), names: known.names.clone() };
    let mut kinds = known.kinds.clone();
    let empty = Map::new();
    let definitions = document.get("definitions").and_then(Node::as_map).unwrap_or(&empty);
    let numbers: Vec<TypeRef> = definitions.keys().map(|name| reader.define(name, &mut kinds, wins)).collect();
    for ((_, definition), ty) in definitions.iter().zip(numbers) {
        reader.types[ty as usize] = reader.parse(definition);
        for key in definition.get(GVK).and_then(Node::as_seq).into_iter().flatten().filter_map(gvk_key) {
            let is_known = known.kinds.contains_key(&key) || known.namespaced.contains_key(&key);
            if wins == Wins::Document || !is_known {
                kinds.insert(key, ty);
            }
        }
    }
    Schema { types: reader.types, kinds, names: reader.names, namespaced: namespaced(document) }.pruned()
}

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

struct Reader {
    types: Vec<Type>,
    names: BTreeMap<String, TypeRef>,
}

impl Reader {
    fn push(&mut self, ty: Type) -> TypeRef {
        self.types.push(ty);
        (self.types.len() - 1) as TypeRef
    }

    /// The number of the type of a definition; what refers to the name refers to it, unless the known one wins.
    fn define(&mut self, name: &str, kinds: &mut BTreeMap<String, TypeRef>, wins: Wins) -> TypeRef {
        match self.names.get(name).copied() {
            Some(_) if wins == Wins::Known => self.push(Type::default()),
            Some(known) => {
                // A kind stays what it was unless the document has the kind, too.
                let before = self.push(self.types[known as usize].clone());
                kinds.values_mut().filter(|ty| **ty == known).for_each(|ty| *ty = before);
                known
            }
            None => {
                let ty = self.push(Type::default());
                self.names.insert(name.to_owned(), ty);
                ty
            }
        }
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
