//! Objects with comments that say where their fields come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, Value, emit, yaml};

/// The objects as [`crate::to_yaml`] prints them, with comments: above an object its file and line; behind a field what
/// is not the object's own: the step that set it and, for a patch, where it stands there. What is in a commented field
/// and has no comment of its own was set with it.
///
/// ```yaml
/// # base/web.yaml:1
/// apiVersion: apps/v1
/// metadata:
///   name: x-web  # PrefixTransformer (kustomization.yaml:4)
/// ```
pub fn to_yaml_with_origins(objects: &[Node]) -> String {
    let documents: Vec<String> = objects.iter().map(document).collect();
    documents.join("---\n")
}

fn document(object: &Node) -> String {
    let text = emit::to_yaml(object);
    // Read again, the text tells the line of each field.
    let printed = yaml::parse_first(text.as_bytes(), None, 0, Dialect::Sigs, &Budget::standard()).ok().flatten();
    let mut lines = Lines { comments: BTreeMap::new(), starts: BTreeSet::new(), file: object.meta.at.file.clone() };
    if let Some(printed) = &printed {
        lines.walk(object, printed, None);
    }
    let mut out = String::new();
    if object.meta.at.is_known() {
        let _ = writeln!(out, "# {}", object.meta.at);
    }
    for (at, line) in text.lines().enumerate() {
        let number = at as u32 + 1;
        match lines.comments.get(&number) {
            None => {}
            // A text of several lines ends where the next field begins; within it a comment would be text.
            Some(comment) if !lines.is_one_line(number, line) => {
                let indent = line.len() - line.trim_start().len();
                let _ = writeln!(out, "{}# {comment}", " ".repeat(indent));
            }
            Some(comment) => {
                let _ = writeln!(out, "{line}  # {comment}");
                continue;
            }
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

struct Lines {
    comments: BTreeMap<u32, String>,
    /// Lines with a key or an element.
    starts: BTreeSet<u32>,
    file: Option<std::sync::Arc<str>>,
}

impl Lines {
    /// `above` is what was said of what the node is in.
    fn walk(&mut self, node: &Node, printed: &Node, above: Option<&str>) {
        let told = self.told(node);
        let is_new = told.as_deref() != above;
        if let Some(told) = told.as_ref().filter(|_| is_new)
            && (!is_collection(node) || printed.meta.at.line > 0)
        {
            self.comments.entry(printed.meta.at.line).or_insert_with(|| told.clone());
        }
        let above = if told.is_some() { told.as_deref() } else { None };
        match (&node.value, &printed.value) {
            (Value::Map(map), Value::Map(printed)) => {
                for (key, value) in map.iter() {
                    let Some(shown) = printed.get(key.as_str()) else { continue };
                    if let Some(key) = printed.key(key.as_str()) {
                        self.starts.insert(key.line);
                    }
                    self.walk(value, shown, above);
                }
            }
            (Value::Seq(items), Value::Seq(printed)) => {
                for (item, shown) in items.iter().zip(printed) {
                    self.starts.insert(shown.meta.at.line);
                    self.walk(item, shown, above);
                }
            }
            _ => {}
        }
    }

    /// What is to be said of a node: nothing where no step set it.
    fn told(&self, node: &Node) -> Option<String> {
        set_by(node)?;
        let own = node.meta.at.file.is_none() || node.meta.at.file == self.file;
        if own { set_by(node).map(str::to_owned) } else { origin_of(node) }
    }

    fn is_one_line(&self, number: u32, line: &str) -> bool {
        let is_block = line.ends_with(['|', '>'])
            || [":|-", ": |-", ": |+", "- |-", "- |+", "|2"].iter().any(|end| line.ends_with(end));
        is_block
            || self.starts.contains(&(number + 1))
            || self.starts.range(number + 1..).next().is_none() && !line.ends_with('\\')
    }
}

fn is_collection(node: &Node) -> bool {
    matches!(node.value, Value::Map(_) | Value::Seq(_))
}

/// The step that set a value, if it was one.
pub fn set_by(node: &Node) -> Option<&str> {
    node.meta.note.as_ref()?.set_by.as_deref()
}

/// Where a value comes from, in words: its place, and the step that set it.
pub fn origin_of(node: &Node) -> Option<String> {
    let place = |at: &Origin| (at.is_known() && at.file.is_some()).then(|| at.to_string());
    match (place(&node.meta.at), set_by(node)) {
        (at, None) => at,
        // A patch has its values at a place; other steps make theirs.
        (Some(at), Some(by)) if by.starts_with("Patch") && !by.contains(&at) => Some(format!("{at}, {by}")),
        (_, Some(by)) => Some(by.to_owned()),
    }
}
