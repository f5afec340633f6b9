//! JSON patches (RFC 6902) on objects.

use super::{Context, failed};
use crate::KustomizeError;
use crate::resources::{mark, unmark};
use crate::scalar;
use weir_base::Origin;
use weir_doc::Node;

/// Whether a document is a JSON patch: a list of mappings.
pub(super) fn is_json_patch(document: &Node) -> bool {
    document.as_seq().is_some_and(|items| items.iter().all(|item| item.as_map().is_some()))
}

pub(super) fn apply(cx: &mut Context, index: usize, patch: &Node, at: &Origin) -> Result<(), KustomizeError> {
    cx.budget.spend(patch.count())?;
    let resource = &mut cx.resources.list[index];
    resource.check()?;
    let marked = mark(resource);
    let history = resource.history.clone();
    let origin = resource.at().clone();
    scalar::finish(&mut resource.node);
    let patched = weir_merge::json_patch(&mut resource.node, patch);
    unmark(resource, &marked);
    resource.history = history;
    resource.node.meta.at = origin;
    if let Err(why) = patched {
        return Err(failed(resource, "the JSON patch", at, cx.schemas, why.to_string()));
    }
    if resource.is_unpaired("annotations") {
        let problem = "it makes metadata.annotations a list with an odd number of elements".to_owned();
        return Err(failed(resource, "the JSON patch", at, cx.schemas, problem));
    }
    if resource.node.as_map().is_none() {
        let problem = format!("it leaves {}, not an object", resource.node.kind_name());
        return Err(failed(resource, "the JSON patch", at, cx.schemas, problem));
    }
    scalar::through_go_maps(&mut resource.node);
    // kustomize writes the annotations anew, and drops what is no mapping.
    let annotations = resource.annotations();
    resource.set_annotations(&annotations);
    Ok(())
}
