use super::swagger::Reader;
use super::{Field, List, MapType, Scalar, Schema, Type, TypeRef};
use indexmap::IndexMap;
use std::collections::HashMap;
use weir_doc::Node;

impl Schema {
    /// The schema of a custom resource from its `openAPIV3Schema`, and the type of its root.
    /// apiVersion, kind and metadata are added, as the API server does.
    pub fn from_crd_schema(schema: &Node) -> (Schema, TypeRef) {
        let mut reader = Reader::new();
        let mut root = reader.parse(schema, false);
        let builtin = Schema::builtin();
        let meta =
            builtin.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").expect("every table has ObjectMeta");
        let meta = import(builtin, meta, &mut reader, &mut HashMap::new());
        let text = reader.push(Type::scalar(Scalar::String));
        let map = root.map.get_or_insert_with(|| MapType::of_values(super::DEDUCED, false));
        for (name, ty) in [("apiVersion", text), ("kind", text), ("metadata", meta)] {
            map.fields.insert(name.to_owned(), Field { ty, default: None, patch: None, allowed: Vec::new() });
        }
        root.scalar = None;
        root.list = None;
        let root = reader.push(root);
        let schema = Schema { types: reader.finish(), names: HashMap::new(), kinds: HashMap::new() };
        (schema, root)
    }
}

/// Copies a type, and all it refers to, into another arena.
fn import(from: &Schema, ty: TypeRef, into: &mut Reader, done: &mut HashMap<TypeRef, TypeRef>) -> TypeRef {
    if ty == super::UNTYPED || ty == super::DEDUCED {
        return ty;
    }
    if let Some(known) = done.get(&ty) {
        return *known;
    }
    let at = into.push(Type::default());
    done.insert(ty, at);
    let source = from.get(ty);
    let list = source
        .list
        .as_ref()
        .map(|list| List { relation: list.relation.clone(), element: import(from, list.element, into, done) });
    let map = source.map.as_ref().map(|map| {
        let fields: IndexMap<String, Field> = map
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), Field { ty: import(from, field.ty, into, done), ..field.clone() }))
            .collect();
        MapType { fields, values: map.values.map(|values| import(from, values, into, done)), ..map.clone() }
    });
    into.types[at.0 as usize] = Type { scalar: source.scalar, list, map };
    at
}
