//! Lists whose elements merge: by keys, or by value when the elements are scalars.

use super::{Directive, MergeError, Merged, Walker, directive, known_directive, mismatch};
use crate::scalar;
use crate::schema::TypeRef;
use weir_doc::{Map, Node, Value};

impl Walker<'_> {
    pub(super) fn list(&self, old: Option<Node>, new: Option<Node>, ty: Option<TypeRef>) -> Result<Merged, MergeError> {
        let merging = ty.filter(|ty| self.schema.get(*ty).merges);
        let Some(list) = merging else {
            return Ok(match (new, old) {
                (Some(new), _) => Merged::New(new),
                (None, Some(old)) => Merged::Kept(old),
                (None, None) => Merged::Cleared,
            });
        };
        let Some(mut old) = old.filter(|old| !old.is_null()) else {
            return match new {
                Some(new) => Ok(self.settle_elements(new, list)?.map_or(Merged::Cleared, Merged::New)),
                None => Ok(Merged::Cleared),
            };
        };
        if new.as_ref().is_some_and(Node::is_null) {
            return Ok(Merged::Cleared);
        }
        let Some(mut new) = new else {
            let items = std::mem::take(items_of(&mut old));
            old.value = Value::Seq(self.elements(items, Source::Nothing, list)?);
            return Ok(Merged::Kept(old));
        };
        match take_list_directive(items_of(&mut new))? {
            Directive::Delete => Ok(Merged::Cleared),
            Directive::Replace => Ok(self.settle_elements(new, list)?.map_or(Merged::Cleared, Merged::New)),
            Directive::Merge => {
                let items = std::mem::take(items_of(&mut old));
                old.value =
                    Value::Seq(self.elements(items, Source::Patch(std::mem::take(items_of(&mut new))), list)?);
                Ok(Merged::Kept(old))
            }
        }
    }

    pub(super) fn settle_list(&self, mut node: Node, ty: Option<TypeRef>) -> Result<Option<Node>, MergeError> {
        let Some(list) = ty.filter(|ty| self.schema.get(*ty).merges) else { return Ok(Some(node)) };
        if take_list_directive(items_of(&mut node))? == Directive::Delete {
            return Ok(None);
        }
        self.settle_elements(node, list)
    }

    fn settle_elements(&self, mut node: Node, list: TypeRef) -> Result<Option<Node>, MergeError> {
        if node.is_null() {
            return Ok(None);
        }
        let items = std::mem::take(items_of(&mut node));
        node.value = Value::Seq(self.elements(items, Source::Itself, list)?);
        Ok(Some(node))
    }

    /// Merges element by element. The result has the elements of the patch first, or last where it appends.
    fn elements(&self, mut old: Vec<Node>, mut new: Source, list: TypeRef) -> Result<Vec<Node>, MergeError> {
        let deeper = self.deeper()?;
        let ty = self.schema.get(list);
        let mut keys = ty.keys.clone();
        let order: [&[Node]; 2] = if self.appends { [&old, new.items()] } else { [new.items(), &old] };
        let mut wanted = if keys.is_empty() {
            keys.push(String::new());
            unique(&order, |item| vec![scalar::text(item).into_owned()])
        } else {
            unique(&order, |item| keys.iter().map(|key| field_text(item, key)).collect())
        };
        if keys.len() > 1 {
            unite(&mut wanted);
        }
        let mut added: Vec<Node> = Vec::new();
        let mut last_keys = keys.clone();
        for values in &wanted {
            self.budget.spend(wanted.len() as u64)?;
            let (valid_keys, valid_values) = set_keys(&wanted, values, &keys);
            let (by_keys, by_values) = set_keys(std::slice::from_ref(&valid_values), &valid_values, &valid_keys);
            let at_old = find(&old, &by_keys, &by_values);
            let merged = match &mut new {
                Source::Itself => match at_old {
                    Some(at) => {
                        let settled = deeper.settle(old[at].clone(), ty.element)?;
                        // It is taken off the element itself, which may outlive its deletion.
                        if known_directive(&old[at]).is_some() {
                            old[at].remove("$patch");
                        }
                        settled.map_or(Merged::Cleared, Merged::Kept)
                    }
                    None => Merged::Cleared,
                },
                Source::Nothing => deeper.walk(at_old.map(|at| old[at].clone()), None, ty.element)?,
                Source::Patch(new) => {
                    let at_new = find(new, &by_keys, &by_values);
                    let from_new = at_new.map(|at| new[at].clone());
                    // A directive is taken off as it is obeyed: where two elements of the patch have these keys, the
                    // same one is read twice, the second time without it.
                    if let Some(Value::Map(map)) = at_new.map(|at| &mut new[at].value) {
                        map.remove("$patch");
                    }
                    deeper.walk(at_old.map(|at| old[at].clone()), from_new, ty.element)?
                }
            };
            let in_place = matches!(merged, Merged::Kept(_));
            let element = merged.into_node().filter(|node| !node.is_null() && !is_empty_map(node));
            last_keys = valid_keys;
            let Some(mut element) = element else {
                set_element(&mut old, None, &last_keys, &valid_values)?;
                continue;
            };
            if let Value::Map(map) = &mut element.value {
                for (key, value) in last_keys.iter().zip(&valid_values) {
                    if !map.contains(key) && !value.is_empty() {
                        scalar::set_untyped_field(map, key, value);
                    }
                }
            }
            if let (true, Some(at)) = (in_place, at_old) {
                old[at] = element.clone();
            }
            set_element(&mut added, Some(element), &last_keys, &valid_values)?;
        }
        if wanted.is_empty() {
            return Ok(old);
        }
        let (mut list, rest) = if self.appends { (old, added) } else { (added, old) };
        for element in rest {
            self.budget.spend(list.len() as u64)?;
            append(&mut list, element, &last_keys)?;
        }
        Ok(list)
    }
}

