//! The rules of the kinds that Kubernetes has built in. `None` leaves the verdict to the generic rule.

use super::fields::{Condition, Unreadable, count, strict_integer, text};
use super::{Verdict, pod};
use crate::meta;
use std::time::SystemTime;
use weir_doc::Node;

pub(super) fn assess(
    node: &Node,
    group: &str,
    kind: &str,
    conditions: &[Condition<'_>],
    now: SystemTime,
) -> Result<Option<Verdict>, Unreadable> {
    Ok(Some(match (group, kind) {
        ("apps" | "extensions", "Deployment") => deployment(node, conditions),
        ("apps" | "extensions", "ReplicaSet") => replica_set(node, conditions),
        ("apps", "StatefulSet") => stateful_set(node),
        ("apps" | "extensions", "DaemonSet") => daemon_set(node)?,
        ("", "Pod") => pod::assess(node, conditions, now)?,
        ("", "PersistentVolumeClaim") => volume_claim(node),
        ("", "Service") => service(node),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(conditions),
        ("policy", "PodDisruptionBudget") => Verdict::current("AllowedDisruptions has been computed."),
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") => Verdict::current("Resource is always ready"),
        _ => return Ok(None),
    }))
}

/// A ladder of counts: the first one that is short decides.
fn short_of(steps: &[(&str, i64, i64)]) -> Option<Verdict> {
    steps
        .iter()
        .find(|(_, have, want)| have < want)
        .map(|(label, have, want)| Verdict::in_progress(format!("{label}: {have}/{want}")))
}

/// Old pods are still there, or too many.
fn surplus(have: i64, want: i64) -> Option<Verdict> {
    (have > want).then(|| Verdict::in_progress(format!("Pending termination: {}", have - want)))
}

fn deployment(node: &Node, conditions: &[Condition<'_>]) -> Verdict {
    // Without a deadline its controller sets no `Progressing` condition.
    let unlimited = i64::from(i32::MAX);
    let mut rolled_out = count(node, &["spec", "progressDeadlineSeconds"], unlimited) == unlimited;
    for condition in conditions.iter().filter(|c| c.kind == "Progressing") {
        if condition.reason == "ProgressDeadlineExceeded" {
            return Verdict::failed("Progress deadline exceeded");
        }
        rolled_out |= condition.status == "True" && condition.reason == "NewReplicaSetAvailable";
    }
    let want = count(node, &["spec", "replicas"], 1);
    let have = |field| count(node, &["status", field], 0);
    let (replicas, updated, available) = (have("replicas"), have("updatedReplicas"), have("availableReplicas"));
    let verdict = short_of(&[("Replicas", replicas, want), ("Updated", updated, want)])
        .or_else(|| surplus(replicas, want))
        .or_else(|| short_of(&[("Available", available, updated), ("Ready", have("readyReplicas"), want)]));
    if let Some(verdict) = verdict {
        return verdict;
    }
    if !rolled_out {
        return Verdict::in_progress("ReplicaSet not Available");
    }
    if !conditions.iter().any(|c| c.is("Available", "True")) {
        return Verdict::in_progress("Deployment not Available");
    }
    Verdict::current(format!("Deployment is available. Replicas: {replicas}"))
}

fn replica_set(node: &Node, conditions: &[Condition<'_>]) -> Verdict {
    if conditions.iter().any(|c| c.is("ReplicaFailure", "True")) {
        return Verdict::in_progress("Replica Failure condition. Check Pods");
    }
    let want = count(node, &["spec", "replicas"], 1);
    let have = |field| count(node, &["status", field], 0);
    let replicas = have("replicas");
    short_of(&[
        ("Labelled", have("fullyLabeledReplicas"), want),
        ("Available", have("availableReplicas"), want),
        ("Ready", have("readyReplicas"), want),
    ])
    .or_else(|| surplus(replicas, want))
    .unwrap_or_else(|| Verdict::current(format!("ReplicaSet is available. Replicas: {replicas}")))
}

fn stateful_set(node: &Node) -> Verdict {
    if text(node, &["spec", "updateStrategy", "type"], "") == "OnDelete" {
        return Verdict::current("StatefulSet is using the ondelete update strategy");
    }
    let want = count(node, &["spec", "replicas"], 1);
    let have = |field| count(node, &["status", field], 0);
    let replicas = have("replicas");
    let verdict = short_of(&[("Replicas", replicas, want), ("Ready", have("readyReplicas"), want)])
        .or_else(|| surplus(replicas, want));
    if let Some(verdict) = verdict {
        return verdict;
    }
    // The server defaults it to 0, so this is the usual way; -1 stands for no partition, as in the original.
    let partition = count(node, &["spec", "updateStrategy", "rollingUpdate", "partition"], -1);
    if partition != -1 {
        let updated = have("updatedReplicas");
        return short_of(&[("updated", updated, want.saturating_sub(partition))])
            .unwrap_or_else(|| Verdict::current(format!("Partition rollout complete. updated: {updated}")));
    }
    if let Some(verdict) = short_of(&[("current", have("currentReplicas"), want)]) {
        return verdict;
    }
    let revision = |field| text(node, &["status", field], "");
    if revision("currentRevision") != revision("updateRevision") {
        return Verdict::in_progress("Waiting for updated revision to match current");
    }
    Verdict::current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

fn daemon_set(node: &Node) -> Result<Verdict, Unreadable> {
    // Its controller always sets both, so it has not seen the object yet where they are missing.
    for (path, field) in [(["metadata", "generation"], "metadata"), (["status", "observedGeneration"], "status")] {
        if strict_integer(node, &path)?.is_none() {
            return Ok(Verdict::in_progress(format!("{} {field}.{} not found", meta::kind(node), path[1])));
        }
    }
    let want = count(node, &["status", "desiredNumberScheduled"], -1);
    if want == -1 {
        return Ok(Verdict::in_progress("Missing .status.desiredNumberScheduled"));
    }
    let have = |field| count(node, &["status", field], 0);
    let steps = [
        ("Current", have("currentNumberScheduled"), want),
        ("Updated", have("updatedNumberScheduled"), want),
        ("Available", have("numberAvailable"), want),
        ("Ready", have("numberReady"), want),
    ];
    Ok(short_of(&steps)
        .unwrap_or_else(|| Verdict::current(format!("All replicas scheduled as expected. Replicas: {want}"))))
}

fn volume_claim(node: &Node) -> Verdict {
    match text(node, &["status", "phase"], "unknown") {
        "Bound" => Verdict::current("PVC is Bound"),
        phase => Verdict::in_progress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn service(node: &Node) -> Verdict {
    let is_balanced = text(node, &["spec", "type"], "") == "LoadBalancer";
    if is_balanced && text(node, &["spec", "clusterIP"], "").is_empty() {
        return Verdict::in_progress("ClusterIP not set. Service type: LoadBalancer");
    }
    Verdict::current("Service is ready")
}

fn definition(conditions: &[Condition<'_>]) -> Verdict {
    for condition in conditions {
        if condition.is("NamesAccepted", "False")
            || (condition.is("Established", "False") && condition.reason != "Installing")
        {
            return Verdict::failed(condition.message);
        }
        if condition.is("Established", "True") {
            return Verdict::current("CRD is established");
        }
    }
    Verdict::in_progress("Install in progress")
}
