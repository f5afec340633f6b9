use super::{Context, failed};
use crate::KustomizeError;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Id;
use crate::resources;
use crate::scalar::{self, Tag};
use std::collections::HashMap;
use weir_base::Origin;
use weir_doc::{Node, Value};

/// The subjects of role bindings that get the namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those named `default`.
    Default,
    AllServiceAccounts,
    None,
}

/// Sets the namespace of everything but cluster-wide kinds and what charts made, and in the fields that name it.
pub(crate) fn set_namespace(
    cx: &mut Context,
    namespace: &str,
    specs: &[FieldSpec],
    subjects: Subjects,
    unset_only: bool,
    at: &Origin,
) -> Result<(), KustomizeError> {
    let mut counts: HashMap<_, u32> = HashMap::new();
    for resource in &cx.resources.list {
        *counts.entry(resource.id(cx.schemas).key()).or_default() += 1;
    }
    for index in 0..cx.resources.list.len() {
        cx.budget.spend(1)?;
        let resource = &mut cx.resources.list[index];
        if scalar::is_nil_or_empty(&resource.node) || resource.is_from_helm() {
            continue;
        }
        let before = resource.id(cx.schemas);
        resource.store_id(cx.schemas);
        if let Err(why) = set_in(&mut resource.node, &before, namespace, specs, subjects, unset_only) {
            return Err(failed(resource, "namespace", at, cx.schemas, why));
        }
        let after = resource.id(cx.schemas).key();
        counts.entry(before.key()).and_modify(|count| *count -= 1);
        let count = counts.entry(after.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let resource = &cx.resources.list[index];
            let twin = cx
                .resources
                .list
                .iter()
                .enumerate()
                .find(|(other, r)| *other != index && r.id(cx.schemas).key() == after);
            let other = twin.map(|(_, twin)| twin.at().clone()).unwrap_or_default();
            return Err(resources::conflict(resource, &other, cx.schemas, " once the namespace is set"));
        }
    }
    Ok(())
}

/// Sets the namespace in one object.
pub(super) fn set_in(
    object: &mut Node,
    id: &Id,
    namespace: &str,
    specs: &[FieldSpec],
    subjects: Subjects,
    unset_only: bool,
) -> Result<(), String> {
    let set = |node: &mut Node| set(node, namespace, unset_only);
    let mut own: Vec<FieldSpec> = Vec::new();
    if !id.cluster_wide {
        own.push(FieldSpec::at("metadata/namespace", true));
    }
    let is_core = id.gvk.group.is_empty() && id.gvk.version == "v1";
    let is_binding = matches!(id.gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
    let applies = |spec: &&FieldSpec| {
        spec.path != "metadata/namespace"
            && (is_core || spec.path != "metadata/name")
            && !(is_binding
                && spec.path == "subjects/namespace"
                && matches!(spec.gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding"))
    };
    for spec in own.iter().chain(specs.iter().filter(applies)) {
        spec.apply(object, Some(Create::Scalar), &mut { set })?;
    }
    if is_binding { set_subjects(object, subjects, &set) } else { Ok(()) }
}

fn set(node: &mut Node, namespace: &str, unset_only: bool) -> Result<(), String> {
    match &node.value {
        Value::Map(_) | Value::Seq(_) => Err(format!("expected a namespace, found {}", node.kind_name())),
        _ if unset_only && has_text(node) => Ok(()),
        _ => {
            scalar::set(node, namespace, Tag::String);
            Ok(())
        }
    }
}

/// A null that was to become a text is one.
fn has_text(node: &Node) -> bool {
    (scalar::is_scalar(node) || scalar::is_untyped(node)) && !scalar::text(node).is_empty()
}

fn set_subjects(
    object: &mut Node,
    subjects: Subjects,
    set: &impl Fn(&mut Node) -> Result<(), String>,
) -> Result<(), String> {
    let (key, wanted) = match subjects {
        Subjects::None => return Ok(()),
        Subjects::Default => ("name", "default"),
        Subjects::AllServiceAccounts => ("kind", "ServiceAccount"),
    };
    let Some(list) = object.get_mut("subjects").filter(|node| !node.is_null()) else { return Ok(()) };
    let kind = list.kind_name();
    let items = list.as_seq_mut().ok_or_else(|| format!("field 'subjects': expected a list, found {kind}"))?;
    for subject in items {
        let chosen = subject.get(key).is_some_and(|value| scalar::is_scalar(value) && scalar::text(value) == wanted);
        if !chosen {
            continue;
        }
        let fields = subject.ensure_map(&[]);
        if fields.get("namespace").is_none() {
            fields.insert("namespace", scalar::plain_string(""));
        }
        if let Some(node) = fields.get_mut("namespace") {
            set(node).map_err(|why| format!("field 'subjects': {why}"))?;
        }
    }
    Ok(())
}
