use super::items::{Form, element, form};
use crate::fields::{FieldSet, PathElement};
use crate::schema::{List, ListRelation, Schema, TypeRef};
use std::collections::BTreeMap;
use weir_doc::{Map, Node};

/// How one object differs from another, by path. No path is in two of the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub removed: FieldSet,
    pub modified: FieldSet,
    pub added: FieldSet,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Leaves out some fields and all that is below them.
    pub fn excluding(self, ignored: &FieldSet) -> Self {
        if ignored.is_empty() {
            return self;
        }
        Comparison {
            removed: self.removed.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
            added: self.added.recursive_difference(ignored),
        }
    }
}

pub fn compare(schema: &Schema, ty: TypeRef, old: &Node, new: &Node) -> Comparison {
    let mut walk = Walk { schema, path: Vec::new(), out: Comparison::default() };
    walk.node(ty, Some(old), Some(new));
    walk.out
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Vec<PathElement>,
    out: Comparison,
}

impl Walk<'_> {
    fn node(&mut self, ty: TypeRef, lhs: Option<&Node>, rhs: Option<&Node>) {
        if let (Some(l), Some(r)) = (lhs, rhs)
            && l == r
        {
            return;
        }
        let shape = self.schema.get(ty);
        let leaf = match form(shape, rhs.filter(|node| !node.is_null()).or(lhs)) {
            Form::Scalar => true,
            Form::Map(map) => {
                let (left, right) = (lhs.and_then(Node::as_map), rhs.and_then(Node::as_map));
                let leaf = map.atomic || (left.is_none_or(Map::is_empty) && right.is_none_or(Map::is_empty));
                if !leaf {
                    for (key, l) in left.into_iter().flat_map(Map::iter) {
                        let r = right.and_then(|map| map.get(key.as_str()));
                        let child = self.schema.child(map, key.as_str());
                        self.below(PathElement::field(key.as_str()), child, Some(l), r);
                    }
                    for (key, r) in right.into_iter().flat_map(Map::iter) {
                        if left.is_none_or(|map| !map.contains(key.as_str())) {
                            let child = self.schema.child(map, key.as_str());
                            self.below(PathElement::field(key.as_str()), child, None, Some(r));
                        }
                    }
                }
                leaf
            }
            Form::List(list) => {
                let (left, right) = (lhs.and_then(Node::as_seq), rhs.and_then(Node::as_seq));
                let empty = |items: Option<&Vec<Node>>| items.is_none_or(Vec::is_empty);
                let leaf = list.relation == ListRelation::Atomic || (empty(left) && empty(right));
                if !leaf {
                    self.list(list, left.map_or(&[], |v| v), right.map_or(&[], |v| v));
                }
                leaf
            }
        };
        match (lhs, rhs) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            _ if leaf => self.out.modified.insert(&self.path),
            _ => {}
        }
    }

    fn below(&mut self, element: PathElement, ty: TypeRef, lhs: Option<&Node>, rhs: Option<&Node>) {
        self.path.push(element);
        self.node(ty, lhs, rhs);
        self.path.pop();
    }

    fn list(&mut self, list: &List, lhs: &[Node], rhs: &[Node]) {
        let mut items: BTreeMap<PathElement, (Vec<&Node>, Vec<&Node>)> = BTreeMap::new();
        for item in lhs {
            if let Ok(element) = element(self.schema, list, item) {
                items.entry(element).or_default().0.push(item);
            }
        }
        for item in rhs {
            if let Ok(element) = element(self.schema, list, item) {
                items.entry(element).or_default().1.push(item);
            }
        }
        for (element, (left, right)) in items {
            let (l, r) = (left.first().copied(), right.first().copied());
            match (left.len(), right.len()) {
                (0 | 1, 0 | 1) => self.below(element, list.element, l, r),
                // Duplicates on both sides are compared as one value.
                (2.., 2..) => {
                    if left != right {
                        self.path.push(element);
                        self.out.modified.insert(&self.path);
                        self.path.pop();
                    }
                }
                (2.., _) => {
                    if r.is_some() {
                        self.below(element.clone(), list.element, None, r);
                    }
                    self.path.push(element);
                    self.out.removed.insert(&self.path);
                    self.path.pop();
                }
                _ => {
                    if l.is_some() {
                        self.below(element.clone(), list.element, l, None);
                    }
                    self.path.push(element);
                    self.out.added.insert(&self.path);
                    self.path.pop();
                }
            }
        }
    }
}
