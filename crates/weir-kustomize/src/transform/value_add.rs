//! The built-in ValueAddTransformer: a value written, or put into a path of folders, where targets say.

use super::{Context, Subjects, failed, namespace};
use crate::KustomizeError;
use crate::fields::{self, Fields};
use crate::fieldspec::split_path;
use crate::loader::{Loader, Sited};
use crate::path;
use crate::scalar::{self, Tag};
use crate::selector::Selector;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Map, Node, Value, yaml};

#[derive(Clone, Debug, Default)]
pub(crate) struct ValueAdd {
    at: Origin,
    value: String,
    targets: Vec<Target>,
    file: Sited,
}

#[derive(Clone, Debug)]
struct Target {
    at: Origin,
    selector: Option<Selector>,
    path: String,
    /// Where in a path of folders the value goes, from 1; 0 replaces all.
    position: i64,
}

impl ValueAdd {
    pub fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            value: fields.string("value").trim().to_owned(),
            targets: fields.items("targets", Target::read),
            file: fields.sited("targetFilePath"),
        }
    }

    /// With the targets of its file; without a value it is the name of the folder.
    pub fn complete(mut self, loader: &Loader, budget: &Budget) -> Result<Self, KustomizeError> {
        if self.value.is_empty() {
            self.value = loader.root.rsplit('/').next().unwrap_or_default().to_owned();
        }
        if !self.file.text.is_empty() {
            let (content, file) = loader.load(&self.file, "targetFilePath")?;
            let document = yaml::parse_first(&content, Some(&file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
            self.targets.extend(fields::read(&document, "", |fields| {
                fields.set_lenient();
                fields.items("targets", Target::read)
            })?);
        }
        if self.targets.is_empty() {
            return Err(KustomizeError::field(&self.at, "targets", "is empty, expected at least one target"));
        }
        for target in &self.targets {
            if target.path.is_empty() {
                return Err(KustomizeError::field(&target.at, "targets.fieldPath", "is empty"));
            }
            if target.position < 0 {
                return Err(KustomizeError::field(&target.at, "targets.filePathPosition", "is negative"));
            }
        }
        Ok(self)
    }
}

impl Target {
    fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            selector: fields.nested("selector", Selector::read),
            path: fields.string("fieldPath"),
            position: fields.int("filePathPosition").unwrap_or_default(),
        }
    }
}

pub(crate) fn add_value(cx: &mut Context, addition: &ValueAdd) -> Result<(), KustomizeError> {
    for target in &addition.targets {
        let selected = match &target.selector {
            Some(selector) => cx.resources.select(selector, cx.schemas)?,
            None => (0..cx.resources.list.len()).collect(),
        };
        for index in selected {
            cx.budget.spend(1)?;
            let resource = &mut cx.resources.list[index];
            let set = if target.path == "metadata/namespace" {
                let id = resource.id(cx.schemas);
                namespace::set_in(&mut resource.node, &id, &addition.value, &[], Subjects::Default, false)
            } else {
                let parts = split_path(&target.path, '/');
                add(&mut resource.node, &parts, &addition.value, target.position)
            };
            if let Err(why) = set {
                return Err(failed(resource, "the value", &target.at, cx.schemas, why));
            }
        }
    }
    Ok(())
}

/// Writes at a path, whose missing mappings are made; a null stays one.
fn add(node: &mut Node, parts: &[String], value: &str, position: i64) -> Result<(), String> {
    let Some((part, rest)) = parts.split_first() else {
        if node.as_map().is_some() || node.as_seq().is_some() {
            return Err(format!("expected a scalar, found {}", node.kind_name()));
        }
        let old = scalar::text(node).into_owned();
        let text = if position > 0 { inserted(&old, position, value) } else { value.to_owned() };
        scalar::set(node, &text, Tag::None);
        return Ok(());
    };
    match &mut node.value {
        // kustomize fills a mapping that it then forgets.
        Value::Null => return Ok(()),
        Value::Map(_) => {}
        Value::Seq(items) => return add_in_list(items, part, rest, value, position),
        _ => return Err(format!("expected a mapping at '{part}', found {}", node.kind_name())),
    }
    let map = node.ensure_map(&[]);
    if !map.contains(part) {
        map.insert(part.as_str(), if rest.is_empty() { scalar::plain_string("") } else { Node::map() });
    }
    match map.get_mut(part) {
        Some(next) => add(next, rest, value, position),
        None => Ok(()),
    }
}

/// The element that `[key=value]` names, which is made when it is missing.
fn add_in_list(items: &mut Vec<Node>, part: &str, rest: &[String], value: &str, position: i64) -> Result<(), String> {
    let Some(element) = path::element(part) else {
        return Err(format!("expected [field=value] for a list, found '{part}'"));
    };
    let (key, wanted) = element?;
    let fits = |item: &Node| match key {
        "" => scalar::text(item) == wanted,
        key => item.get(key).is_some_and(|found| scalar::text(found) == wanted),
    };
    let at = items.iter().position(fits).unwrap_or_else(|| {
        let text = scalar::new(wanted, Tag::None);
        items.push(if key.is_empty() { text } else { Node::from([(key, text)].into_iter().collect::<Map>()) });
        items.len() - 1
    });
    add(&mut items[at], rest, value, position)
}

/// A path with the value as its part at the position; too far is the end.
fn inserted(path: &str, position: i64, value: &str) -> String {
    let (root, rest) = match path.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", path),
    };
    let mut parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let at = usize::try_from(position - 1).unwrap_or(parts.len()).min(parts.len());
    parts.insert(at, value);
    format!("{root}{}", parts.join("/"))
}
