//! Writing the value of a replacement into the fields that a path names.

use super::FieldOptions;
use super::reprint::reprint;
use crate::generate::write_json;
use crate::path;
use crate::scalar;
use crate::selector;
use crate::shared;
use regex::Regex;
use weir_base::{Budget, Exhausted, Origin};
use weir_doc::{Dialect, Map, Node, Value, emit, yaml};

pub(super) enum Filled {
    Fully,
    /// A field has a text that is not of its type. That is a mistake unless something else comes in its place.
    Mistyped(String),
    /// What is wrong with the path.
    Not(String),
}

/// Sets every field at the path.
pub(super) fn fill(
    object: &mut Node,
    path: &str,
    value: &Node,
    options: &FieldOptions,
    budget: &Budget,
) -> Result<Filled, Exhausted> {
    let parts = path::split(path);
    budget.spend(parts.len() as u64)?;
    let deeper = budget.deeper()?;
    if let Some(at) = structured_at(object, &parts, &deeper) {
        let filled = fill_structured(object, &parts, at, value, options.create, &deeper);
        return Ok(filled.map_or_else(Filled::Not, |()| Filled::Fully));
    }
    let mut filler = Filler::new(value, options, &deeper);
    let filled = filler.walk(object, &parts);
    let verb = if options.create { "find or create" } else { "find" };
    Ok(match (filled, filler.mistyped) {
        (Err(why), _) => Filled::Not(format!("field \"{path}\": {why}")),
        (Ok(()), _) if filler.found == 0 => {
            Filled::Not(format!("unable to {verb} field \"{path}\" in replacement target"))
        }
        (Ok(()), Some(why)) => Filled::Mistyped(format!("field \"{path}\": {why}")),
        (Ok(()), None) => Filled::Fully,
    })
}

/// Makes what is missing at the path, and sets nothing.
pub(super) fn make(object: &mut Node, path: &str, value: &Node, budget: &Budget) -> Result<(), Exhausted> {
    let parts = path::split(path);
    budget.spend(parts.len() as u64)?;
    let deeper = budget.deeper()?;
    if structured_at(object, &parts, &deeper).is_none() {
        let options = FieldOptions { create: true, ..Default::default() };
        // What is wrong with the path is told when it is filled.
        let _ = Filler { only_makes: true, ..Filler::new(value, &options, &deeper) }.walk(object, &parts);
    }
    Ok(())
}

/// How many parts lead to a text that holds a document which the rest of the path is in.
fn structured_at(object: &Node, parts: &[String], budget: &Budget) -> Option<usize> {
    (1..parts.len()).find(|at| {
        let found = path::lookup(object, &parts[..*at]).ok().flatten();
        found.is_some_and(|node| scalar::is_scalar(node) && parse(&scalar::text(node), budget).is_some())
    })
}

fn parse(text: &str, budget: &Budget) -> Option<Node> {
    yaml::parse_first(text.as_bytes(), None, 0, Dialect::V3, budget).ok()?
}

fn fill_structured(
    object: &mut Node,
    parts: &[String],
    at: usize,
    value: &Node,
    create: bool,
    budget: &Budget,
) -> Result<(), String> {
    let missing = || format!("unable to find field \"{}\" in replacement target", parts.join("."));
    let text = path::lookup(object, &parts[..at])?.map(|node| scalar::text(node).into_owned()).ok_or_else(missing)?;
    let mut document = parse(&text, budget).ok_or_else(missing)?;
    let plain = FieldOptions { create, ..Default::default() };
    let mut filler = Filler { in_text: true, ..Filler::new(value, &plain, budget) };
    filler.walk(&mut document, &parts[at..])?;
    if filler.found == 0 {
        return Err(missing());
    }
    if text.trim_start().starts_with(['{', '[']) && scalar::is_mistyped(&document) {
        // kustomize cannot read the JSON again, and goes on without a word.
        return Ok(());
    }
    let printed = match text.trim_start().chars().next() {
        Some('{' | '[') if text.contains('\n') && text.contains("  ") => pretty_json(&document),
        Some('{' | '[') => {
            let mut out = String::new();
            write_json(&document, &mut out);
            out
        }
        _ => reprint(&document, &text)?,
    };
    let slot = lookup_mut(object, &parts[..at]).ok_or_else(missing)?;
    scalar::set_text(slot, &printed)
}

