//! Namespaces: what a new one gets, and how one ends.

use super::writer;
use crate::bootstrap;
use crate::clock;
use crate::cluster::{Cluster, State};
use crate::kinds;
use crate::store::{Change, ChangeKind, Ref};
use weir_doc::{Map, Node};

pub(super) fn react(cluster: &Cluster, change: &Change) {
    let mut state = cluster.lock();
    match (&*change.at.resource, change.kind) {
        ("namespaces", ChangeKind::Added) => bootstrap::namespace_content(&mut state, &change.at.name, &cluster.ca_pem),
        ("namespaces", ChangeKind::Modified) => end(&mut state, &change.at.name),
        ("customresourcedefinitions.apiextensions.k8s.io", ChangeKind::Modified) => {
            end_definition(&mut state, &change.at)
        }
        ("serviceaccounts" | "configmaps", ChangeKind::Deleted) if !change.at.namespace.is_empty() => {
            let alive = state.store.get("namespaces", "", &change.at.namespace).is_some_and(|ns| !ns.is_terminating());
            if alive && matches!(change.at.name.as_str(), "default" | "kube-root-ca.crt") {
                bootstrap::namespace_content(&mut state, &change.at.namespace, &cluster.ca_pem);
            }
            end(&mut state, &change.at.namespace);
        }
        (key, ChangeKind::Deleted) => {
            if !change.at.namespace.is_empty() {
                end(&mut state, &change.at.namespace);
            }
            let definition = Ref {
                resource: "customresourcedefinitions.apiextensions.k8s.io".into(),
                namespace: String::new(),
                name: key.to_owned(),
            };
            end_definition(&mut state, &definition);
        }
        _ => {}
    }
}

/// Brings a namespace that is being deleted one step further.
fn end(state: &mut State, name: &str) {
    let at = Ref { resource: "namespaces".into(), namespace: String::new(), name: name.to_owned() };
    let Some(namespace) = state.store.at(&at).filter(|namespace| namespace.is_terminating()).cloned() else { return };
    for dependent in state.store.in_namespace(name) {
        let waits = state.store.at(&dependent).is_none_or(|object| object.is_terminating());
        if !waits {
            writer::delete(state, &dependent, "Background");
        }
    }
    let rest = state.store.in_namespace(name);
    if rest.is_empty() {
        let listed =
            namespace.node.path(&["spec", "finalizers"]).and_then(Node::as_seq).is_some_and(|list| !list.is_empty());
        if !listed && namespace.finalizers().is_empty() {
            state.remove(&at);
            return;
        }
        if let (true, Some(resource)) = (listed, state.resource("namespaces")) {
            // Its own finalizer goes; other finalizers of the object still hold it.
            let mut node = namespace.node.clone();
            node.ensure_map(&["spec"]).remove("finalizers");
            if namespace.finalizers().is_empty() {
                state.remove(&at);
            } else {
                state.put(crate::pipeline::object_ref(&resource, &node), node);
            }
        }
        return;
    }
    let held: Vec<String> = rest
        .iter()
        .filter_map(|at| state.store.at(at))
        .flat_map(|object| object.finalizers().into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    writer::update(state, &at, "status", |node| {
        let condition = |kind: &str, on: bool, reason: &str, message: String| {
            let mut map = Map::new();
            map.insert("lastTransitionTime", clock::now());
            map.insert("message", message);
            map.insert("reason", reason);
            map.insert("status", if on { "True" } else { "False" });
            map.insert("type", kind);
            Node::from(map)
        };
        let remaining = format!("Some resources are remaining: {} objects", rest.len());
        let finalizers = format!("Some content in the namespace has finalizers remaining: {}", held.join(", "));
        let new = vec![
            condition("NamespaceContentRemaining", true, "SomeResourcesRemain", remaining),
            condition("NamespaceFinalizersRemaining", !held.is_empty(), "SomeFinalizersRemain", finalizers),
        ];
        let without_time = |node: &Node| {
            let mut list = node.as_seq().cloned().unwrap_or_default();
            list.iter_mut().for_each(|condition| drop(condition.remove("lastTransitionTime")));
            list
        };
        let status = node.ensure_map(&["status"]);
        let same =
            status.get("conditions").is_some_and(|old| without_time(old) == without_time(&Node::from(new.clone())));
        if !same {
            status.insert("conditions", new);
        }
    });
}

/// Deletes the objects of a definition that is being deleted, then lets it go.
fn end_definition(state: &mut State, at: &Ref) {
    let Some(definition) = state.store.at(at).filter(|object| object.is_terminating()).cloned() else { return };
    let key = crate::crd::resource_key(&definition.node);
    let Some(resource) = state.resource(&key) else { return };
    let objects: Vec<Ref> = state
        .store
        .list(&key, "", None)
        .map(|((namespace, name), _)| Ref {
            resource: resource.key.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
        })
        .collect();
    for object in &objects {
        if state.store.at(object).is_some_and(|object| !object.is_terminating()) {
            writer::delete(state, object, "Background");
        }
    }
    let finalizer = state.resource(&at.resource).and_then(|own| kinds::deletion_finalizer(&own));
    if let (0, Some(finalizer)) = (state.store.count(&key), finalizer) {
        writer::release(state, at, finalizer);
    }
}
