//! The rules of the kinds that Kubernetes has built in. `None` leaves the verdict to the generic rule.

use super::{Verdict, condition};
use crate::meta;
use weir_doc::Node;

pub(super) fn assess(node: &Node) -> Option<Verdict> {
    let (group, _) = meta::group_version(node)?;
    let verdict = match (group, meta::kind(node)) {
        ("apps" | "extensions", "Deployment") => deployment(node),
        ("apps" | "extensions", "ReplicaSet") => replica_set(node),
        ("apps", "StatefulSet") => stateful_set(node),
        ("apps" | "extensions", "DaemonSet") => daemon_set(node),
        ("batch", "Job") => job(node),
        ("", "Pod") => pod(node),
        ("", "PersistentVolumeClaim") => volume_claim(node),
        ("", "Service") => service(node),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(node),
        ("policy", "PodDisruptionBudget") => Verdict::current("AllowedDisruptions has been computed."),
        ("", "Secret" | "ConfigMap") => Verdict::current("Resource is always ready"),
        ("batch", "CronJob") => Verdict::current("Resource is always ready"),
        _ => return None,
    };
    Some(verdict)
}

fn count(node: &Node, path: &[&str], default: i64) -> i64 {
    node.path(path).and_then(Node::as_i64).unwrap_or(default)
}

/// A ladder of counts: the first one that is short decides.
fn short_of(steps: &[(&str, i64, i64)]) -> Option<Verdict> {
    steps
        .iter()
        .find(|(_, have, want)| have < want)
        .map(|(label, have, want)| Verdict::in_progress(format!("{label}: {have}/{want}")))
}

fn deployment(node: &Node) -> Verdict {
    let progressing = condition(node, "Progressing");
    if progressing.as_ref().is_some_and(|c| c.reason == "ProgressDeadlineExceeded") {
        return Verdict::failed("Progress deadline exceeded");
    }
    let unlimited = i64::from(i32::MAX);
    let rolled_out = count(node, &["spec", "progressDeadlineSeconds"], unlimited) == unlimited
        || progressing.is_some_and(|c| c.is("True") && c.reason == "NewReplicaSetAvailable");
    let want = count(node, &["spec", "replicas"], 1);
    let replicas = count(node, &["status", "replicas"], 0);
    let updated = count(node, &["status", "updatedReplicas"], 0);
    let available = count(node, &["status", "availableReplicas"], 0);
    let ready = count(node, &["status", "readyReplicas"], 0);
    if let Some(verdict) = short_of(&[("Replicas", replicas, want), ("Updated", updated, want)]) {
        return verdict;
    }
    if replicas > updated {
        return Verdict::in_progress(format!("Pending termination: {}", replicas - updated));
    }
    if let Some(verdict) = short_of(&[("Available", available, updated), ("Ready", ready, want)]) {
        return verdict;
    }
    if !rolled_out {
        return Verdict::in_progress("ReplicaSet not Available");
    }
    if !condition(node, "Available").is_some_and(|c| c.is("True")) {
        return Verdict::in_progress("Deployment not Available");
    }
    Verdict::current(format!("Deployment is available. Replicas: {replicas}"))
}

fn replica_set(node: &Node) -> Verdict {
    if condition(node, "ReplicaFailure").is_some_and(|c| c.is("True")) {
        return Verdict::in_progress("Replica Failure condition. Check Pods");
    }
    let want = count(node, &["spec", "replicas"], 1);
    let replicas = count(node, &["status", "replicas"], 0);
    let labelled = count(node, &["status", "fullyLabeledReplicas"], 0);
    let available = count(node, &["status", "availableReplicas"], 0);
    let ready = count(node, &["status", "readyReplicas"], 0);
    let steps = [("Labelled", labelled, want), ("Available", available, want), ("Ready", ready, want)];
    if let Some(verdict) = short_of(&steps) {
        return verdict;
    }
    if replicas > want {
        return Verdict::in_progress(format!("Pending termination: {}", replicas - want));
    }
    Verdict::current(format!("ReplicaSet is available. Replicas: {replicas}"))
}

