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
use weir_doc::{Node, Value};

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
        // What is added for a pair in all places of an object is one node to kustomize.
        let groups: Vec<Arc<str>> = pairs.values().map(|value| Arc::from(value.as_str())).collect();
        let mut added = 0;
        for spec in specs {
            let applied = spec.apply(&mut resource.node, Some(Create::Map), &mut |node| {
                added += set(node, pairs, &groups, at)?;
                Ok(())
            });
            if let Err(why) = applied {
                return Err(failed(resource, what, at, cx.schemas, why));
            }
        }
        resource.settle();
        resource.has_shared |= added > 1;
    }
    Ok(())
}

/// Sets the pairs in one place; the result is how many were not there.
fn set(node: &mut Node, pairs: &BTreeMap<String, String>, groups: &[Arc<str>], at: &Origin) -> Result<usize, String> {
    let map = match &mut node.value {
        Value::Null => return Ok(0),
        Value::Map(map) => map,
        _ => return Err(format!("expected a mapping, found {}", node.kind_name())),
    };
    let mut added = 0;
    for ((key, value), group) in pairs.iter().zip(groups) {
        let mut new = scalar::new(value, Tag::String).at(at.clone());
        if !map.contains(key) {
            scalar::check_key(key)?;
            shared::join(&mut new, group);
            added += 1;
        }
        scalar::set_field(map, key, new);
    }
    Ok(added)
}
