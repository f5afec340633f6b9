//! Reads OpenAPI documents (v2 `definitions`, v3 `components.schemas`) the way kube-openapi's
//! schemaconv does.

use super::{
    DEDUCED, Field, List, ListRelation, MapType, PatchStrategy, Scalar, Table, Type, TypeRef, UNTYPED, base_types,
};
use indexmap::IndexMap;
use std::collections::HashMap;
use weir_doc::{Map, Node};

pub(super) struct Reader {
    pub types: Vec<Type>,
    pub names: HashMap<String, TypeRef>,
    /// References that override how the named type merges: made once all types are known.
    overrides: Vec<(TypeRef, TypeRef, bool)>,
}

impl Table {
    /// Reads an OpenAPI document: a Swagger v2, or a v3 document with `components.schemas`.
    pub fn from_swagger(document: &Node) -> Table {
        let empty = Map::new();
        let definitions = document
            .get("definitions")
            .or_else(|| document.path(&["components", "schemas"]))
            .and_then(Node::as_map)
            .unwrap_or(&empty);
        let mut names: Vec<&str> = definitions.keys().collect();
        names.sort_unstable();
        let mut reader = Reader::new();
        for name in &names {
            let ty = reader.push(Type::default());
            reader.names.insert((*name).to_owned(), ty);
        }
        let mut kinds = Vec::new();
        for name in &names {
            let schema = definitions.get(name).expect("the name is a key of this map");
            let ty = reader.names[*name];
            let parsed = match *name {
                "io.k8s.apimachinery.pkg.api.resource.Quantity" => Type::scalar(Scalar::Quantity),
                "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => Type::scalar(Scalar::IntOrString),
                "io.k8s.apimachinery.pkg.runtime.RawExtension" => reader.types[UNTYPED.0 as usize].clone(),
                _ => reader.parse(schema, false),
            };
            reader.types[ty.0 as usize] = parsed;
            for gvk in schema.get("x-kubernetes-group-version-kind").and_then(Node::as_seq).into_iter().flatten() {
                let text = |key| gvk.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
                kinds.push((text("group"), text("version"), text("kind"), ty));
            }
        }
        kinds.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
        let names = names.iter().map(|name| ((*name).to_owned(), reader.names[*name])).collect();
        Table { types: reader.finish(), names, kinds }
    }
}

impl Reader {
    pub fn new() -> Self {
        Reader { types: base_types(), names: HashMap::new(), overrides: Vec::new() }
    }

    pub fn push(&mut self, ty: Type) -> TypeRef {
        self.types.push(ty);
        TypeRef(u32::try_from(self.types.len() - 1).expect("a schema document has far fewer than 2^32 types"))
    }

    pub fn finish(mut self) -> Vec<Type> {
        for (at, named, atomic) in std::mem::take(&mut self.overrides) {
            let mut ty = self.types[named.0 as usize].clone();
            if let Some(map) = &mut ty.map {
                map.atomic = atomic;
            }
            self.types[at.0 as usize] = ty;
        }
        self.types
    }

    pub fn reference(&mut self, schema: &Node, preserve: bool) -> TypeRef {
        let all_of = schema.get("allOf").and_then(Node::as_seq).filter(|all| all.len() == 1);
        let name = schema
            .get("$ref")
            .or_else(|| all_of.and_then(|all| all[0].get("$ref")))
            .and_then(Node::as_str)
            .and_then(|text| text.rsplit('/').next());
        if let Some(name) = name {
            let named = self.names.get(name).copied().unwrap_or(DEDUCED);
            return match schema.get("x-kubernetes-map-type").and_then(Node::as_str) {
                Some(kind) => {
                    let at = self.push(Type::default());
                    self.overrides.push((at, named, kind == "atomic"));
                    at
                }
                None => named,
            };
        }
        let ty = self.parse(schema, preserve);
        self.push(ty)
    }

    pub fn parse(&mut self, schema: &Node, preserve: bool) -> Type {
        let flag = |key| schema.get(key).and_then(Node::as_bool) == Some(true);
        let preserve = preserve || flag("x-kubernetes-preserve-unknown-fields");
        if flag("x-kubernetes-int-or-string") {
            return Type::scalar(Scalar::IntOrString);
        }
        match schema.get("type").and_then(Node::as_str) {
            Some("object") => Type { map: Some(self.object(schema, preserve)), ..Type::default() },
            Some("array") => Type { list: Some(self.list(schema, preserve)), ..Type::default() },
            Some("integer") => Type::scalar(Scalar::Integer),
            Some("number") => Type::scalar(Scalar::Number),
            Some("boolean") => Type::scalar(Scalar::Bool),
            Some("string") => Type::scalar(match schema.get("format").and_then(Node::as_str) {
                Some("int-or-string") => Scalar::IntOrString,
                Some("byte") => Scalar::Bytes,
                Some("date-time") => Scalar::Time,
                _ => Scalar::String,
            }),
            _ => Type {
                scalar: Some(Scalar::Untyped),
                list: Some(self.list(schema, preserve)),
                map: Some(self.object(schema, preserve)),
            },
        }
    }

    fn list(&mut self, schema: &Node, preserve: bool) -> List {
        let element = match schema.get("items") {
            Some(items) => self.reference(items, preserve),
            None => UNTYPED,
        };
        let relation = match schema.get("x-kubernetes-list-type").and_then(Node::as_str) {
            Some("set") => ListRelation::Set,
            Some("map") => ListRelation::Map(strings(schema.get("x-kubernetes-list-map-keys"))),
            _ => ListRelation::Atomic,
        };
        List { relation, element }
    }

    fn object(&mut self, schema: &Node, preserve: bool) -> MapType {
        let mut fields = IndexMap::new();
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Node::as_map).unwrap_or(&empty);
        for (name, member) in properties.iter() {
            let ty = self.reference(member, preserve);
            let field = Field {
                ty,
                default: member.get("default").filter(|value| !value.is_null()).cloned(),
                patch: patch_strategy(member),
                allowed: strings(member.get("enum")),
            };
            fields.insert(name.as_str().to_owned(), field);
        }
        let values = match schema.get("additionalProperties") {
            None if preserve || properties.is_empty() => Some(DEDUCED),
            None => None,
            Some(values) => match values.as_bool() {
                Some(true) => Some(DEDUCED),
                Some(false) => None,
                None => Some(self.reference(values, preserve)),
            },
        };
        let flag = |key| schema.get(key).and_then(Node::as_bool) == Some(true);
        MapType {
            atomic: schema.get("x-kubernetes-map-type").and_then(Node::as_str) == Some("atomic"),
            fields,
            values,
            required: strings(schema.get("required")),
            embedded: flag("x-kubernetes-embedded-resource"),
            preserve_unknown: preserve,
        }
    }
}

fn patch_strategy(member: &Node) -> Option<PatchStrategy> {
    let text = member.get("x-kubernetes-patch-strategy").and_then(Node::as_str)?;
    let has = |word: &str| text.split(',').any(|part| part == word);
    Some(PatchStrategy {
        merge: has("merge"),
        replace: has("replace"),
        retain_keys: has("retainKeys"),
        merge_key: member.get("x-kubernetes-patch-merge-key").and_then(Node::as_str).map(str::to_owned),
    })
}

fn strings(node: Option<&Node>) -> Vec<String> {
    node.and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str).map(str::to_owned).collect()
}
