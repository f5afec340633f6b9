//! Objects as the cluster has them, most of all Kustomizations.

use super::kind::KUSTOMIZATION;
use crate::error::CliError;
use weir_api::{FluxKind, Kustomization};
use weir_doc::{Node, to_value};
use weir_object::{ObjectId, ObjectRef, meta};

/// An object of a kind of Flux.
pub fn read<T: serde::de::DeserializeOwned>(node: &Node) -> Result<T, CliError> {
    serde_json::from_value(to_value(node))
        .map_err(|error| CliError::new(format!("{} cannot be read: {error}", id_of(node))))
}

/// What an object is called, as far as it says so.
pub fn id_of(node: &Node) -> ObjectId {
    let (group, _) = meta::group_version(node).unwrap_or_default();
    ObjectId {
        group: group.to_owned(),
        kind: meta::kind(node).to_owned(),
        namespace: meta::namespace(node).unwrap_or_default().to_owned(),
        name: meta::name(node).unwrap_or_default().to_owned(),
    }
}

pub fn reference(object: &Kustomization) -> ObjectRef {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    KUSTOMIZATION.object(&text(&object.metadata.namespace), &text(&object.metadata.name))
}

pub fn id(object: &Kustomization) -> ObjectId {
    reference(object).id
}

pub fn is_kustomization(id: &ObjectId) -> bool {
    id.group == Kustomization::INFO.group && id.kind == Kustomization::INFO.kind
}

/// `KIND/NAMESPACE/NAME` of its source.
pub fn source(object: &Kustomization) -> String {
    source_ref(object).map_or_else(|| "no source".to_owned(), |source| source.to_string())
}

pub fn source_ref(object: &Kustomization) -> Option<ObjectRef> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    object.spec.source_ref.as_ref().map(|source| weir_kustomization::source_ref(source, namespace))
}

/// The objects that it has applied, in the order of its inventory; an error for each entry that cannot be read.
pub fn entries(object: &Kustomization) -> impl Iterator<Item = Result<ObjectRef, CliError>> {
    let entries = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    entries.into_iter().flat_map(|held| &held.entries).map(|entry| {
        let id = ObjectId::parse_inventory_id(&entry.id)
            .map_err(|error| CliError::new(format!("{}: status.inventory: {error}", self::id(object))))?;
        Ok(ObjectRef { id, version: entry.v.clone() })
    })
}

/// The same, all of them or none.
pub fn inventory(object: &Kustomization) -> Result<Vec<ObjectRef>, CliError> {
    entries(object).collect()
}
