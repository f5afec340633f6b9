use super::items::{Form, element, form};
use crate::fields::PathElement;
use crate::schema::{List, ListRelation, MapType, Schema, TypeRef};
use std::collections::BTreeMap;
use weir_doc::{Map, Node};

/// The live object with the configuration laid over it. What the configuration does not name stays;
/// nothing is removed. Both were validated.
pub fn merge(schema: &Schema, ty: TypeRef, live: &Node, config: &Node) -> Node {
    Merge { schema }.node(ty, Some(live), Some(config)).unwrap_or_default()
}

struct Merge<'a> {
    schema: &'a Schema,
}

impl Merge<'_> {
    fn node(&self, ty: TypeRef, lhs: Option<&Node>, rhs: Option<&Node>) -> Option<Node> {
        let leaf = || rhs.or(lhs).cloned();
        match form(self.schema.get(ty), rhs.filter(|node| !node.is_null()).or(lhs)) {
            Form::Scalar => leaf(),
            Form::Map(map) => {
                let (left, right) = (lhs.and_then(Node::as_map), rhs.and_then(Node::as_map));
                if map.atomic || (left.is_none_or(Map::is_empty) && right.is_none_or(Map::is_empty)) {
                    return leaf();
                }
                self.map(map, left, right)
            }
            Form::List(list) => {
                let (left, right) = (lhs.and_then(Node::as_seq), rhs.and_then(Node::as_seq));
                let empty = |items: Option<&Vec<Node>>| items.is_none_or(Vec::is_empty);
                if list.relation == ListRelation::Atomic || (empty(left) && empty(right)) {
                    return leaf();
                }
                self.list(list, left.map_or(&[], |v| v), right.map_or(&[], |v| v))
            }
        }
    }

    fn map(&self, shape: &MapType, lhs: Option<&Map>, rhs: Option<&Map>) -> Option<Node> {
        let mut out = Map::new();
        let mut put = |key: &str, left: Option<&Node>, right: Option<&Node>| {
            if let Some(value) = self.node(self.schema.child(shape, key), left, right) {
                out.insert(key, value);
            }
        };
        for (key, left) in lhs.into_iter().flat_map(Map::iter) {
            put(key.as_str(), Some(left), rhs.and_then(|map| map.get(key.as_str())));
        }
        for (key, right) in rhs.into_iter().flat_map(Map::iter) {
            if lhs.is_none_or(|map| !map.contains(key.as_str())) {
                put(key.as_str(), None, Some(right));
            }
        }
        (!out.is_empty()).then(|| Node::from(out))
    }

    /// Keeps the order of both sides as far as they agree; the configuration's order wins.
    fn list(&self, list: &List, lhs: &[Node], rhs: &[Node]) -> Option<Node> {
        let index = |items: &[Node]| -> Vec<PathElement> {
            items.iter().filter_map(|item| element(self.schema, list, item).ok()).collect()
        };
        let (left, right) = (index(lhs), index(rhs));
        if left.len() != lhs.len() || right.len() != rhs.len() {
            return Some(Node::from(rhs.to_vec()));
        }
        // Items that occur twice are never merged with their like.
        let mut in_left: BTreeMap<&PathElement, Option<&Node>> = BTreeMap::new();
        for (element, item) in left.iter().zip(lhs) {
            in_left.entry(element).and_modify(|seen| *seen = None).or_insert(Some(item));
        }
        let in_right: BTreeMap<&PathElement, &Node> = right.iter().zip(rhs).collect();
        let mut shared = right.iter().filter(|element| in_left.contains_key(element)).peekable();
        let mut merged: BTreeMap<&PathElement, ()> = BTreeMap::new();
        let mut out = Vec::new();
        let mut put = |l: Option<&Node>, r: Option<&Node>| out.extend(self.node(list.element, l, r));
        let both = |element: &PathElement| (in_left.get(element).copied().flatten(), in_right.get(element).copied());
        let (mut l, mut r) = (0, 0);
        while l < left.len() || r < right.len() {
            if l < left.len() && r < right.len() {
                let element = &left[l];
                if *element == right[r] {
                    merged.insert(element, ());
                    let (a, b) = both(element);
                    put(a, b);
                    (l, r) = (l + 1, r + 1);
                    shared.next();
                    continue;
                }
                if in_right.contains_key(element) && shared.peek().is_some_and(|next| *next != element) {
                    l += 1;
                    continue;
                }
            }
            if l < left.len() {
                let element = &left[l];
                if !in_right.contains_key(element) {
                    put(Some(&lhs[l]), None);
                    l += 1;
                    continue;
                }
                if merged.contains_key(element) {
                    l += 1;
                }
            }
            if r < right.len() {
                let element = &right[r];
                merged.insert(element, ());
                let (a, b) = both(element);
                put(a, b);
                r += 1;
                if shared.peek() == Some(&element) {
                    shared.next();
                }
            }
        }
        (!out.is_empty()).then(|| Node::from(out))
    }
}
