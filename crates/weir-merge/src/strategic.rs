//! Strategic merge patches: lists merge by key, and directives (`$patch`, `$retainKeys`,
//! `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) say what merging alone cannot.

use crate::patch::{PatchError, go};
use crate::schema::{MapType, PatchStrategy, Schema, TypeRef};
use weir_doc::{Map, Node, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Applies a strategic merge patch to an object of type `ty`.
pub fn strategic_merge(schema: &Schema, ty: TypeRef, target: &mut Node, patch: &Node) -> Result<(), PatchError> {
    let patch =
        patch.as_map().ok_or_else(|| PatchError::Malformed("a strategic merge patch is a mapping".to_owned()))?;
    let original = target.as_map().cloned().unwrap_or_default();
    *target = Node::from(Patcher { schema }.map(Some(ty), original, patch.clone())?);
    Ok(())
}

struct Patcher<'a> {
    schema: &'a Schema,
}

impl Patcher<'_> {
    fn shape(&self, ty: Option<TypeRef>) -> Option<&MapType> {
        ty.and_then(|ty| self.schema.get(ty).map.as_ref())
    }

    /// The type of a field and how it is patched.
    fn field(&self, ty: Option<TypeRef>, key: &str) -> (Option<TypeRef>, PatchStrategy) {
        let Some(shape) = self.shape(ty) else { return (None, PatchStrategy::default()) };
        match shape.fields.get(key) {
            Some(field) => (Some(field.ty), field.patch.clone().unwrap_or_default()),
            None => (shape.values, PatchStrategy::default()),
        }
    }

    fn element(&self, ty: Option<TypeRef>) -> Option<TypeRef> {
        ty.and_then(|ty| self.schema.get(ty).list.as_ref()).map(|list| list.element)
    }

    fn map(&self, ty: Option<TypeRef>, mut original: Map, mut patch: Map) -> Result<Map, PatchError> {
        match patch.get(DIRECTIVE).map(Node::as_str) {
            None | Some(Some("merge")) => {}
            Some(Some("replace")) => {
                patch.remove(DIRECTIVE);
                return Ok(patch);
            }
            Some(Some("delete")) => return Ok(Map::new()),
            Some(other) => {
                let kind = other.unwrap_or_default().to_owned();
                return Err(malformed(format!("unknown patch type: {kind} in map: {}", go(&Node::from(patch)))));
            }
        }
        patch.remove(DIRECTIVE);
        if let Some(keys) = patch.remove(RETAIN_KEYS) {
            let keys: Vec<&str> = keys.as_seq().into_iter().flatten().filter_map(Node::as_str).collect();
            for key in patch.keys() {
                if !key.starts_with('$') && !keys.contains(&key) {
                    return Err(malformed(format!(
                        "patch contains fields not present in {RETAIN_KEYS}: {key} is not in {keys:?}"
                    )));
                }
            }
            original.retain(|key, _| keys.contains(&key.as_str()));
        }
        self.set_orders(ty, &mut original, &mut patch)?;
        for (key, value) in patch {
            let key = key.as_str();
            let (key, delete) = match key.strip_prefix(DELETE_FROM) {
                Some(name) => (name, true),
                None => (key, false),
            };
            if value.is_null() {
                original.remove(key);
                continue;
            }
            let (child, strategy) = self.field(ty, key);
            let Some(current) = original.get_mut(key) else {
                if !delete {
                    original.insert(key, self.fresh(child, &strategy, value)?);
                }
                continue;
            };
            match (std::mem::take(&mut current.value), value.value) {
                (Value::Map(old), Value::Map(new)) if !strategy.replace => {
                    *current = Node::from(self.map(child, old, new)?);
                }
                (Value::Seq(old), Value::Seq(new)) if strategy.merge || delete => {
                    *current = Node::from(self.list(child, &strategy, old, new, delete)?);
                }
                (_, Value::Seq(new)) => *current = Node::from(new.into_iter().map(bare).collect::<Vec<Node>>()),
                (_, new) => *current = bare(Node::new(new)),
            }
        }
        Ok(original)
    }

    /// A value for a key that was not there: directives have nothing to act on and go.
    fn fresh(&self, ty: Option<TypeRef>, strategy: &PatchStrategy, value: Node) -> Result<Node, PatchError> {
        Ok(match value.value {
            Value::Map(map) => Node::from(self.map(ty, Map::new(), map)?),
            Value::Seq(items) if strategy.merge => Node::from(self.list(ty, strategy, Vec::new(), items, false)?),
            _ => value,
        })
    }

    fn list(
        &self,
        ty: Option<TypeRef>,
        strategy: &PatchStrategy,
        original: Vec<Node>,
        patch: Vec<Node>,
        delete: bool,
    ) -> Result<Vec<Node>, PatchError> {
        let primitive = |items: &[Node]| items.iter().all(|item| item.as_map().is_none());
        if primitive(&original) && primitive(&patch) {
            if delete {
                return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
            }
            let mut merged = original.clone();
            for item in &patch {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            return Ok(normalize(merged, &patch, &original, None));
        }
        let Some(key) = strategy.merge_key.as_deref() else {
            return Err(malformed("cannot merge lists without merge key for type".to_owned()));
        };
        let mut merged = original.clone();
        let mut rest = Vec::new();
        let mut replace = false;
        for item in patch {
            match item.get(DIRECTIVE).map(|node| (node.as_str(), node)) {
                None => rest.push(item),
                Some((Some("delete"), _)) => {
                    let value = item.get(key).ok_or_else(|| no_key(&item, key))?;
                    merged.retain(|other| other.get(key) != Some(value));
                }
                Some((Some("replace"), _)) => replace = true,
                Some((Some("merge"), _)) => {
                    return Err(malformed("merging lists cannot yet be specified in the patch".to_owned()));
                }
                Some((_, other)) => return Err(malformed(format!("unknown patch type found: {}", go(other)))),
            }
        }
        if replace {
            return Ok(rest.into_iter().map(bare).collect());
        }
        let element = self.element(ty);
        let mut order = Vec::new();
        for item in rest {
            let value = item.get(key).ok_or_else(|| no_key(&item, key))?.clone();
            order.push(item.clone());
            let new = item.as_map().cloned().unwrap_or_default();
            match merged.iter_mut().find(|other| other.get(key) == Some(&value)) {
                Some(found) => {
                    let old = found.as_map().cloned().unwrap_or_default();
                    *found = Node::from(self.map(element, old, new)?);
                }
                None => merged.push(Node::from(self.map(element, Map::new(), new)?)),
            }
        }
        Ok(normalize(merged, &order, &original, Some(key)))
    }

    fn set_orders(&self, ty: Option<TypeRef>, original: &mut Map, patch: &mut Map) -> Result<(), PatchError> {
        let orders: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).map(str::to_owned).collect();
        for directive in orders {
            let order = patch.remove(&directive).and_then(|node| node.as_seq().cloned()).unwrap_or_default();
            let name = &directive[SET_ORDER.len()..];
            let (child, strategy) = self.field(ty, name);
            let deleted = patch.remove(&format!("{DELETE_FROM}{name}")).and_then(|node| node.as_seq().cloned());
            let mut old = match original.get(name) {
                Some(node) => node.as_seq().cloned().unwrap_or_default(),
                None => Vec::new(),
            };
            let server = old.clone();
            if let Some(deleted) = deleted {
                old = self.list(child, &strategy, old, deleted, true)?;
            }
            let merged = match patch.remove(name).and_then(|node| node.as_seq().cloned()) {
                Some(new) => self.list(child, &strategy, old, new, false)?,
                None => old,
            };
            let merged = normalize(merged, &order, &server, strategy.merge_key.as_deref());
            if merged.is_empty() && !original.contains(name) {
                continue;
            }
            original.insert(name, merged);
        }
        Ok(())
    }
}

