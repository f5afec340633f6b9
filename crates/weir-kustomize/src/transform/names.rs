use super::{Context, failed};
use crate::KustomizeError;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Id;
use crate::scalar::{self, Tag};
use weir_base::Origin;

/// The kinds whose names the API server or other objects rely on.
fn is_exempt(id: &Id) -> bool {
    matches!(id.gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || (id.gvk.kind == "APIService" && id.gvk.group == "apiregistration.k8s.io")
}

pub(crate) fn add_prefix(
    cx: &mut Context,
    prefix: &str,
    specs: &[FieldSpec],
    at: &Origin,
) -> Result<(), KustomizeError> {
    rename(cx, specs, at, "namePrefix", prefix, |name| format!("{prefix}{name}"))
}

pub(crate) fn add_suffix(
    cx: &mut Context,
    suffix: &str,
    specs: &[FieldSpec],
    at: &Origin,
) -> Result<(), KustomizeError> {
    rename(cx, specs, at, "nameSuffix", suffix, |name| format!("{name}{suffix}"))
}

fn rename(
    cx: &mut Context,
    specs: &[FieldSpec],
    at: &Origin,
    what: &str,
    part: &str,
    renamed: impl Fn(&str) -> String,
) -> Result<(), KustomizeError> {
    for resource in &mut cx.resources.list {
        cx.budget.spend(1)?;
        let first = resource.original_id(cx.schemas);
        if is_exempt(&first) {
            continue;
        }
        for spec in specs.iter().filter(|spec| first.gvk.is_selected(&spec.gvk)) {
            if spec.path == "metadata/name" && !part.is_empty() {
                let parts =
                    if what == "namePrefix" { &mut resource.history.prefixes } else { &mut resource.history.suffixes };
                parts.push(part.to_owned());
                resource.store_id(cx.schemas);
            }
            let applied = spec.apply(&mut resource.node, Some(Create::Scalar), &mut |node| {
                if node.as_map().is_some() || node.as_seq().is_some() {
                    return Err(format!("expected a name, found {}", node.kind_name()));
                }
                let name = renamed(&scalar::text(node));
                scalar::set(node, &name, Tag::None);
                Ok(())
            });
            if let Err(why) = applied {
                return Err(failed(resource, what, at, cx.schemas, why));
            }
        }
    }
    Ok(())
}
