use super::{Context, failed};
use crate::KustomizeError;
use crate::args::Label;
use crate::config::Config;
use crate::fieldspec::{self, Create, FieldSpec};
use crate::scalar::{self, Tag};
use std::collections::BTreeMap;
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
        for spec in specs {
            let applied = spec.apply(&mut resource.node, Some(Create::Map), &mut |node| set(node, pairs, at));
            if let Err(why) = applied {
                return Err(failed(resource, what, at, cx.schemas, why));
            }
        }
    }
    Ok(())
}

fn set(node: &mut Node, pairs: &BTreeMap<String, String>, at: &Origin) -> Result<(), String> {
    match &mut node.value {
        Value::Null => Ok(()),
        Value::Map(map) => {
            for (key, value) in pairs {
                scalar::set_field(map, key, scalar::new(value, Tag::String).at(at.clone()));
            }
            Ok(())
        }
        _ => Err(format!("expected a mapping, found {}", node.kind_name())),
    }
}