/// What is merged into a list.
enum Source {
    Nothing,
    Patch(Vec<Node>),
    /// The list is of the patch, and is merged with itself.
    Itself,
}

impl Source {
    fn items(&self) -> &[Node] {
        match self {
            Source::Patch(items) => items,
            _ => &[],
        }
    }
}

fn items_of(node: &mut Node) -> &mut Vec<Node> {
    if !matches!(node.value, Value::Seq(_)) {
        node.value = Value::Seq(Vec::new());
    }
    match &mut node.value {
        Value::Seq(items) => items,
        _ => unreachable!("made a list above"),
    }
}

fn is_empty_map(node: &Node) -> bool {
    node.as_map().is_some_and(Map::is_empty)
}

fn field_text(item: &Node, key: &str) -> String {
    let found = item.get(key).filter(|value| !scalar::is_nil_or_empty(value));
    found.map(scalar::text).unwrap_or_default().into_owned()
}

fn unique(lists: &[&[Node]], values: impl Fn(&Node) -> Vec<String>) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in lists.iter().copied().flatten() {
        let values = values(item);
        if seen.insert(values.clone()) {
            found.push(values);
        }
    }
    found
}

/// Fills in the values that one of two elements leaves out, when the rest of their keys agree.
fn unite(wanted: &mut [Vec<String>]) {
    for a in 0..wanted.len() {
        // kustomize goes on comparing with what the element was.
        let one = wanted[a].clone();
        for b in 0..wanted.len() {
            if let Some(united) = united(&one, &wanted[b]) {
                wanted[a].clone_from(&united);
                wanted[b] = united;
            }
        }
    }
}

fn united(a: &[String], b: &[String]) -> Option<Vec<String>> {
    let conflict = a.iter().zip(b).any(|(a, b)| a != b && !a.is_empty() && !b.is_empty());
    let common = a.iter().zip(b).any(|(a, b)| a == b);
    (!conflict && common).then(|| a.iter().zip(b).map(|(a, b)| if a.is_empty() { b } else { a }.clone()).collect())
}