fn stateful_set(node: &Node) -> Verdict {
    if node.str_at(&["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Verdict::current("StatefulSet is using the ondelete update strategy");
    }
    let want = count(node, &["spec", "replicas"], 1);
    let replicas = count(node, &["status", "replicas"], 0);
    let ready = count(node, &["status", "readyReplicas"], 0);
    let current = count(node, &["status", "currentReplicas"], 0);
    let updated = count(node, &["status", "updatedReplicas"], 0);
    if let Some(verdict) = short_of(&[("Replicas", replicas, want), ("Ready", ready, want)]) {
        return verdict;
    }
    if replicas > want {
        return Verdict::in_progress(format!("Pending termination: {}", replicas - want));
    }
    let partition = node.path(&["spec", "updateStrategy", "rollingUpdate", "partition"]).and_then(Node::as_i64);
    if let Some(partition) = partition.filter(|p| *p > 0) {
        let wanted = (want - partition).max(0);
        if updated < wanted {
            return Verdict::in_progress(format!("updated: {updated}/{wanted}"));
        }
        return Verdict::current(format!("Partition rollout complete. updated: {updated}"));
    }
    if let Some(verdict) = short_of(&[("current", current, want)]) {
        return verdict;
    }
    let (now, next) = (node.str_at(&["status", "currentRevision"]), node.str_at(&["status", "updateRevision"]));
    if now != next {
        return Verdict::in_progress("Waiting for updated revision to match current");
    }
    Verdict::current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

fn daemon_set(node: &Node) -> Verdict {
    let generation = node.path(&["metadata", "generation"]).and_then(Node::as_i64);
    let observed = node.path(&["status", "observedGeneration"]).and_then(Node::as_i64);
    if generation.is_none() || observed.is_none() {
        return Verdict::in_progress("Missing .status.observedGeneration");
    }
    let Some(want) = node.path(&["status", "desiredNumberScheduled"]).and_then(Node::as_i64) else {
        return Verdict::in_progress("Missing .status.desiredNumberScheduled");
    };
    let have = |field| count(node, &["status", field], 0);
    let steps = [
        ("Current", have("currentNumberScheduled"), want),
        ("Updated", have("updatedNumberScheduled"), want),
        ("Available", have("numberAvailable"), want),
        ("Ready", have("numberReady"), want),
    ];
    short_of(&steps)
        .unwrap_or_else(|| Verdict::current(format!("All replicas scheduled as expected. Replicas: {want}")))
}

/// Flux's own rule: a job is ready when it is complete, not when it has started.
fn job(node: &Node) -> Verdict {
    if node.path(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) {
        return Verdict::current("Job is suspended");
    }
    if condition(node, "Complete").is_some_and(|c| c.is("True")) {
        let done = count(node, &["status", "succeeded"], 0);
        return Verdict::current(format!("Job Completed. succeeded: {done}"));
    }
    if let Some(failed) = condition(node, "Failed").filter(|c| c.is("True")) {
        return Verdict::failed(format!("Job Failed: {}", failed.message));
    }
    Verdict::in_progress("Job in progress")
}

fn pod(node: &Node) -> Verdict {
    let ready = condition(node, "Ready");
    match node.str_at(&["status", "phase"]).unwrap_or_default() {
        "Succeeded" => Verdict::current("Pod has completed successfully"),
        "Failed" => Verdict::current("Pod has completed, but not successfully"),
        "Running" if ready.is_some_and(|c| c.is("True")) => Verdict::current("Pod is Ready"),
        "Running" => match crashing_container(node) {
            Some(name) => Verdict::failed(format!("Containers in CrashLoop state: {name}")),
            None => Verdict::in_progress("Pod is running but is not Ready"),
        },
        _ => Verdict::in_progress("Pod is in the Pending phase"),
    }
}

fn crashing_container(node: &Node) -> Option<&str> {
    node.path(&["status", "containerStatuses"])?
        .as_seq()?
        .iter()
        .find(|c| c.str_at(&["state", "waiting", "reason"]) == Some("CrashLoopBackOff"))?
        .str_at(&["name"])
}

fn volume_claim(node: &Node) -> Verdict {
    match node.str_at(&["status", "phase"]).unwrap_or("unknown") {
        "Bound" => Verdict::current("PVC is Bound"),
        phase => Verdict::in_progress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn service(node: &Node) -> Verdict {
    let load_balancer = node.str_at(&["spec", "type"]) == Some("LoadBalancer");
    let has_address = node.str_at(&["spec", "clusterIP"]).is_some_and(|ip| !ip.is_empty());
    if load_balancer && !has_address {
        return Verdict::in_progress("ClusterIP not set. Service type: LoadBalancer");
    }
    Verdict::current("Service is ready")
}

fn definition(node: &Node) -> Verdict {
    if let Some(names) = condition(node, "NamesAccepted").filter(|c| c.is("False")) {
        return Verdict::failed(names.message);
    }
    match condition(node, "Established") {
        Some(c) if c.is("True") => Verdict::current("CRD is established"),
        Some(c) if c.is("False") && c.reason != "Installing" => Verdict::failed(c.message),
        _ => Verdict::in_progress("Install in progress"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Status, assess};

    #[test]
    fn verdicts_by_kind() {
        use Status::{Current, Failed, InProgress, Terminating};
        let available = r#"{"type":"Available","status":"True"}"#;
        let rolled = r#"{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}"#;
        let deployment = |counts: &str, conditions: &str| {
            format!(
                r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"generation":2}},"spec":{{"replicas":2,"progressDeadlineSeconds":600}},
                    "status":{{"observedGeneration":2,{counts},"conditions":[{conditions}]}}}}"#
            )
        };
        let full = r#""replicas":2,"updatedReplicas":2,"availableReplicas":2,"readyReplicas":2"#;
        let cases: Vec<(String, Status, &str)> = vec![
            (deployment(full, &format!("{available},{rolled}")), Current, "Replicas: 2"),
            (deployment(full, available), InProgress, "ReplicaSet not Available"),
            (deployment(full, rolled), InProgress, "Deployment not Available"),
            (deployment(r#""replicas":1,"updatedReplicas":1"#, rolled), InProgress, "Replicas: 1/2"),
            (deployment(r#""replicas":3,"updatedReplicas":2"#, rolled), InProgress, "Pending termination: 1"),
            (
                deployment(full, r#"{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}"#),
                Failed,
                "deadline",
            ),
            (
                r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":3},
                    "status":{"observedGeneration":2}}"#
                    .into(),
                InProgress,
                "latest observed generation is 2",
            ),
            (
                r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}"#
                    .into(),
                Terminating,
                "deletion",
            ),
            (r#"{"apiVersion":"batch/v1","kind":"Job","status":{"active":1}}"#.into(), InProgress, "in progress"),
            (
                r#"{"apiVersion":"batch/v1","kind":"Job",
                    "status":{"conditions":[{"type":"Failed","status":"True","message":"BackoffLimitExceeded"}]}}"#
                    .into(),
                Failed,
                "BackoffLimitExceeded",
            ),
            (
                r#"{"apiVersion":"example.com/v1","kind":"Thing",
                    "status":{"conditions":[{"type":"Ready","status":"False","message":"no disk"}]}}"#
                    .into(),
                InProgress,
                "no disk",
            ),
            (
                r#"{"apiVersion":"example.com/v1","kind":"Thing",
                    "status":{"conditions":[{"type":"Stalled","status":"True","message":"bad spec"}]}}"#
                    .into(),
                Failed,
                "bad spec",
            ),
            (r#"{"apiVersion":"example.com/v1","kind":"Thing","spec":{}}"#.into(), Current, "current"),
            (
                r#"{"apiVersion":"v1","kind":"Pod","status":{"phase":"Running","containerStatuses":
                    [{"name":"c","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}"#
                    .into(),
                Failed,
                "CrashLoop state: c",
            ),
            (
                r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
                    "status":{"conditions":[{"type":"Established","status":"True"}]}}"#
                    .into(),
                Current,
                "established",
            ),
        ];
        for (json, status, message) in cases {
            let verdict = assess(&weir_doc::from_json(json.as_bytes()).expect("valid"));
            assert_eq!(verdict.status, status, "{json}: {verdict:?}");
            assert!(verdict.message.contains(message), "{verdict:?}");
        }
    }
}
