//! How the items of a list are told apart.

use crate::fields::PathElement;
use crate::schema::{List, ListRelation, Schema, Type};
use weir_doc::{Node, Value};

/// The form of a type that a value has; with neither form, or for null, the first one there is.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    Map(&'a crate::schema::MapType),
    Scalar,
    List(&'a List),
}

pub(super) fn form<'a>(ty: &'a Type, value: Option<&Node>) -> Form<'a> {
    match value.map(|node| &node.value) {
        Some(Value::Map(_)) if let Some(map) = &ty.map => Form::Map(map),
        Some(Value::Seq(_)) if let Some(list) = &ty.list => Form::List(list),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if ty.scalar.is_some() => Form::Scalar,
        _ => match (&ty.map, &ty.list) {
            (Some(map), _) => Form::Map(map),
            (None, Some(list)) if ty.scalar.is_none() => Form::List(list),
            _ => Form::Scalar,
        },
    }
}

/// The element of the path that names an item of a set or of a list of maps.
pub(super) fn element(schema: &Schema, list: &List, item: &Node) -> Result<PathElement, String> {
    match &list.relation {
        ListRelation::Atomic => Err("invalid indexing of non-associative list".to_owned()),
        ListRelation::Set => match item.value {
            Value::Map(_) => Err("associative list without keys has an element that's a map type".to_owned()),
            Value::Seq(_) => Err("not supported: associative list with lists as elements".to_owned()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
            _ => Ok(PathElement::Value(item.clone())),
        },
        ListRelation::Map(keys) => {
            let map = match &item.value {
                Value::Map(map) => map,
                Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
                _ => return Err("associative list with keys may not have non-map elements".to_owned()),
            };
            let shape = schema.get(list.element).map.as_ref();
            let mut named: Vec<(String, Node)> = keys
                .iter()
                .filter_map(|key| {
                    let default = || shape.and_then(|shape| shape.fields.get(key)).and_then(|f| f.default.as_ref());
                    map.get(key).or_else(default).map(|value| (key.clone(), value.clone()))
                })
                .collect();
            if named.is_empty() && !keys.is_empty() {
                let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                return Err(format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have \
                     default values for any key fields)",
                    keys.join(" ")
                ));
            }
            named.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(PathElement::Key(named))
        }
    }
}
