//! An object that is held as a document already: decrypted in place, so that every field keeps where it was read.

use crate::Format;
use crate::cipher::DataKey;
use crate::error::SopsError;
use crate::file::{File, Mac};
use crate::metadata::Metadata;
use crate::stores::BLOCK;
use crate::tree::{Branch, Element, Item, Value, get};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Map, Node, Number};

impl File {
    /// An object with a `sops` block that has a MAC, as kustomize-controller decides after a build; `None` for any
    /// other. Errors name the places that its fields were read from.
    pub fn of_node(node: &Node, path: &str, budget: &Budget) -> Result<Option<Self>, SopsError> {
        let mac = node.path(&[BLOCK, "mac"]).and_then(Node::as_str).unwrap_or_default();
        let Some(map) = node.as_map().filter(|_| !mac.is_empty()) else { return Ok(None) };
        let path: Option<Arc<str>> = node.meta.at.file.clone().or_else(|| (!path.is_empty()).then(|| path.into()));
        let at = Origin::new(path.clone(), node.meta.at.line, 0);
        budget.spend(node.count()).map_err(|why| SopsError::exhausted(&at, why))?;
        let mut branch = branch_of(map);
        let Some(Item { value: Value::Map(block), line, .. }) = get(&branch, BLOCK) else { return Ok(None) };
        let metadata = Metadata::read(block, *line, &path)?;
        branch.retain(|item| item.name() != Some(BLOCK));
        Ok(Some(Self { branches: vec![branch], metadata, format: Format::Json, path, size: 0 }))
    }

    /// Decrypts the values of the object that the file was made of, and takes its `sops` block away.
    pub fn decrypt_node(&self, node: &mut Node, key: &DataKey, budget: &Budget) -> Result<Mac, SopsError> {
        let (mut branches, mac) = self.open(key, budget)?;
        node.remove(BLOCK);
        if let Some(branch) = branches.pop() {
            put_map(node, branch);
        }
        Ok(mac)
    }
}

fn branch_of(map: &Map) -> Branch {
    map.iter().map(|(key, node)| Item::new(key.as_str(), value_of(node)).at(node.meta.at.line)).collect()
}

fn value_of(node: &Node) -> Value {
    match &node.value {
        weir_doc::Value::Null => Value::Null,
        weir_doc::Value::Bool(value) => Value::Bool(*value),
        weir_doc::Value::Number(Number::Int(n)) => Value::Int(*n),
        weir_doc::Value::Number(Number::Uint(n)) => Value::Uint(*n),
        // JSON does not tell a whole double from an integer.
        weir_doc::Value::Number(Number::Float(n)) => match Number::Float(*n).as_i64() {
            Some(n) => Value::Int(n),
            None => Value::Float(*n),
        },
        weir_doc::Value::String(text) => Value::text(text.as_bytes()),
        weir_doc::Value::Seq(items) => {
            let elements = items.iter().map(|node| Element { value: value_of(node), line: node.meta.at.line });
            Value::Seq(elements.collect())
        }
        weir_doc::Value::Map(map) => Value::Map(branch_of(map)),
    }
}

fn put_map(node: &mut Node, branch: Branch) {
    for item in branch {
        let Some(name) = item.name().map(str::to_owned) else { continue };
        if let Some(child) = node.get_mut(&name) {
            put(child, item.value);
        }
    }
}

/// The shapes are the same, but for comments that were entries of a list.
fn put(node: &mut Node, value: Value) {
    let number = |number| weir_doc::Value::Number(number);
    node.value = match value {
        Value::Map(branch) => return put_map(node, branch),
        Value::Seq(elements) => {
            let Some(items) = node.as_seq_mut() else { return };
            let mut values = elements.into_iter().map(|element| element.value);
            items.retain_mut(|item| match values.next() {
                Some(Value::Comment(_)) => false,
                Some(value) => {
                    put(item, value);
                    true
                }
                None => true,
            });
            return;
        }
        Value::Null | Value::Comment(_) => weir_doc::Value::Null,
        Value::Bool(value) => weir_doc::Value::Bool(value),
        Value::Int(n) => number(Number::Int(n)),
        Value::Uint(n) => number(Number::Uint(n)),
        Value::Float(n) => number(Number::Float(n)),
        Value::Str(text) => weir_doc::Value::String(String::from_utf8_lossy(&text).into_owned()),
        Value::Time(time) => weir_doc::Value::String(time.nanos()),
    };
    // The text and the style that it was written with are those of the encrypted value.
    node.meta.note = None;
    node.meta.style = weir_doc::Style::Plain;
}
