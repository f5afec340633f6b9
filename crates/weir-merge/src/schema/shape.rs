//! What reading a document into Go's types and printing it again does to it.

use super::{Scalar, Schema, TypeRef};
use weir_doc::{Map, Node, Number, Value};

impl Schema {
    /// Brings a document of a built-in kind into the shape the API server prints: nulls, empty lists
    /// and empty plain maps go, unknown fields go, and what the table has a default for is filled in,
    /// among it the empty structs and zero values that Go always prints.
    pub fn reshape(&self, ty: TypeRef, node: &mut Node) {
        let kind = self.get(ty);
        match &mut node.value {
            Value::Seq(items) => {
                if let Some(list) = &kind.list {
                    items.iter_mut().for_each(|item| self.reshape(list.element, item));
                }
            }
            Value::Map(map) => {
                let Some(shape) = &kind.map else { return };
                let plain = shape.fields.is_empty();
                map.retain(|key, value| {
                    let Some(child) = shape.fields.get(key.as_str()).map(|field| field.ty).or(shape.values) else {
                        return false;
                    };
                    if value.is_null() {
                        // A null among the values of a map[string]string reads as "".
                        return plain && self.get(child).scalar == Some(Scalar::String) && {
                            *value = Node::string("");
                            true
                        };
                    }
                    self.reshape(child, value);
                    plain || !self.is_omitted(child, value)
                });
                self.fill(shape, map);
            }
            Value::Number(Number::Float(n))
                if matches!(kind.scalar, Some(Scalar::Integer | Scalar::Int32)) && n.fract() == 0.0 =>
            {
                node.value = Value::Number(Number::Int(*n as i64));
            }
            _ => {}
        }
    }

    /// The zero value of a type as Go prints it: structs with their own zero values, and null for
    /// required lists and pointers.
    pub fn zero(&self, ty: TypeRef) -> Node {
        let mut out = Map::new();
        if let Some(shape) = &self.get(ty).map {
            for (name, field) in &shape.fields {
                match &field.default {
                    Some(default) if default.as_map().is_some_and(Map::is_empty) => {
                        out.insert(name.as_str(), self.zero(field.ty));
                    }
                    Some(_) => {}
                    None if shape.required.contains(name) => {
                        out.insert(name.as_str(), Node::null());
                    }
                    None => {}
                }
            }
        }
        Node::from(out)
    }

    fn fill(&self, shape: &super::MapType, map: &mut Map) {
        for (name, field) in &shape.fields {
            let Some(default) = &field.default else { continue };
            if map.contains(name) || self.get(field.ty).scalar == Some(Scalar::Time) {
                continue;
            }
            let mut value = default.clone();
            self.reshape(field.ty, &mut value);
            map.insert(name.as_str(), value);
        }
    }

    /// Go's omitempty: empty lists and plain maps are not printed; an empty struct is.
    fn is_omitted(&self, ty: TypeRef, value: &Node) -> bool {
        match &value.value {
            Value::Seq(items) => items.is_empty(),
            Value::Map(map) => {
                map.is_empty()
                    && self
                        .get(ty)
                        .map
                        .as_ref()
                        .is_some_and(|m| m.fields.is_empty() && m.values != Some(super::DEDUCED))
            }
            _ => false,
        }
    }
}
