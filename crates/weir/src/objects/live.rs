//! A Kustomization as the cluster has it.

use super::kind::KUSTOMIZATION;
use crate::error::CliError;
use weir_api::{FluxKind, Kustomization};
use weir_doc::{Node, to_value};
use weir_object::{ObjectId, meta};

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
