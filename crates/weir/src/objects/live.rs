//! A Kustomization as the cluster has it.

use super::kind::KUSTOMIZATION;
use crate::error::CliError;
use weir_api::{FluxKind, Kustomization, names};
use weir_doc::{Node, to_value};
use weir_object::{ObjectId, ObjectRef, meta};

pub(super) fn read(node: &Node) -> Result<Kustomization, CliError> {
    serde_json::from_value(to_value(node)).map_err(|error| {
        let (namespace, name) = (meta::namespace(node).unwrap_or_default(), meta::name(node).unwrap_or_default());
        CliError::new(format!("Kustomization/{namespace}/{name} cannot be read: {error}"))
    })
}

pub(super) fn id(object: &Kustomization) -> ObjectId {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    KUSTOMIZATION.object(&text(&object.metadata.namespace), &text(&object.metadata.name)).id
}

pub(super) fn is_kustomization(id: &ObjectId) -> bool {
    id.group == Kustomization::INFO.group && id.kind == Kustomization::INFO.kind
}

/// `KIND/NAMESPACE/NAME` of its source.
pub(super) fn source(object: &Kustomization) -> String {
    let Some(source) = &object.spec.source_ref else { return "no source".to_owned() };
    let own = object.metadata.namespace.as_deref();
    let namespace = source.namespace.as_deref().or(own).unwrap_or_default();
    format!("{}/{namespace}/{}", source.kind.as_str(), source.name)
}

pub(super) fn source_ref(object: &Kustomization) -> Option<ObjectRef> {
    let source = object.spec.source_ref.as_ref()?;
    let default = format!("{}/v1", names::SOURCE_GROUP);
    let api_version = source.api_version.as_deref().filter(|text| !text.is_empty()).unwrap_or(&default);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let own = object.metadata.namespace.as_deref();
    let id = ObjectId {
        group: group.to_owned(),
        kind: source.kind.as_str().to_owned(),
        namespace: source.namespace.as_deref().or(own).unwrap_or_default().to_owned(),
        name: source.name.clone(),
    };
    Some(ObjectRef { id, version: version.to_owned() })
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
