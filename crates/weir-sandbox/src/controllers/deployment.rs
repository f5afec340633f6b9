//! Deployments: one ReplicaSet a template; the newest has the pods.

use super::pods::{self, HASH_LABEL, count, place, set_condition, template_hash, text};
use super::writer;
use crate::cluster::State;
use crate::store::{Object, Ref};
use std::sync::Arc;
use weir_doc::{Map, Node};

const REVISION: &str = "deployment.kubernetes.io/revision";
const SETS: &str = "replicasets.apps";

pub(super) fn sync(state: &mut State, deployment: &Object) {
    let Some(at) = place(state, deployment, "deployments.apps") else { return };
    let template = deployment.node.path(&["spec", "template"]).cloned().unwrap_or_default();
    let hash = template_hash(&template);
    let sets = pods::controlled(state, deployment, SETS);
    let paused = deployment.node.path(&["spec", "paused"]).and_then(Node::as_bool) == Some(true);
    let mut current = sets.iter().find(|set| text(&set.node, &["metadata", "labels", HASH_LABEL]) == hash).cloned();
    let last = sets.iter().map(|set| revision(set)).max().unwrap_or(0);
    let wanted = count(&deployment.node, &["spec", "replicas"]);
    if !paused {
        current = match current {
            None => create_set(state, deployment, &template, &hash, last + 1),
            // A template from before becomes the newest again.
            Some(set) if revision(&set) < last => set_at(state, &set, |node| annotate(node, last + 1)),
            Some(set) => Some(set),
        };
    }
    let Some(current) = current else { return };
    let set_revision = revision(&current).to_string();
    if text(&deployment.node, &["metadata", "annotations", REVISION]) != set_revision {
        writer::update(state, &at, "status", |node| {
            drop(node.ensure_map(&["metadata", "annotations"]).insert(REVISION, set_revision))
        });
    }
    let others: Vec<Arc<Object>> = sets.into_iter().filter(|set| set.uid() != current.uid()).collect();
    if count(&current.node, &["spec", "replicas"]) != wanted {
        set_at(state, &current, |node| drop(node.ensure_map(&["spec"]).insert("replicas", wanted)));
    }
    let current = place(state, &current, SETS).and_then(|at| state.store.at(&at).cloned()).unwrap_or(current);
    let ready = count(&current.node, &["status", "readyReplicas"]);
    let recreate = text(&deployment.node, &["spec", "strategy", "type"]) == "Recreate";
    // The old pods stay until the new ones are ready: a broken rollout takes nothing away.
    if recreate || ready >= wanted || paused {
        for set in others.iter().filter(|set| count(&set.node, &["spec", "replicas"]) != 0 && !paused) {
            set_at(state, set, |node| drop(node.ensure_map(&["spec"]).insert("replicas", 0)));
        }
    }
    trim(state, deployment, &others);
    status(state, &at, &current, &others, wanted);
}

fn revision(set: &Object) -> i64 {
    text(&set.node, &["metadata", "annotations", REVISION]).parse().unwrap_or(0)
}

fn annotate(node: &mut Node, revision: i64) {
    node.ensure_map(&["metadata", "annotations"]).insert(REVISION, revision.to_string());
}

fn set_at(state: &mut State, set: &Object, change: impl FnOnce(&mut Node)) -> Option<Arc<Object>> {
    let at = place(state, set, SETS)?;
    writer::update(state, &at, "", change)
}

