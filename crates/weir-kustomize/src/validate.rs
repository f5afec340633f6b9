//! `validators`: transformers that may look at the objects, but not change them.

use crate::KustomizeError;
use crate::plugins::Plugin;
use crate::resource::Resource;
use crate::target::Run;
use crate::transform::Context;
use weir_doc::{Node, Value};

/// The one label that a validator may add.
const VALIDATED_BY: &str = "validated-by";

pub(crate) fn run(run: &mut Run, validator: &Plugin) -> Result<(), KustomizeError> {
    let before = run.resources.list.clone();
    let loader = run.target.loader.clone();
    let mut cx = Context { resources: run.resources, schemas: run.schemas, budget: run.budget };
    validator.apply(&mut cx, &loader)?;
    let after = &run.resources.list;
    let changed = before.iter().zip(after).find(|(old, new)| !is_same(old, new));
    let at = validator.at();
    let what = format!("the validator {}", validator.kind());
    if let Some((old, _)) = changed {
        let id = old.id(run.schemas);
        return Err(KustomizeError::target(at, what, format!("changes {id}, which a validator must not"))
            .with_remedy("name it in transformers instead"));
    }
    if before.len() != after.len() {
        return Err(KustomizeError::target(at, what, "adds or removes objects, which a validator must not"));
    }
    Ok(())
}

/// Whether nothing was written. A value that was written anew is a change, though it be the same.
fn is_same(old: &Resource, new: &Resource) -> bool {
    let mut node = new.node.clone();
    let labels = node.path_mut(&["metadata", "labels"]).and_then(Node::as_map_mut);
    if let Some(labels) = labels
        && labels.remove(VALIDATED_BY).is_some()
    {
        if !labels.is_empty() {
            return false;
        }
        node.ensure_map(&["metadata"]).remove("labels");
    }
    old.history == new.history && is_same_node(&old.node, &node)
}

fn is_same_node(old: &Node, new: &Node) -> bool {
    let same_place = old.meta.at == new.meta.at && old.meta.style == new.meta.style;
    same_place
        && match (&old.value, &new.value) {
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && is_same_node(a.1, b.1))
            }
            (Value::Seq(a), Value::Seq(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_node(a, b)),
            (a, b) => a == b,
        }
}
