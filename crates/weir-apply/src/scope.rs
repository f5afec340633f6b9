//! Objects of cluster-wide kinds have no namespace, whatever the manifest says: kustomize gives one to
//! all of a kind that it does not know.

use weir_kube::{Resource, Session};
use weir_object::ObjectRef;

/// The object's identity on the cluster.
pub(crate) fn scope(object: &mut ObjectRef, resource: &Resource) {
    if !resource.namespaced {
        object.id.namespace.clear();
    }
}

/// The same objects by their identity on the cluster, so that one is not taken for two. A kind that is not served keeps
/// what it has.
pub async fn scoped(session: &Session, objects: impl IntoIterator<Item = ObjectRef>) -> Vec<ObjectRef> {
    let mut scoped = Vec::new();
    for mut object in objects {
        if !object.id.namespace.is_empty()
            && let Ok(resource) = session.resource(&object).await
        {
            scope(&mut object, &resource);
        }
        scoped.push(object);
    }
    scoped
}
