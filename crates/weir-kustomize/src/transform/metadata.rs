use super::{Context, failed};
use crate::KustomizeError;
use crate::args::Label;
use crate::config::Config;
use crate::fieldspec::{self, Create, FieldSpec};
use crate::scalar::{self, Tag};
use crate::shared;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::Origin;
use weir_doc::{Node, Style, Value};

/// `labels`: to the metadata, and where it says so to templates and selectors.
pub(crate) fn add_label(cx: &mut Context, label: &Label, config: &Config) -> Result<(), KustomizeError> {
    let mut specs = label.fields.clone();
    let mut merge = |incoming: &[FieldSpec]| {
        fieldspec::merge(&mut specs, incoming).map_err(|why| KustomizeError::field(&label.at, "labels", why))
    };
    merge(&config.labels)?;
    if label.include_selectors {
        merge(&config.common_labels)?;
    } else {
        if label.include_templates {
            merge(&config.template_labels)?;
        }
        merge(&[FieldSpec::at("metadata/labels", true)])?;
    }
    add_labels(cx, &label.pairs, &specs, &label.at)
}

pub(crate) fn add_labels(
    cx: &mut Context,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
    at: &Origin,
) -> Result<(), KustomizeError> {
    set_pairs(cx, pairs, specs, at, "the label")
}

pub(crate) fn add_annotations(
    cx: &mut Context,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
    at: &Origin,
) -> Result<(), KustomizeError> {
    set_pairs(cx, pairs, specs, at, "the annotation")
}

fn set_pairs(
    cx: &mut Context,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
    at: &Origin,
    what: &str,
) -> Result<(), KustomizeError> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut cx.resources.list {
        cx.budget.spend(specs.len() as u64)?;
        let mut pairs: Vec<Pair> = pairs.iter().map(|(key, value)| Pair::new(key, value, at)).collect();
        for spec in specs {
            let applied = spec.apply(&mut resource.node, Some(Create::Map), &mut |node| set(node, &mut pairs));
            if let Err(why) = applied {
                return Err(failed(resource, what, at, cx.schemas, why));
            }
        }
        for pair in pairs.iter().filter(|pair| pair.added.iter().any(|style| *style != pair.value.meta.style)) {
            shared::restyle(&mut resource.node, &pair.group, &pair.value);
        }
        resource.settle();
        resource.has_shared |= pairs.iter().any(|pair| pair.added.len() > 1);
    }
    Ok(())
}

/// What is set in all places of an object, which is one node to kustomize where it was not there: it has the style
/// of the last value that it replaced.
struct Pair<'a> {
    key: &'a str,
    value: Node,
    group: Arc<str>,
    /// The style that it was added with, for each place.
    added: Vec<Style>,
}

impl<'a> Pair<'a> {
    fn new(key: &'a str, value: &str, at: &Origin) -> Self {
        Self { key, value: scalar::new(value, Tag::String).at(at.clone()), group: Arc::from(value), added: Vec::new() }
    }
}

/// Sets the pairs in one place.
fn set(node: &mut Node, pairs: &mut [Pair]) -> Result<(), String> {
    let map = match &mut node.value {
        Value::Null => return Ok(()),
        Value::Map(map) => map,
        _ => return Err(format!("expected a mapping, found {}", node.kind_name())),
    };
    for pair in pairs {
        let mut value = pair.value.clone();
        match map.get(pair.key) {
            Some(old) => scalar::inherit_style(&mut pair.value, old.meta.style),
            None => {
                scalar::check_key(pair.key)?;
                pair.added.push(value.meta.style);
                shared::join(&mut value, &pair.group);
            }
        }
        scalar::set_field(map, pair.key, value);
    }
    Ok(())
}
