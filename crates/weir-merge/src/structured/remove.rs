use super::items::{Form, element, form};
use crate::fields::{FieldSet, PathElement};
use crate::schema::{ListRelation, Schema, TypeRef};
use weir_doc::{Map, Node};

/// The object without the fields and items of a set. `None` where nothing is left.
pub fn remove(schema: &Schema, ty: TypeRef, node: &Node, set: &FieldSet) -> Option<Node> {
    match form(schema.get(ty), Some(node)) {
        Form::Scalar => Some(node.clone()),
        Form::List(list) => {
            let items = node.as_seq().filter(|items| !items.is_empty())?;
            if list.relation == ListRelation::Atomic {
                return None;
            }
            let mut left = Vec::with_capacity(items.len());
            for item in items {
                match element(schema, list, item) {
                    Ok(element) if set.has(&element) => {}
                    Ok(element) => left.push(descend(schema, list.element, item, set.below(&element))),
                    Err(_) => left.push(item.clone()),
                }
            }
            (!left.is_empty()).then(|| Node::from(left))
        }
        Form::Map(shape) => {
            let map = node.as_map().filter(|map| !map.is_empty())?;
            if shape.atomic {
                return None;
            }
            let mut left = Map::new();
            for (key, value) in map.iter() {
                let element = PathElement::field(key.as_str());
                if !set.has(&element) {
                    let child = schema.child(shape, key.as_str());
                    left.insert(key.clone(), descend(schema, child, value, set.below(&element)));
                }
            }
            (!left.is_empty()).then(|| Node::from(left))
        }
    }
}

fn descend(schema: &Schema, ty: TypeRef, node: &Node, below: Option<&FieldSet>) -> Node {
    match below {
        Some(set) => remove(schema, ty, node, set).unwrap_or_default(),
        None => node.clone(),
    }
}
