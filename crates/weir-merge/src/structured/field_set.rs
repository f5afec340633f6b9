use super::items::{Form, element, form};
use crate::fields::{FieldSet, PathElement};
use crate::schema::{List, ListRelation, MapType, Schema, TypeRef};
use std::collections::BTreeMap;
use weir_doc::{Map, Node};

/// The fields that an object sets.
pub fn to_field_set(schema: &Schema, ty: TypeRef, object: &Node) -> FieldSet {
    let mut walk = Walk { schema, path: Vec::new(), set: FieldSet::new() };
    walk.node(ty, object);
    walk.set
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Vec<PathElement>,
    set: FieldSet,
}

impl Walk<'_> {
    fn node(&mut self, ty: TypeRef, node: &Node) {
        match form(self.schema.get(ty), Some(node)) {
            Form::Scalar => self.set.insert(&self.path),
            Form::Map(map) if map.atomic => self.set.insert(&self.path),
            Form::Map(map) => self.map(map, node),
            Form::List(list) if list.relation == ListRelation::Atomic => self.set.insert(&self.path),
            Form::List(list) => self.list(list, node.as_seq().map_or(&[], |items| items)),
        }
    }

    fn map(&mut self, shape: &MapType, node: &Node) {
        for (key, value) in node.as_map().into_iter().flat_map(Map::iter) {
            self.path.push(PathElement::field(key.as_str()));
            self.node(self.schema.child(shape, key.as_str()), value);
            let empty = value.is_null() || value.as_map().is_some_and(Map::is_empty);
            if empty || !shape.fields.contains_key(key.as_str()) {
                self.set.insert(&self.path);
            }
            self.path.pop();
        }
    }

    fn list(&mut self, list: &List, items: &[Node]) {
        let elements: Vec<(PathElement, &Node)> = items
            .iter()
            .filter_map(|item| element(self.schema, list, item).ok().map(|element| (element, item)))
            .collect();
        let mut count: BTreeMap<&PathElement, usize> = BTreeMap::new();
        for (element, _) in &elements {
            *count.entry(element).or_default() += 1;
        }
        for (element, item) in &elements {
            self.path.push(element.clone());
            if count[element] == 1 {
                self.node(list.element, item);
            }
            self.set.insert(&self.path);
            self.path.pop();
        }
    }
}