fn lookup_mut<'n>(node: &'n mut Node, parts: &[String]) -> Option<&'n mut Node> {
    parts.iter().try_fold(node, |node, part| match (&mut node.value, path::element(part)) {
        (Value::Map(map), _) => map.get_mut(part),
        (Value::Seq(items), Some(element)) => {
            let (key, wanted) = element.ok()?;
            items.iter_mut().find(|item| match key {
                "" => scalar::text(item) == wanted,
                key => item.get(key).is_some_and(|found| scalar::text(found) == wanted),
            })
        }
        (Value::Seq(items), None) => items.get_mut(path::index(part)?),
        _ => None,
    })
}

/// JSON with two spaces of indentation and sorted keys, as Go's `MarshalIndent`.
fn pretty_json(node: &Node) -> String {
    fn write(node: &Node, indent: usize, out: &mut String) {
        let line = |out: &mut String, indent: usize| {
            out.push('\n');
            out.push_str(&"  ".repeat(indent));
        };
        match &node.value {
            Value::Map(map) if !map.is_empty() => {
                let mut entries: Vec<_> = Map::iter(map).collect();
                entries.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
                out.push('{');
                for (at, (key, value)) in entries.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    line(out, indent + 1);
                    write_json(&Node::string(key.as_str()), out);
                    out.push_str(": ");
                    write(value, indent + 1, out);
                }
                line(out, indent);
                out.push('}');
            }
            Value::Seq(items) if !items.is_empty() => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    line(out, indent + 1);
                    write(item, indent + 1, out);
                }
                line(out, indent);
                out.push(']');
            }
            _ => write_json(node, out),
        }
    }
    let mut out = String::new();
    write(node, 0, &mut out);
    out
}

struct Filler<'f> {
    value: &'f Node,
    options: &'f FieldOptions,
    found: usize,
    only_makes: bool,
    /// Whether the document is printed into a text.
    in_text: bool,
    /// The first field that got a text of another type.
    mistyped: Option<String>,
    budget: &'f Budget,
}

impl<'f> Filler<'f> {
    fn new(value: &'f Node, options: &'f FieldOptions, budget: &'f Budget) -> Self {
        Self { value, options, found: 0, only_makes: false, in_text: false, mistyped: None, budget }
    }

    fn walk(&mut self, node: &mut Node, parts: &[String]) -> Result<(), String> {
        self.budget.spend(1).map_err(|why| why.to_string())?;
        let Some((part, rest)) = parts.split_first() else {
            self.found += 1;
            return self.set(node);
        };
        if self.options.create && node.is_null() && part != "*" {
            // What kyaml makes below a null is nowhere.
            self.found += 1;
            return Ok(());
        }
        if path::index(part).is_some() && part.parse::<i64>().is_ok() {
            return self.at_index(node, part, rest);
        }
        if let Some(element) = path::element(part) {
            let (key, wanted) = element?;
            return self.in_list(node, part, key, wanted, rest);
        }
        if part == "*" {
            let items = list_of(node, part)?;
            return items.iter_mut().try_for_each(|item| self.walk(item, rest));
        }
        match &mut node.value {
            Value::Null => return Ok(()),
            Value::Map(_) if part.is_empty() => return Err("expected a scalar, found a mapping".to_owned()),
            Value::Map(_) => {}
            _ => return Err(format!("expected a mapping at '{part}', found {}", node.kind_name())),
        }
        let map = node.ensure_map(&[]);
        if map.get(part).is_none() {
            if !self.options.create {
                return Ok(());
            }
            map.insert(part.as_str(), self.made(rest));
        }
        let Some(field) = map.get_mut(part) else { return Ok(()) };
        if scalar::is_scalar(field) && !rest.is_empty() {
            return Ok(());
        }
        self.walk(field, rest)
    }

