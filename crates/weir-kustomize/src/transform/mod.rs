//! The transformers, in the order in which a kustomization runs them.

mod images;
mod json_patch;
mod metadata;
mod names;
mod namespace;
mod patches;
pub(crate) mod references;
mod replicas;
pub(crate) mod sort;
mod value_add;
pub(crate) mod vars;

pub(crate) use images::{set_image, split as split_image};
pub(crate) use metadata::{add_annotations, add_label, add_labels};
pub(crate) use names::{add_prefix, add_suffix};
pub(crate) use namespace::{Subjects, set_namespace};
pub(crate) use patches::{apply_patch, json_patches, strategic_patches};
pub(crate) use replicas::set_replicas;
pub(crate) use value_add::{ValueAdd, add_value};

use crate::KustomizeError;
use crate::generate::content_hash;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::schema::Schemas;
use weir_base::{Budget, Origin};

/// What a transformer works on and with.
pub(crate) struct Context<'c> {
    pub resources: &'c mut Resources,
    pub schemas: &'c Schemas,
    pub budget: &'c Budget,
}

/// Appends the hash of its content to the name of a generated object.
pub(crate) fn add_hash(resource: &mut Resource, schemas: &Schemas) {
    if resource.history.needs_hash {
        let hash = content_hash(&resource.node);
        resource.store_id(schemas);
        let name = format!("{}-{hash}", resource.name());
        resource.set_name(&name);
    }
}

pub(crate) fn failed(
    resource: &Resource,
    what: &str,
    at: &Origin,
    schemas: &Schemas,
    problem: String,
) -> KustomizeError {
    KustomizeError::Apply {
        at: if at.line > 0 { at.clone() } else { resource.at().clone() },
        what: what.to_owned(),
        object: resource.id(schemas).to_string(),
        problem,
    }
}
