//! Objects of cluster-wide kinds have no namespace, whatever the manifest says: kustomize gives one to
//! all of a kind that it does not know.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;
use weir_doc::Node;
use weir_kube::{Resource, Session};
use weir_object::ObjectRef;

/// The object's identity on the cluster.
pub(crate) fn scope(object: &mut ObjectRef, resource: &Resource) {
    if !resource.namespaced {
        object.id.namespace.clear();
    }
}

/// The same for a manifest.
pub(crate) fn scope_node(node: &mut Node, resource: &Resource) {
    if let (false, Some(metadata)) = (resource.namespaced, node.get_mut("metadata").and_then(Node::as_map_mut)) {
        metadata.remove("namespace");
    }
}

/// The same objects by their identity on the cluster, so that one is not taken for two. A kind that is not served keeps
/// what it has.
pub async fn scoped(session: &Session, objects: impl IntoIterator<Item = ObjectRef>) -> Vec<ObjectRef> {
    let (mut kinds, mut scoped) = (Kinds::default(), Vec::new());
    for mut object in objects {
        if let Some(resource) = kinds.of(session, &object).await {
            scope(&mut object, &resource);
        }
        scoped.push(object);
    }
    scoped
}

/// The same for manifests.
pub(crate) async fn scope_all(session: &Session, nodes: &mut [Node]) {
    let mut kinds = Kinds::default();
    for node in nodes {
        let Ok(object) = ObjectRef::of(node) else { continue };
        if let Some(resource) = kinds.of(session, &object).await {
            scope_node(node, &resource);
        }
    }
}

/// Each kind is looked up once: one that is not served would be asked for again and again.
#[derive(Default)]
struct Kinds(HashMap<(String, String, String), Option<Arc<Resource>>>);

impl Kinds {
    async fn of(&mut self, session: &Session, object: &ObjectRef) -> Option<Arc<Resource>> {
        if object.id.namespace.is_empty() {
            return None;
        }
        match self.0.entry((object.id.group.clone(), object.version.clone(), object.id.kind.clone())) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(session.resource(object).await.ok()).clone(),
        }
    }
}
