//! A values file and the inline values, made one.

use super::field::ValuesMerge;
use crate::KustomizeError;
use crate::merge::{self, MergeError};
use crate::scalar;
use crate::schema::Schema;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Map, Node, Style, Value, emit, yaml};

/// Merges the inline values with those of a file, none where they replace it.
pub(super) fn merged(
    inline: &Node,
    base: Option<(&[u8], &Arc<str>)>,
    how: ValuesMerge,
    at: &Origin,
    schema: &Schema,
    budget: &Budget,
) -> Result<Vec<u8>, KustomizeError> {
    let mut inline = inline.clone();
    scalar::decode_binary(&mut inline);
    // They were read as JSON, so that numbers are doubles.
    scalar::through_go_maps(&mut inline);
    without_styles(&mut inline);
    let mut values = match base {
        Some((text, file)) => {
            let base = parse(text, file, budget)?;
            let (old, new) = if how == ValuesMerge::Merge { (inline, base) } else { (base, inline) };
            let merged = merge::values(old, new, schema, budget).map_err(|why| match why {
                MergeError::Exhausted(why) => KustomizeError::from(why),
                MergeError::Mismatch { at: place, problem } => KustomizeError::Apply {
                    at: if place.is_known() { place } else { at.clone() },
                    what: "valuesInline".to_owned(),
                    object: format!("the values of {file}"),
                    problem,
                },
            })?;
            merged.unwrap_or_else(|| Node::from(Map::new()))
        }
        None => inline,
    };
    // Keys at the top are texts, whatever YAML says of them.
    if let Value::Map(map) = &values.value {
        map.values().try_for_each(scalar::check_keys)?;
    }
    scalar::print_as_json(&mut values).map_err(|why| KustomizeError::object(at, why))?;
    Ok(emit::to_yaml(&values).into_bytes())
}

fn parse(text: &[u8], file: &Arc<str>, budget: &Budget) -> Result<Node, KustomizeError> {
    let found = yaml::parse_first(text, Some(file), 0, Dialect::V3, budget)?;
    let mut values = found.ok_or_else(|| {
        KustomizeError::object(&Origin::file(file.clone()), "the file has no values, and inline values come into it")
    })?;
    scalar::mark_timestamps(&mut values);
    // What comes of the merge is read from its nodes, not printed, so that no style changes a type.
    without_styles(&mut values);
    scalar::finish(&mut values);
    Ok(values)
}

fn without_styles(node: &mut Node) {
    node.meta.style = Style::Plain;
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(without_styles),
        Value::Map(map) => map.values_mut().for_each(without_styles),
        _ => {}
    }
}