    /// What to create where the rest of a path begins.
    fn made(&self, rest: &[String]) -> Node {
        match rest.first() {
            None => match self.value.value {
                Value::Map(_) => Node::map(),
                Value::Seq(_) => Node::from(Vec::new()),
                _ => scalar::untyped(""),
            },
            Some(next) if path::element(next).is_some() || path::index(next).is_some() => Node::from(Vec::new()),
            Some(_) => Node::map(),
        }
    }

    fn at_index(&mut self, node: &mut Node, part: &str, rest: &[String]) -> Result<(), String> {
        let index = path::index(part).unwrap_or_default();
        let made = self.made(rest);
        let items = list_of(node, part)?;
        if items.len() == index && self.options.create {
            items.push(made);
        }
        let len = items.len();
        match items.get_mut(index) {
            Some(item) => self.walk(item, rest),
            None => Err(format!("index {index} specified but only {len} elements found")),
        }
    }

    fn in_list(&mut self, node: &mut Node, part: &str, key: &str, wanted: &str, rest: &[String]) -> Result<(), String> {
        let pattern = selector::pattern(wanted, &Origin::default(), part).map_err(|why| why.to_string())?;
        let before = self.found;
        let items = list_of(node, part)?;
        self.matching(items, key, &pattern, rest)?;
        if self.found > before || !self.options.create {
            return Ok(());
        }
        items.push(if key.is_empty() {
            scalar::new(wanted, scalar::Tag::None)
        } else {
            let mut map = Map::new();
            map.insert(key, scalar::new(wanted, scalar::Tag::None));
            Node::from(map)
        });
        self.matching(items, key, &pattern, rest)
    }

    fn matching(&mut self, items: &mut [Node], key: &str, pattern: &Regex, rest: &[String]) -> Result<(), String> {
        for item in items {
            if key.is_empty() {
                if pattern.is_match(&printed(item)) {
                    self.found += 1;
                    self.set(item)?;
                }
            } else if item.get(key).is_some_and(|found| pattern.is_match(&printed(found))) {
                self.walk(item, rest)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, node: &mut Node) -> Result<(), String> {
        if self.only_makes {
            return Ok(());
        }
        let mut value = self.value.clone();
        shared::leave(&mut value);
        let delimiter = &self.options.delimiter;
        if !delimiter.is_empty() {
            if !scalar::is_scalar(node) && !node.is_null() {
                return Err("delimiter option can only be used with scalar nodes".to_owned());
            }
            let old = scalar::text(node).into_owned();
            let new = scalar::text(&value).into_owned();
            let mut pieces: Vec<&str> = old.split(delimiter.as_str()).collect();
            match usize::try_from(self.options.index) {
                Err(_) => pieces.insert(0, &new),
                Ok(at) if at >= pieces.len() => pieces.push(&new),
                Ok(at) => pieces[at] = &new,
            }
            let joined = pieces.join(delimiter);
            if scalar::set_text(&mut value, &joined).is_err() {
                value = scalar::plain_string(&joined);
            }
        }
        if scalar::is_scalar(node) || node.is_null() {
            let text = scalar::text(&value).into_owned();
            if self.in_text {
                scalar::set_tagged(node, &text);
                return Ok(());
            }
            let forced = scalar::force_text(node, &text);
            self.mistyped = self.mistyped.take().or(forced.err());
            return Ok(());
        }
        let at = node.meta.at.clone();
        *node = value.at(at);
        Ok(())
    }
}

/// A node as yaml.v3 prints it, for a pattern.
fn printed(node: &Node) -> String {
    if scalar::is_scalar(node) {
        scalar::text(node).into_owned()
    } else {
        emit::to_yaml_in_order(node).trim().to_owned()
    }
}

fn list_of<'n>(node: &'n mut Node, part: &str) -> Result<&'n mut Vec<Node>, String> {
    let kind = node.kind_name();
    node.as_seq_mut().ok_or_else(|| format!("expected a list at '{part}', found {kind}"))
}