fn create_set(
    state: &mut State,
    deployment: &Object,
    template: &Node,
    hash: &str,
    revision: i64,
) -> Option<Arc<Object>> {
    let mut set = Node::map();
    let meta = set.ensure_map(&["metadata"]);
    meta.insert("name", format!("{}-{hash}", deployment.name()));
    meta.insert("namespace", deployment.namespace());
    meta.insert("ownerReferences", vec![pods::owner_reference(deployment)]);
    let mut annotations =
        deployment.node.path(&["metadata", "annotations"]).and_then(Node::as_map).cloned().unwrap_or_default();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    let replicas = count(&deployment.node, &["spec", "replicas"]);
    annotations.insert("deployment.kubernetes.io/desired-replicas", replicas.to_string());
    meta.insert("annotations", annotations);
    annotate(&mut set, revision);
    let mut template = template.clone();
    template.ensure_map(&["metadata", "labels"]).insert(HASH_LABEL, hash);
    let labels = template.path(&["metadata", "labels"]).cloned().unwrap_or_default();
    set.ensure_map(&["metadata"]).insert("labels", labels);
    let mut selector = deployment.node.path(&["spec", "selector"]).cloned().unwrap_or_default();
    selector.ensure_map(&["matchLabels"]).insert(HASH_LABEL, hash);
    let spec = set.ensure_map(&["spec"]);
    spec.insert("replicas", replicas);
    spec.insert("selector", selector);
    spec.insert("template", template);
    writer::create(state, SETS, set)
}

/// Old ReplicaSets beyond the history limit go.
fn trim(state: &mut State, deployment: &Object, others: &[Arc<Object>]) {
    let limit = usize::try_from(count(&deployment.node, &["spec", "revisionHistoryLimit"])).unwrap_or(0);
    let mut idle: Vec<&Arc<Object>> = others
        .iter()
        .filter(|set| count(&set.node, &["spec", "replicas"]) == 0 && count(&set.node, &["status", "replicas"]) == 0)
        .collect();
    idle.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    for set in idle.into_iter().skip(limit) {
        if let Some(at) = place(state, set, SETS) {
            writer::delete(state, &at, "Background");
        }
    }
}

fn status(state: &mut State, at: &Ref, current: &Object, others: &[Arc<Object>], wanted: i64) {
    let Some(deployment) = state.store.at(at).cloned() else { return };
    let others: Vec<Arc<Object>> =
        others.iter().filter_map(|set| place(state, set, SETS)).filter_map(|at| state.store.at(&at).cloned()).collect();
    let of = |set: &Object, key: &str| count(&set.node, &["status", key]);
    let sum = |key: &str| of(current, key) + others.iter().map(|set| of(set, key)).sum::<i64>();
    let (replicas, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = of(current, "replicas");
    let done = updated == wanted && replicas == wanted && available == wanted;
    let old = |kind: &str| pods::condition(&deployment.node, kind);
    let set = current.name();
    let unavailable = max_unavailable(&deployment.node, wanted);
    let available_condition = if available >= wanted - unavailable {
        set_condition(
            old("Available"),
            "Available",
            true,
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            true,
        )
    } else {
        set_condition(
            old("Available"),
            "Available",
            false,
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            true,
        )
    };
    let progress = if done {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        set_condition(old("Progressing"), "Progressing", true, "NewReplicaSetAvailable", &message, true)
    } else {
        let message = format!("ReplicaSet \"{set}\" is progressing.");
        set_condition(old("Progressing"), "Progressing", true, "ReplicaSetUpdated", &message, true)
    };
    let generation = count(&deployment.node, &["metadata", "generation"]);
    pods::put_status(
        state,
        at,
        &[("observedGeneration", generation)],
        &[
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", (wanted - available).max(0)),
        ],
        vec![("conditions", Node::from(vec![available_condition, progress])), ("terminatingReplicas", Node::from(0))],
    );
}

/// How many may be missing: a number, or a percentage rounded down.
fn max_unavailable(deployment: &Node, wanted: i64) -> i64 {
    if text(deployment, &["spec", "strategy", "type"]) == "Recreate" {
        return 0;
    }
    let empty = Map::new();
    let rolling = deployment.path(&["spec", "strategy", "rollingUpdate"]).and_then(Node::as_map).unwrap_or(&empty);
    let of = |key: &str, up: bool| match rolling.get(key) {
        Some(node) => match node.as_str().and_then(|text| text.strip_suffix('%')).and_then(|n| n.parse::<i64>().ok()) {
            Some(percent) if up => (wanted * percent + 99) / 100,
            Some(percent) => wanted * percent / 100,
            None => node.as_i64().unwrap_or(0),
        },
        None => 0,
    };
    let (unavailable, surge) = (of("maxUnavailable", false), of("maxSurge", true));
    // Both zero would never move.
    if unavailable == 0 && surge == 0 { 1 } else { unavailable }
}