/// The keys that any element sets, and the values of one element for them.
fn set_keys(all: &[Vec<String>], values: &[String], keys: &[String]) -> (Vec<String>, Vec<String>) {
    let is_set = |at: usize| all.iter().any(|values| values.get(at).is_some_and(|value| !value.is_empty()));
    let set: Vec<bool> = (0..keys.len()).map(is_set).collect();
    if !set.contains(&true) {
        return (keys.to_vec(), values.to_vec());
    }
    let keep = |texts: &[String]| texts.iter().zip(&set).filter(|(_, set)| **set).map(|(t, _)| t.clone()).collect();
    (keep(keys), keep(values))
}

/// The first element with these values.
fn find(items: &[Node], keys: &[String], values: &[String]) -> Option<usize> {
    if keys.first().is_none_or(String::is_empty) {
        let wanted = values.first().map(String::as_str).unwrap_or_default();
        return items.iter().position(|item| scalar::text(item) == wanted);
    }
    items.iter().position(|item| {
        item.as_map().is_some_and(|map| {
            keys.iter().zip(values).all(|(key, value)| map.get(key).is_some_and(|found| scalar::text(found) == *value))
        })
    })
}

/// Replaces the elements with these values, appends when there is none, removes without an element.
/// A value that is empty fits any element that has the field.
fn set_element(
    items: &mut Vec<Node>,
    element: Option<Node>,
    keys: &[String],
    values: &[String],
) -> Result<(), MergeError> {
    let by_field = keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|v| !v.is_empty());
    let mut kept = Vec::with_capacity(items.len() + 1);
    let mut matched = false;
    for item in std::mem::take(items) {
        if item.is_null() || is_empty_map(&item) {
            continue;
        }
        if item.as_map().is_none() && by_field {
            kept.push(item);
            continue;
        }
        if !matches(&item, keys, values)? {
            if !values.is_empty() {
                kept.push(item);
            }
            continue;
        }
        matched = true;
        kept.extend(element.clone());
    }
    *items = kept;
    if !matched {
        items.extend(element.filter(|element| !element.is_null()));
    }
    Ok(())
}

fn matches(item: &Node, keys: &[String], values: &[String]) -> Result<bool, MergeError> {
    if values.is_empty() {
        return Ok(false);
    }
    for (key, value) in keys.iter().zip(values) {
        let fits = if key.is_empty() {
            if !scalar::is_scalar(item) {
                return Err(mismatch(&item.meta.at, format!("expected a scalar, found {}", item.kind_name())));
            }
            scalar::text(item) == *value
        } else {
            let Some(map) = item.as_map() else {
                return Err(mismatch(&item.meta.at, format!("expected a mapping, found {}", item.kind_name())));
            };
            map.get(key).is_some_and(|found| value.is_empty() || scalar::text(found) == *value)
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn append(added: &mut Vec<Node>, element: Node, keys: &[String]) -> Result<(), MergeError> {
    if keys.first().is_none_or(String::is_empty) {
        let text = scalar::text(&element).into_owned();
        return set_element(added, Some(element), &[String::new()], &[text]);
    }
    if element.as_map().is_none() && !element.is_null() {
        return Err(mismatch(&element.meta.at, format!("expected a mapping, found {}", element.kind_name())));
    }
    let mut values = Vec::new();
    for key in keys {
        match element.get(key) {
            Some(value) => values.push(scalar::text(value).into_owned()),
            None => added.push(element.clone()),
        }
    }
    if keys.len() > 1 {
        set_element(added, None, keys, &values)?;
    }
    set_element(added, Some(element), keys, &values)
}

/// Reads and removes an element that is a directive for its list.
fn take_list_directive(items: &mut Vec<Node>) -> Result<Directive, MergeError> {
    let Some(element) = items.iter().filter_map(Node::as_map).find(|map| map.contains("$patch")) else {
        return Ok(Directive::Merge);
    };
    if element.len() > 1 {
        return Ok(Directive::Merge);
    }
    let value = element.get("$patch").cloned().unwrap_or_default();
    let found = directive(&value)?;
    let text = scalar::text(&value).into_owned();
    set_element(items, None, &["$patch".to_owned()], &[text])?;
    Ok(found)
}