/// Orders what the patch names as the patch does, and weaves in what only the server has, each
/// before the first item that it stood before.
fn normalize(merged: Vec<Node>, order: &[Node], server: &[Node], key: Option<&str>) -> Vec<Node> {
    let same = |a: &Node, b: &Node| match key {
        Some(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        None => a == b,
    };
    let index = |items: &[Node], item: &Node| items.iter().position(|other| same(other, item));
    let (mut named, mut others): (Vec<Node>, Vec<Node>) =
        merged.into_iter().partition(|item| index(order, item).is_some());
    named.sort_by_key(|item| index(order, item));
    others.sort_by_key(|item| index(server, item));
    let mut out = Vec::with_capacity(named.len() + others.len());
    let (mut others, mut named) = (others.into_iter().peekable(), named.into_iter().peekable());
    while let (Some(left), Some(right)) = (others.peek(), named.peek()) {
        let before = matches!((index(server, left), index(server, right)), (Some(l), Some(r)) if l < r);
        out.extend(if before { others.next() } else { named.next() });
    }
    out.extend(others);
    out.extend(named);
    out
}

/// A value without the nulls and directives of the patch it came from.
fn bare(mut node: Node) -> Node {
    match &mut node.value {
        Value::Map(map) => {
            map.retain(|key, value| !key.as_str().starts_with('$') && !value.is_null());
            for value in map.values_mut() {
                *value = bare(std::mem::take(value));
            }
        }
        Value::Seq(items) => {
            for item in items {
                *item = bare(std::mem::take(item));
            }
        }
        _ => {}
    }
    node
}

fn no_key(item: &Node, key: &str) -> PatchError {
    PatchError::Failed(format!("map: {} does not contain declared merge key: {key}", go(item)))
}

fn malformed(message: String) -> PatchError {
    PatchError::Malformed(message)
}
