//! ReplicaSets (and replication controllers): as many pods as wanted.

use super::pods::{self, Name, count, is_ready, place};
use super::writer;
use crate::cluster::State;
use crate::store::Object;
use weir_doc::Node;

pub(super) fn sync(state: &mut State, set: &Object) {
    let key = if set.node.get("apiVersion").and_then(Node::as_str) == Some("v1") {
        "replicationcontrollers"
    } else {
        "replicasets.apps"
    };
    let Some(at) = place(state, set, key) else { return };
    let wanted = usize::try_from(count(&set.node, &["spec", "replicas"])).unwrap_or(0);
    let mut active = pods::active(state, set);
    let template = set.node.path(&["spec", "template"]).cloned().unwrap_or_default();
    for _ in active.len()..wanted {
        let prefix = format!("{}-", set.name());
        let pod = pods::from_template(set, &template, Name::Generate(&prefix));
        active.extend(writer::create(state, "pods", pod));
    }
    // Pods that are not ready go first.
    active.sort_by_key(|pod| (!is_ready(pod), pod.name().to_owned()));
    while active.len() > wanted {
        if let Some(pod) = active.pop() {
            pods::delete_pod(state, &pod);
        }
    }
    let ready = active.iter().filter(|pod| is_ready(pod)).count() as i64;
    let replicas = active.len() as i64;
    let mut always = vec![("replicas", replicas)];
    if key == "replicasets.apps" {
        always.push(("terminatingReplicas", 0));
    }
    let generation = count(&set.node, &["metadata", "generation"]);
    pods::put_status(
        state,
        &at,
        &always,
        &[
            ("fullyLabeledReplicas", replicas),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
            ("observedGeneration", generation),
        ],
        Vec::new(),
    );
}
