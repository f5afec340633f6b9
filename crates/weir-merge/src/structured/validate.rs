use super::items::element;
use crate::schema::{List, ListRelation, MapType, Scalar, Schema, TypeRef};
use std::collections::BTreeSet;
use weir_doc::{Node, Value};

/// What does not fit the schema, in the words of structured-merge-diff: a path and a message each.
pub fn validate(schema: &Schema, ty: TypeRef, node: &Node) -> Vec<String> {
    let mut errors = Vec::new();
    Walk { schema, errors: &mut errors }.node(ty, node, "");
    errors
}

struct Walk<'a> {
    schema: &'a Schema,
    errors: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn fail(&mut self, path: &str, message: impl AsRef<str>) {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}: ") };
        self.errors.push(format!("{prefix}{}", message.as_ref()));
    }

    fn node(&mut self, ty: TypeRef, node: &Node, path: &str) {
        if node.is_null() {
            return;
        }
        let shape = self.schema.get(ty);
        match (&node.value, &shape.map, &shape.list, shape.scalar) {
            (Value::Map(_), Some(map), _, _) => self.map(map, node, path),
            (Value::Seq(_), _, Some(list), _) => self.list(list, node, path),
            (_, Some(_), _, None) => self.fail(path, format!("expected map, got {}", got(node))),
            (_, None, Some(_), None) => self.fail(path, format!("expected list, got {}", got(node))),
            (value, _, _, Some(scalar)) => {
                let expected = match (scalar, value) {
                    (Scalar::Untyped | Scalar::IntOrString | Scalar::Quantity, Value::Map(_) | Value::Seq(_)) => {
                        Some("scalar")
                    }
                    (Scalar::Untyped | Scalar::IntOrString | Scalar::Quantity, _) => None,
                    (Scalar::Integer | Scalar::Int32 | Scalar::Number, Value::Number(_)) => None,
                    (Scalar::Integer | Scalar::Int32 | Scalar::Number, _) => Some("numeric (int or float)"),
                    (Scalar::String | Scalar::Bytes | Scalar::Time, Value::String(_)) => None,
                    (Scalar::String | Scalar::Bytes | Scalar::Time, _) => Some("string"),
                    (Scalar::Bool, Value::Bool(_)) => None,
                    (Scalar::Bool, _) => Some("boolean"),
                };
                // Of numbers the original names the type only.
                if expected == Some("numeric (int or float)") {
                    let got = if node.as_str().is_some() { "string" } else { "bool" };
                    self.fail(path, format!("expected numeric (int or float), got {got}"));
                } else if let Some(expected @ "string") = expected {
                    let got = String::from_utf8_lossy(&weir_doc::to_json(node)).into_owned();
                    self.fail(path, format!("expected {expected}, got &value.valueUnstructured{{Value:{got}}}"));
                } else if let Some(expected) = expected {
                    self.fail(path, format!("expected {expected}, got {}", got(node)));
                }
            }
            _ => self.fail(path, "schema error: invalid atom"),
        }
    }

    fn map(&mut self, shape: &MapType, node: &Node, path: &str) {
        for (key, value) in node.as_map().into_iter().flat_map(|map| map.iter()) {
            let at = format!("{path}.{key}");
            match shape.fields.get(key.as_str()).map(|field| field.ty).or(shape.values) {
                Some(ty) => self.node(ty, value, &at),
                None => self.fail(&at, "field not declared in schema"),
            }
        }
    }

    fn list(&mut self, list: &List, node: &Node, path: &str) {
        let mut seen = BTreeSet::new();
        for (index, item) in node.as_seq().into_iter().flatten().enumerate() {
            if list.relation == ListRelation::Atomic {
                self.node(list.element, item, &format!("{path}[{index}]"));
                continue;
            }
            match element(self.schema, list, item) {
                Err(message) => self.fail(path, format!("element {index}: {message}")),
                Ok(element) => {
                    self.node(list.element, item, &format!("{path}{element}"));
                    let shown = element.to_string();
                    if !seen.insert(element) {
                        self.fail(path, format!("duplicate entries for key {shown}"));
                    }
                }
            }
        }
    }
}

fn got(node: &Node) -> String {
    match node.as_str() {
        Some(text) => text.to_owned(),
        None => format!("&{{{}}}", crate::patch::go(node)),
    }
}
