//! StatefulSets: pods with names that stay, and their claims.

use super::pods::{self, Name, count, is_ready, place, template_hash, text};
use super::writer;
use crate::cluster::State;
use crate::store::{Object, Ref};
use weir_doc::Node;

const REVISION_LABEL: &str = "controller-revision-hash";

pub(super) fn sync(state: &mut State, set: &Object) {
    let Some(at) = place(state, set, "statefulsets.apps") else { return };
    let wanted = count(&set.node, &["spec", "replicas"]);
    let first = count(&set.node, &["spec", "ordinals", "start"]);
    let template = set.node.path(&["spec", "template"]).cloned().unwrap_or_default();
    let hash = format!("{}-{}", set.name(), template_hash(&template));
    let parallel = text(&set.node, &["spec", "podManagementPolicy"]) == "Parallel";
    let on_delete = text(&set.node, &["spec", "updateStrategy", "type"]) == "OnDelete";
    let partition = count(&set.node, &["spec", "updateStrategy", "rollingUpdate", "partition"]);
    let name_of = |ordinal: i64| format!("{}-{ordinal}", set.name());
    let pod_at =
        |name: &str| Ref { resource: "pods".into(), namespace: set.namespace().to_owned(), name: name.to_owned() };
    for ordinal in first..first + wanted {
        let name = name_of(ordinal);
        match state.store.at(&pod_at(&name)).cloned() {
            None => {
                claims(state, set, &name);
                create(state, set, &template, &hash, &name, ordinal);
            }
            Some(pod) if pods::is_finished(&pod) => pods::delete_pod(state, &pod),
            Some(pod)
                if text(&pod.node, &["metadata", "labels", REVISION_LABEL]) != hash
                    && !on_delete
                    && ordinal >= partition =>
            {
                // It comes back with the new template when its end is heard of.
                pods::delete_pod(state, &pod);
            }
            Some(_) => {}
        }
        let ready = state.store.at(&pod_at(&name)).is_some_and(|pod| is_ready(pod));
        if !parallel && !ready {
            break;
        }
    }
    for pod in pods::controlled(state, set, "pods") {
        let ordinal = pod.name().strip_prefix(&format!("{}-", set.name())).and_then(|text| text.parse::<i64>().ok());
        if ordinal.is_none_or(|ordinal| !(first..first + wanted).contains(&ordinal)) {
            pods::delete_pod(state, &pod);
        }
    }
    status(state, &at, set, &hash);
}

fn create(state: &mut State, set: &Object, template: &Node, hash: &str, name: &str, ordinal: i64) {
    let mut pod = pods::from_template(set, template, Name::Exact(name));
    let labels = pod.ensure_map(&["metadata", "labels"]);
    labels.insert("apps.kubernetes.io/pod-index", ordinal.to_string());
    labels.insert(REVISION_LABEL, hash);
    labels.insert("statefulset.kubernetes.io/pod-name", name);
    let spec = pod.ensure_map(&["spec"]);
    spec.insert("hostname", name);
    if let Some(service) = set.node.path(&["spec", "serviceName"]) {
        spec.insert("subdomain", service.clone());
    }
    let mut volumes = spec.get("volumes").and_then(Node::as_seq).cloned().unwrap_or_default();
    for claim in set.node.path(&["spec", "volumeClaimTemplates"]).and_then(Node::as_seq).into_iter().flatten() {
        let volume = text(claim, &["metadata", "name"]);
        let mut node = Node::map();
        node.set("name", volume);
        node.ensure_map(&["persistentVolumeClaim"]).insert("claimName", format!("{volume}-{name}"));
        volumes.push(node);
    }
    if !volumes.is_empty() {
        spec.insert("volumes", volumes);
    }
    writer::create(state, "pods", pod);
}

fn claims(state: &mut State, set: &Object, pod: &str) {
    for template in set.node.path(&["spec", "volumeClaimTemplates"]).and_then(Node::as_seq).into_iter().flatten() {
        let name = format!("{}-{pod}", text(template, &["metadata", "name"]));
        if state.store.get("persistentvolumeclaims", set.namespace(), &name).is_some() {
            continue;
        }
        let mut claim = template.clone();
        claim.remove("status");
        let labels = set.node.path(&["spec", "selector", "matchLabels"]).cloned();
        let meta = claim.ensure_map(&["metadata"]);
        meta.insert("name", name);
        meta.insert("namespace", set.namespace());
        if let Some(labels) = labels {
            meta.insert("labels", labels);
        }
        writer::create(state, "persistentvolumeclaims", claim);
    }
}

fn status(state: &mut State, at: &Ref, set: &Object, hash: &str) {
    let pods = pods::active(state, set);
    let ready = pods.iter().filter(|pod| is_ready(pod)).count() as i64;
    let updated =
        pods.iter().filter(|pod| text(&pod.node, &["metadata", "labels", REVISION_LABEL]) == hash).count() as i64;
    let replicas = pods.len() as i64;
    let done = updated == replicas && updated == count(&set.node, &["spec", "replicas"]);
    let known = text(&set.node, &["status", "currentRevision"]);
    let current = if done || known.is_empty() { hash } else { known };
    let generation = count(&set.node, &["metadata", "generation"]);
    pods::put_status(
        state,
        at,
        &[
            ("observedGeneration", generation),
            ("replicas", replicas),
            ("availableReplicas", ready),
            ("collisionCount", 0),
        ],
        &[
            ("readyReplicas", ready),
            ("currentReplicas", if done { updated } else { replicas - updated }),
            ("updatedReplicas", updated),
        ],
        vec![("currentRevision", Node::string(current)), ("updateRevision", Node::string(hash))],
    );
}
