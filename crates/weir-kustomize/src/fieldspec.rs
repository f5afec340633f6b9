//! Field specs: where in which kinds a transformer writes.

use crate::id::Gvk;
use crate::scalar;
use weir_doc::{Node, Value};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldSpec {
    pub gvk: Gvk,
    pub path: String,
    pub create: bool,
    parts: Vec<String>,
}

/// What is done with a node that a path leads to.
pub(crate) type Set<'s> = dyn FnMut(&mut Node) -> Result<(), String> + 's;

/// What to make of a field that is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    Map,
    Scalar,
}

impl FieldSpec {
    pub fn new(gvk: Gvk, path: &str, create: bool) -> Self {
        Self { gvk, path: path.to_owned(), create, parts: split_path(path, '/') }
    }

    pub fn at(path: &str, create: bool) -> Self {
        Self::new(Gvk::default(), path, create)
    }

    /// Whether an equal spec, or one that includes this one, is `other`.
    fn covers(&self, other: &FieldSpec) -> bool {
        self.gvk.is_selected(&other.gvk) && self.path == other.path
    }

    /// Calls `set` on every node at the path in an object of a kind that the spec selects.
    pub fn apply(&self, object: &mut Node, create: Option<Create>, set: &mut Set) -> Result<(), String> {
        if self.is_for(object) { self.follow(object, create, set) } else { Ok(()) }
    }

    fn is_for(&self, object: &Node) -> bool {
        let text = |key: &str| object.get(key).map(scalar::text).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = Gvk::split(&api_version);
        self.gvk.selects(group, version, &kind)
    }

    /// The same as [`FieldSpec::apply`] in an object of any kind.
    pub fn follow(&self, object: &mut Node, create: Option<Create>, set: &mut Set) -> Result<(), String> {
        let walk = Walk { create: create.filter(|_| self.create) };
        walk.node(object, &self.parts, set).map_err(|why| format!("field '{}': {why}", self.path))
    }
}

/// Adds specs to a list; one that the list has already must agree on `create`.
pub(crate) fn merge(list: &mut Vec<FieldSpec>, incoming: &[FieldSpec]) -> Result<(), String> {
    for spec in incoming {
        match list.iter().find(|known| known.covers(spec)) {
            Some(known) if known.create != spec.create => {
                return Err(format!("conflicting fieldspecs for '{}': 'create' is both true and false", spec.path));
            }
            Some(_) => {}
            None => list.push(spec.clone()),
        }
    }
    Ok(())
}

/// Splits a path; a delimiter after `\` belongs to the part.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let path = path.strip_prefix(delimiter).filter(|rest| !rest.is_empty()).unwrap_or(path);
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(delimiter) {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

struct Walk {
    create: Option<Create>,
}

impl Walk {
    fn node(&self, node: &mut Node, path: &[String], set: &mut Set) -> Result<(), String> {
        let Some((part, rest)) = path.split_first() else { return set(node) };
        match &mut node.value {
            Value::Null => Ok(()),
            Value::Seq(items) => items.iter_mut().try_for_each(|item| self.node(item, path, set)),
            Value::Map(_) => self.field(node, part, rest, set),
            _ => Err(format!("expected a list or mapping at '{part}', found {}", node.kind_name())),
        }
    }

    fn field(&self, node: &mut Node, part: &str, rest: &[String], set: &mut Set) -> Result<(), String> {
        let name = part.strip_suffix("[]").unwrap_or(part);
        if name.is_empty() {
            return Err("cannot set or create an empty field name".to_owned());
        }
        let is_list = name.len() != part.len();
        // As kyaml looks a field up.
        let name = name.trim();
        if name.is_empty() {
            return self.node(node, rest, set);
        }
        if name == "*" {
            return Err("'*' is not possible in the path of a field".to_owned());
        }
        if name == "-" || name.parse::<i64>().is_ok() || (name.starts_with('[') && name.ends_with(']')) {
            return Err(format!("'{name}' names an element of a list, found {}", node.kind_name()));
        }
        let wanted = match self.create {
            Some(last) if !is_list => Some(if rest.is_empty() { last } else { Create::Map }),
            _ => None,
        };
        let map = node.ensure_map(&[]);
        match (map.get_mut(name), wanted) {
            (None, None) => return Ok(()),
            (None, Some(Create::Map)) => {
                map.insert(name, Node::map());
            }
            (None, Some(Create::Scalar)) => {
                map.insert(name, scalar::plain_string(""));
            }
            (Some(found), _) if found.is_null() && is_list => found.value = Value::Seq(Vec::new()),
            (Some(found), Some(Create::Map)) if found.is_null() => found.value = Value::Map(weir_doc::Map::new()),
            (Some(found), Some(Create::Scalar)) if found.is_null() => {
                let text = scalar::text(found).into_owned();
                let at = found.meta.at.clone();
                *found = scalar::untyped(&text).at(at);
            }
            (Some(_), _) => {}
        }
        match map.get_mut(name) {
            Some(next) => self.node(next, rest, set),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_path;

    #[test]
    fn paths_keep_escaped_delimiters() {
        assert_eq!(split_path("a/b\\/c/d", '/'), ["a", "b/c", "d"]);
        assert_eq!(split_path("/a/b", '/'), ["a", "b"]);
        assert_eq!(split_path("metadata/annotations/x.y\\/z", '/'), ["metadata", "annotations", "x.y/z"]);
    }
}
