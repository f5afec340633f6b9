//! Metadata where a format has no depth: `pgp__list_0__map_enc`.

use super::Wrong;
use crate::tree::{Branch, Element, Item, Value};
use std::collections::BTreeMap;

const MAP: &str = "__map_";
const LIST: &str = "__list_";

#[derive(Default)]
struct Place {
    value: Option<Value>,
    keys: BTreeMap<String, Place>,
    indices: BTreeMap<usize, Place>,
}

/// Builds the depth again.
pub(super) fn unflatten(flat: &Branch) -> Result<Branch, Wrong> {
    let mut root = Place::default();
    for item in flat {
        let Some(name) = item.name() else { continue };
        let mut at = &mut root;
        for step in steps(name) {
            at = match step {
                Step::Key(key) => at.keys.entry(key.to_owned()).or_default(),
                Step::Index(index) => at.indices.entry(index).or_default(),
            };
        }
        if at.value.replace(item.value.clone()).is_some() {
            return Err(Wrong::new(item.line, format!("'{name}' is there twice")));
        }
    }
    match build(root)? {
        Value::Map(branch) => Ok(branch),
        _ => Err(Wrong::new(0, "the fields do not make a mapping")),
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn steps(mut name: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut list = false;
    loop {
        let next = [(name.find(MAP), MAP), (name.find(LIST), LIST)];
        let next = next.into_iter().filter_map(|(at, separator)| at.map(|at| (at, separator))).min();
        let (here, rest) = match next {
            Some((at, separator)) => (&name[..at], Some((&name[at + separator.len()..], separator == LIST))),
            None => (name, None),
        };
        steps.push(if list { Step::Index(here.parse().unwrap_or(0)) } else { Step::Key(here) });
        let Some((rest, is_list)) = rest else { return steps };
        (name, list) = (rest, is_list);
    }
}

fn build(place: Place) -> Result<Value, Wrong> {
    let kinds = [place.value.is_some(), !place.keys.is_empty(), !place.indices.is_empty()];
    if kinds.iter().filter(|kind| **kind).count() > 1 {
        return Err(Wrong::new(0, "a field is both a value and more than one"));
    }
    if let Some(value) = place.value {
        return Ok(value);
    }
    if !place.indices.is_empty() {
        if place.indices.keys().copied().ne(0..place.indices.len()) {
            return Err(Wrong::new(0, "a list has gaps"));
        }
        let elements = place.indices.into_values().map(|place| build(place).map(|value| Element { value, line: 0 }));
        return elements.collect::<Result<_, _>>().map(Value::Seq);
    }
    let items = place.keys.into_iter().map(|(key, place)| build(place).map(|value| Item::new(key, value)));
    items.collect::<Result<_, _>>().map(Value::Map)
}

/// One level, each name behind `prefix`.
pub(super) fn flatten(branch: &Branch, prefix: &str) -> Branch {
    let mut flat = Branch::new();
    for item in branch {
        if let Some(name) = item.name() {
            descend(&item.value, format!("{prefix}{name}"), &mut flat);
        }
    }
    flat
}

fn descend(value: &Value, name: String, flat: &mut Branch) {
    match value {
        Value::Map(branch) => {
            for item in branch {
                if let Some(key) = item.name() {
                    descend(&item.value, format!("{name}{MAP}{key}"), flat);
                }
            }
        }
        Value::Seq(list) => {
            for (at, element) in list.iter().enumerate() {
                descend(&element.value, format!("{name}{LIST}{at}"), flat);
            }
        }
        single => flat.push(Item::new(name, single.clone())),
    }
}
