//! Strategic merge as kyaml does it (merge2 over walk), which is not apimachinery's.
//!
//! What differs: an element of the patch comes before the elements it does not name; a null that a
//! patch adds is dropped and one that it does not mention stays; a directive inside a list that does
//! not merge is content. Pairs of keys (`containerPort`, `protocol`) fall back to those that are set.

mod list;

use crate::scalar;
use crate::schema::{Schema, TypeRef};
use crate::shared;
use weir_base::{Budget, Exhausted, Origin};
use weir_doc::{Map, Node, Style, Value};

#[derive(Debug)]
pub(crate) enum MergeError {
    Exhausted(Exhausted),
    Mismatch { at: Origin, problem: String },
}

impl From<Exhausted> for MergeError {
    fn from(why: Exhausted) -> Self {
        Self::Exhausted(why)
    }
}

fn mismatch(at: &Origin, problem: impl Into<String>) -> MergeError {
    MergeError::Mismatch { at: at.clone(), problem: problem.into() }
}

/// What a merge leaves of a place.
enum Merged {
    Cleared,
    /// The old node, changed in place.
    Kept(Node),
    /// A node of the patch.
    New(Node),
}

impl Merged {
    fn into_node(self) -> Option<Node> {
        match self {
            Merged::Cleared => None,
            Merged::Kept(node) | Merged::New(node) => Some(node),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into an object; `None` when nothing is left of it.
pub(crate) fn strategic(
    object: Node,
    patch: Node,
    schema: &Schema,
    budget: &Budget,
) -> Result<Option<Node>, MergeError> {
    // kustomize does not look at what replaces the object as a whole.
    if patch.get("$patch").is_some_and(|value| scalar::text(value) == "replace") {
        return Ok(Some(object));
    }
    let walker = Walker { schema, appends: false, budget: budget.clone() };
    Ok(walker.walk(Some(object), Some(patch), None)?.into_node())
}

/// The same for what is no object: a directive at the top is obeyed too, and what is added to a list comes last.
pub(crate) fn values(old: Node, new: Node, schema: &Schema, budget: &Budget) -> Result<Option<Node>, MergeError> {
    let walker = Walker { schema, appends: true, budget: budget.clone() };
    Ok(walker.walk(Some(old), Some(new), None)?.into_node())
}

struct Walker<'s> {
    schema: &'s Schema,
    /// New elements of lists come after the old ones.
    appends: bool,
    budget: Budget,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Map,
    List,
    Scalar,
}

fn form(node: &Node) -> Option<Form> {
    match node.value {
        Value::Null if scalar::is_untyped(node) => Some(Form::Scalar),
        Value::Null => None,
        Value::Map(_) => Some(Form::Map),
        Value::Seq(_) => Some(Form::List),
        _ => Some(Form::Scalar),
    }
}

impl<'s> Walker<'s> {
    fn deeper(&self) -> Result<Walker<'s>, MergeError> {
        Ok(Walker { schema: self.schema, appends: self.appends, budget: self.budget.deeper()? })
    }

    /// Merges the node of the patch into the old one.
    fn walk(&self, mut old: Option<Node>, new: Option<Node>, ty: Option<TypeRef>) -> Result<Merged, MergeError> {
        self.budget.spend(1)?;
        if let (Some(old), Some(new)) = (&mut old, &new)
            && scalar::is_nil_or_empty(old)
            && !old.is_null()
        {
            // What was empty had brackets, which is no reason to print what comes into it in brackets.
            old.meta.style = new.meta.style;
        }
        let ty = ty.or_else(|| self.own_type([old.as_ref(), new.as_ref()]));
        let form_old = old.as_ref().and_then(form);
        let form_new = new.as_ref().and_then(form);
        if let (Some(a), Some(b), Some(patch), Some(node)) = (form_old, form_new, &new, &old)
            && a != b
        {
            return Err(mismatch(
                &patch.meta.at,
                format!("expected {}, found {}", node.kind_name(), patch.kind_name()),
            ));
        }
        match form_old.or(form_new) {
            Some(Form::Scalar) => Ok(match (new, old) {
                (Some(new), _) => Merged::New(new),
                (None, Some(old)) => Merged::Kept(old),
                (None, None) => Merged::Cleared,
            }),
            Some(Form::List) => self.list(old, new, ty),
            Some(Form::Map) | None => self.map(old, new, ty),
        }
    }

    /// An object inside an untyped place is merged by its own kind.
    fn own_type(&self, nodes: [Option<&Node>; 2]) -> Option<TypeRef> {
        let mut nodes = nodes.into_iter().flatten();
        nodes.find_map(|node| self.schema.kind(node.str_at(&["apiVersion"])?, node.str_at(&["kind"])?))
    }

    fn map(&self, old: Option<Node>, new: Option<Node>, ty: Option<TypeRef>) -> Result<Merged, MergeError> {
        match (old, new) {
            (None, None) => Ok(Merged::Cleared),
            (Some(old), None) if old.is_null() => {
                // A null that the patch does not mention stays if it was written out.
                Ok(if scalar::text(&old).is_empty() { Merged::Cleared } else { Merged::Kept(old) })
            }
            (Some(old), None) => self.fields(old, Map::new(), ty).map(Merged::Kept),
            (Some(old), Some(mut new)) if !old.is_null() => {
                if new.is_null() {
                    return Ok(Merged::Cleared);
                }
                match take_directive(&mut new)? {
                    Directive::Delete => Ok(Merged::Cleared),
                    Directive::Replace => self.add(new, ty),
                    Directive::Merge => {
                        let new = std::mem::take(new.ensure_map(&[]));
                        self.fields(old, new, ty).map(Merged::Kept)
                    }
                }
            }
            (_, Some(new)) => self.add(new, ty),
        }
    }

    fn add(&self, mut new: Node, ty: Option<TypeRef>) -> Result<Merged, MergeError> {
        // A directive that is unknown is no mistake on what is new as a whole, and stays.
        let unknown = match new.get("$patch").is_some_and(|value| directive(value).is_err()) {
            true => new.remove("$patch").filter(|value| !value.is_null()),
            false => None,
        };
        let mut settled = self.settle(new, ty)?;
        if let (Some(settled), Some(unknown)) = (&mut settled, unknown) {
            settled.set("$patch", unknown);
        }
        Ok(settled.map_or(Merged::Cleared, Merged::New))
    }

    fn fields(&self, mut old: Node, mut new: Map, ty: Option<TypeRef>) -> Result<Node, MergeError> {
        let deeper = self.deeper()?;
        let child = |key: &str| ty.and_then(|ty| self.schema.child(ty, key));
        let mut merged = Map::new();
        for (key, value) in std::mem::take(old.ensure_map(&[])) {
            // A tag that is written out is written again, with the type of the new value, whatever the quotes.
            let style = match value.meta.style {
                Style::Folded if new.get(key.as_str()).is_some_and(|new| new.as_str().is_some()) => Style::Folded,
                _ if scalar::is_tagged(&value) => Style::Plain,
                style => style,
            };
            let group = shared::group(&value).cloned();
            let ty = child(key.as_str());
            match deeper.walk(Some(value), new.remove(key.as_str()), ty)? {
                Merged::Cleared => {}
                Merged::Kept(mut value) => {
                    scalar::settle_type(&mut value);
                    merged.insert(key, value);
                }
                Merged::New(value) if is_cleared(&value) => {}
                Merged::New(mut value) => {
                    scalar::inherit_style(&mut value, style);
                    if let Some(group) = group.filter(|_| scalar::is_scalar(&value)) {
                        shared::join(&mut value, &group);
                    }
                    merged.insert(key, value);
                }
            }
        }
        for (key, value) in new {
            let ty = child(key.as_str());
            if let Some(value) = deeper.walk(None, Some(value), ty)?.into_node().filter(|value| !is_cleared(value)) {
                merged.insert(key, value);
            }
        }
        old.value = Value::Map(merged);
        Ok(old)
    }

    /// What becomes of a node that only the patch has: its directives are obeyed, its nulls dropped.
    fn settle(&self, mut node: Node, ty: Option<TypeRef>) -> Result<Option<Node>, MergeError> {
        self.budget.spend(1)?;
        let ty = ty.or_else(|| self.own_type([Some(&node), None]));
        match form(&node) {
            None => Ok(None),
            Some(Form::Scalar) => Ok(Some(node)),
            Some(Form::List) => self.settle_list(node, ty),
            Some(Form::Map) => {
                if take_directive(&mut node)? == Directive::Delete {
                    return Ok(None);
                }
                let deeper = self.deeper()?;
                let mut settled = Map::new();
                for (key, value) in std::mem::take(node.ensure_map(&[])) {
                    let ty = ty.and_then(|ty| self.schema.child(ty, key.as_str()));
                    if let Some(value) = deeper.settle(value, ty)? {
                        settled.insert(key, value);
                    }
                }
                node.value = Value::Map(settled);
                Ok(Some(node))
            }
        }
    }
}

/// A null that takes the field away; one that kustomize made as a text, which reads as null, does not.
fn is_cleared(value: &Node) -> bool {
    value.is_null() && !scalar::is_untyped(value)
}

/// Reads and removes `$patch` from a mapping.
fn take_directive(node: &mut Node) -> Result<Directive, MergeError> {
    match node.remove("$patch") {
        None => Ok(Directive::Merge),
        Some(value) => directive(&value),
    }
}

fn known_directive(node: &Node) -> Option<Directive> {
    node.get("$patch").and_then(|value| directive(value).ok())
}

fn directive(value: &Node) -> Result<Directive, MergeError> {
    match scalar::text(value).as_ref() {
        "delete" => Ok(Directive::Delete),
        "replace" => Ok(Directive::Replace),
        "merge" => Ok(Directive::Merge),
        other => {
            let problem = format!("$patch: unknown patch strategy '{other}', expected delete, replace or merge");
            Err(mismatch(&value.meta.at, problem))
        }
    }
}
