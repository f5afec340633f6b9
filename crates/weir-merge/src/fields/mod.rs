//! Sets of field paths: who owns what.

mod codec;
mod element;

pub use codec::FieldsError;
pub use element::PathElement;

use crate::schema::{Schema, TypeRef};
use std::collections::BTreeMap;

/// A set of paths, as a tree. A path is in the set when its node is a member; being on the way to a
/// member does not make it one. Iterates in Kubernetes' order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: BTreeMap<PathElement, Entry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    member: bool,
    below: FieldSet,
}

impl FieldSet {
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of paths of plain field names.
    pub fn of_names<'a>(paths: impl IntoIterator<Item = &'a [&'a str]>) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|name| PathElement::Field((*name).to_owned())).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path. The empty path, the whole object, is not tracked.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((last, way)) = path.split_last() else { return };
        let mut set = self;
        for element in way {
            set = &mut set.nodes.entry(element.clone()).or_default().below;
        }
        set.nodes.entry(last.clone()).or_default().member = true;
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.values().all(|entry| !entry.member && entry.below.is_empty())
    }

    /// Whether the path of this one element is a member.
    pub fn has(&self, element: &PathElement) -> bool {
        self.nodes.get(element).is_some_and(|entry| entry.member)
    }

    /// Whether a path is a member.
    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.has(last),
            [first, rest @ ..] => self.nodes.get(first).is_some_and(|entry| entry.below.contains(rest)),
        }
    }

    /// What is below an element, when it is not empty.
    pub fn below(&self, element: &PathElement) -> Option<&FieldSet> {
        self.nodes.get(element).map(|entry| &entry.below).filter(|below| !below.is_empty())
    }

    pub fn union(&self, other: &FieldSet) -> FieldSet {
        let mut out = self.clone();
        out.extend(other);
        out
    }

    fn extend(&mut self, other: &FieldSet) {
        for (element, theirs) in &other.nodes {
            let ours = self.nodes.entry(element.clone()).or_default();
            ours.member |= theirs.member;
            ours.below.extend(&theirs.below);
        }
    }

    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        self.combine(|element, ours| {
            let theirs = other.nodes.get(element)?;
            Some(Entry { member: ours.member && theirs.member, below: ours.below.intersection(&theirs.below) })
        })
    }

    /// The paths of this set that are not in the other. A member of the other does not cover what
    /// is below it; [`FieldSet::recursive_difference`] does that.
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        self.combine(|element, ours| match other.nodes.get(element) {
            None => Some(ours.clone()),
            Some(theirs) => {
                Some(Entry { member: ours.member && !theirs.member, below: ours.below.difference(&theirs.below) })
            }
        })
    }

    /// The paths of this set that neither are in the other nor lie below one that is.
    pub fn recursive_difference(&self, other: &FieldSet) -> FieldSet {
        self.combine(|element, ours| match other.nodes.get(element) {
            None => Some(ours.clone()),
            Some(theirs) if theirs.member => None,
            Some(theirs) => Some(Entry { member: ours.member, below: ours.below.recursive_difference(&theirs.below) }),
        })
    }

    fn combine(&self, mut keep: impl FnMut(&PathElement, &Entry) -> Option<Entry>) -> FieldSet {
        let nodes = self
            .nodes
            .iter()
            .filter_map(|(element, entry)| {
                let kept = keep(element, entry)?;
                (kept.member || !kept.below.nodes.is_empty()).then(|| (element.clone(), kept))
            })
            .collect();
        FieldSet { nodes }
    }

    /// This set and the named fields on the way to its members: for `.spec.template` also `.spec`,
    /// but not the keys of plain maps.
    pub fn with_named_fields(&self, schema: &Schema, ty: TypeRef) -> FieldSet {
        let shape = schema.get(ty);
        let nodes = self
            .nodes
            .iter()
            .map(|(element, entry)| {
                let (named, child) = match (element, &shape.map, &shape.list) {
                    (PathElement::Field(name), Some(map), _) => {
                        (map.fields.contains_key(name), schema.child(map, name))
                    }
                    (PathElement::Key(_), _, Some(list)) => (false, list.element),
                    _ => (false, crate::schema::DEDUCED),
                };
                let member = entry.member || (named && !entry.below.is_empty());
                (element.clone(), Entry { member, below: entry.below.with_named_fields(schema, child) })
            })
            .collect();
        FieldSet { nodes }
    }

    /// Every member, as a path.
    pub fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, way: &mut Vec<PathElement>, out: &mut Vec<Vec<PathElement>>) {
        // The original lists the members of a level before what is below them.
        for (element, entry) in &self.nodes {
            if entry.member {
                way.push(element.clone());
                out.push(way.clone());
                way.pop();
            }
        }
        for (element, entry) in &self.nodes {
            way.push(element.clone());
            entry.below.collect(way, out);
            way.pop();
        }
    }
}

/// A path as the original prints it: `.spec.containers[name="a"].image`.
pub fn path_text(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_doc::{from_json, to_json};

    fn set(json: &str) -> FieldSet {
        FieldSet::from_node(&from_json(json.as_bytes()).expect("valid JSON")).expect("valid fields")
    }

    fn text(set: &FieldSet) -> String {
        String::from_utf8(to_json(&set.to_node())).expect("JSON is UTF-8")
    }

    const SPEC: &str =
        r#"{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:name":{}}},"f:replicas":{}}}"#;

    #[test]
    fn fields_v1_survives_a_round_trip() {
        assert_eq!(text(&set(SPEC)), SPEC);
        let others = r#"{"f:a":{"v:\"x\"":{},"v:1":{}},"f:b":{"i:0":{}}}"#;
        assert_eq!(text(&set(others)), r#"{"f:a":{"v:1":{},"v:\"x\"":{}},"f:b":{"i:0":{}}}"#);
    }

    #[test]
    fn differences_treat_parents_as_the_original() {
        let all = set(SPEC);
        let item = set(r#"{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{}}}}"#);
        assert_eq!(
            text(&all.difference(&item)),
            r#"{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:image":{},"f:name":{}}},"f:replicas":{}}}"#
        );
        assert_eq!(text(&all.recursive_difference(&item)), r#"{"f:spec":{"f:replicas":{}}}"#);
        assert_eq!(all.intersection(&item), item);
        assert!(item.difference(&all).is_empty());
    }

    #[test]
    fn paths_print_as_the_original() {
        let texts: Vec<String> = set(SPEC).paths().iter().map(|path| path_text(path)).collect();
        assert_eq!(
            texts,
            [
                ".spec.replicas",
                r#".spec.containers[name="a"]"#,
                r#".spec.containers[name="a"].image"#,
                r#".spec.containers[name="a"].name"#
            ]
        );
    }
}
