//! A Kustomization as the cluster has it.

use super::kind::KUSTOMIZATION;
use crate::error::CliError;
use weir_api::{FluxKind, Kustomization};
use weir_doc::{Node, to_value};
use weir_object::{ObjectId, ObjectRef, meta};

pub(super) fn read(node: &Node) -> Result<Kustomization, CliError> {
    serde_json::from_value(to_value(node)).map_err(|error| {
        let (namespace, name) = (meta::namespace(node).unwrap_or_default(), meta::name(node).unwrap_or_default());
        CliError::new(format!("Kustomization/{namespace}/{name} cannot be read: {error}"))
    })
}

pub(super) fn reference(object: &Kustomization) -> ObjectRef {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    KUSTOMIZATION.object(&text(&object.metadata.namespace), &text(&object.metadata.name))
}

pub(super) fn id(object: &Kustomization) -> ObjectId {
    reference(object).id
}

pub(super) fn is_kustomization(id: &ObjectId) -> bool {
    id.group == Kustomization::INFO.group && id.kind == Kustomization::INFO.kind
}

/// `KIND/NAMESPACE/NAME` of its source.
pub(super) fn source(object: &Kustomization) -> String {
    source_ref(object).map_or_else(|| "no source".to_owned(), |source| source.to_string())
}

pub(super) fn source_ref(object: &Kustomization) -> Option<ObjectRef> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.source_ref.as_ref().map(|source| weir_kustomization::source_ref(source, namespace))
}

/// The objects that it has applied, in the order of its inventory.
pub(super) fn inventory(object: &Kustomization) -> Result<Vec<ObjectRef>, CliError> {
    let entries = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    let entries = entries.iter().flat_map(|held| &held.entries);
    let parsed = entries.map(|entry| {
        let id = ObjectId::parse_inventory_id(&entry.id)
            .map_err(|error| CliError::new(format!("{}: status.inventory: {error}", self::id(object))))?;
        Ok(ObjectRef { id, version: entry.v.clone() })
    });
    parsed.collect()
}
