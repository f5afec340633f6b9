//! What every cluster has from its first moment.

use crate::cluster::State;
use crate::pipeline::{Writing, create};
use crate::resources::bootstrap_objects;
use weir_doc::Node;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Creates what is missing of the first objects.
pub(crate) fn fill(state: &mut State, ca_pem: &str) {
    for name in NAMESPACES {
        let mut namespace = Node::map();
        namespace.ensure_map(&["metadata"]).insert("name", name);
        ensure(state, "namespaces", namespace);
        namespace_content(state, name, ca_pem);
    }
    for object in bootstrap_objects() {
        let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        if let Some(resource) = state.registry.by_kind(group, text("kind")).cloned() {
            ensure(state, &resource.key, object.clone());
        }
    }
    let mut service = Node::map();
    let meta = service.ensure_map(&["metadata"]);
    meta.insert("name", "kubernetes");
    meta.insert("namespace", "default");
    let labels = service.ensure_map(&["metadata", "labels"]);
    labels.insert("component", "apiserver");
    labels.insert("provider", "kubernetes");
    let spec = service.ensure_map(&["spec"]);
    spec.insert("clusterIP", "10.96.0.1");
    let mut port = Node::map();
    port.set("name", "https");
    port.set("port", 443);
    port.set("protocol", "TCP");
    port.set("targetPort", 6443);
    spec.insert("ports", vec![port]);
    ensure(state, "services", service);
}

/// The service account and the CA's certificate that each namespace gets.
pub(crate) fn namespace_content(state: &mut State, namespace: &str, ca_pem: &str) {
    let named = |name: &str| {
        let mut node = Node::map();
        let meta = node.ensure_map(&["metadata"]);
        meta.insert("name", name);
        meta.insert("namespace", namespace);
        node
    };
    ensure(state, "serviceaccounts", named("default"));
    let mut config = named("kube-root-ca.crt");
    config.ensure_map(&["metadata", "annotations"]).insert(
        "kubernetes.io/description",
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
    );
    config.ensure_map(&["data"]).insert("ca.crt", ca_pem);
    ensure(state, "configmaps", config);
}

fn ensure(state: &mut State, key: &str, node: Node) {
    let Some(resource) = state.resource(key) else { return };
    let at = crate::pipeline::object_ref(&resource, &node);
    let Some(version) = resource.versions.first() else { return };
    if state.store.at(&at).is_some() {
        return;
    }
    let writing = Writing {
        resource: &resource,
        version,
        subresource: "",
        user: None,
        manager: "kube-apiserver",
        dry_run: false,
    };
    if let Err(error) = create(state, &writing, node, None) {
        tracing::warn!(object = ?at, message = error.message, "a first object of the sandbox was refused");
    }
}
