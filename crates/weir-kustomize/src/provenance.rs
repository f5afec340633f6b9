//! Who set each field: found by comparing an object before and after each step.
//!
//! Steps change documents in ways of their own, and some write whole mappings anew, so that no note on a node would
//! survive them. What is noted beside an object does. Only [`crate::Options::provenance`] pays for it.

use crate::resource::Resource;
use std::collections::HashMap;
use std::sync::Arc;
use weir_doc::{Node, Value};

/// Of the shape of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    by: Option<Arc<str>>,
    fields: HashMap<Box<str>, Marks>,
    items: Vec<Marks>,
}

/// Remembers the objects as they are before a step.
pub(crate) fn before(list: &mut [Resource]) {
    for resource in list {
        resource.before = Some(Box::new(resource.node.clone()));
    }
}

/// Notes what the step changed.
pub(crate) fn after(list: &mut [Resource], by: &str) {
    let by: Arc<str> = by.into();
    for resource in list {
        if let Some(before) = resource.before.take() {
            let marks = resource.marks.take().unwrap_or_default();
            resource.marks = Some(Box::new(followed(&before, *marks, &resource.node, &by)));
        }
    }
}

/// Writes the notes on the nodes.
pub(crate) fn write(node: &mut Node, marks: Option<&Marks>) {
    let by = marks.and_then(|marks| marks.by.clone());
    if by.is_some() || node.meta.note.is_some() {
        node.meta.note.get_or_insert_default().set_by = by;
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                write(value, marks.and_then(|marks| marks.fields.get(key.as_str())));
            }
        }
        Value::Seq(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                write(item, marks.and_then(|marks| marks.items.get(at)));
            }
        }
        _ => {}
    }
}

/// The marks of the new node: those of the old one where nothing changed.
fn followed(old: &Node, mut marks: Marks, new: &Node, by: &Arc<str>) -> Marks {
    match (&old.value, &new.value) {
        (Value::Map(old), Value::Map(new)) => {
            let fields = new.iter().map(|(key, value)| {
                let known = marks.fields.remove(key.as_str()).unwrap_or_default();
                let marks = match old.get(key.as_str()) {
                    Some(old) => followed(old, known, value, by),
                    None => all(value, by),
                };
                (key.text.clone(), marks)
            });
            Marks { by: marks.by, fields: fields.collect(), items: Vec::new() }
        }
        (Value::Seq(old), Value::Seq(new)) => {
            let mut free: Vec<Option<Marks>> = std::mem::take(&mut marks.items).into_iter().map(Some).collect();
            free.resize_with(old.len(), || Some(Marks::default()));
            let items = new.iter().enumerate().map(|(at, item)| {
                let same = (0..old.len()).find(|at| free[*at].is_some() && old[*at] == *item);
                let of_name = || item.get("name").filter(|name| name.as_str().is_some());
                let named = || {
                    let name = of_name()?;
                    (0..old.len()).find(|at| free[*at].is_some() && old[*at].get("name") == Some(name))
                };
                let in_place = || (old.len() == new.len() && free[at].is_some()).then_some(at);
                match same.or_else(named).or_else(in_place) {
                    Some(at) => followed(&old[at], free[at].take().unwrap_or_default(), item, by),
                    None => all(item, by),
                }
            });
            let items = items.collect();
            Marks { by: marks.by, fields: HashMap::new(), items }
        }
        (old, new) if old == new => marks,
        _ => all(new, by),
    }
}

/// Everything of the node is new.
fn all(node: &Node, by: &Arc<str>) -> Marks {
    let mut marks = Marks { by: Some(by.clone()), ..Marks::default() };
    match &node.value {
        Value::Map(map) => {
            marks.fields = map.iter().map(|(key, value)| (key.text.clone(), all(value, by))).collect();
        }
        Value::Seq(items) => marks.items = items.iter().map(|item| all(item, by)).collect(),
        _ => {}
    }
    marks
}
