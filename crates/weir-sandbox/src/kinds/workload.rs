//! Deployments, sets and jobs.

use super::defaults::{each, set};
use super::pod;
use weir_doc::{Map, Node};

pub(super) fn default(key: &str, node: &mut Node) {
    match key {
        "cronjobs.batch" => {
            let spec = node.ensure_map(&["spec"]);
            set(spec, "concurrencyPolicy", "Allow");
            set(spec, "suspend", false);
            set(spec, "successfulJobsHistoryLimit", 3);
            set(spec, "failedJobsHistoryLimit", 1);
            let template = node.ensure_map(&["spec", "jobTemplate", "spec", "template", "spec"]);
            pod::default(template, false);
            return;
        }
        "jobs.batch" => job(node),
        "deployments.apps" => {
            let spec = node.ensure_map(&["spec"]);
            set(spec, "replicas", 1);
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "progressDeadlineSeconds", 600);
            let strategy = node.ensure_map(&["spec", "strategy"]);
            set(strategy, "type", "RollingUpdate");
            rolling(strategy, &[("maxUnavailable", Node::string("25%")), ("maxSurge", Node::string("25%"))]);
        }
        "statefulsets.apps" => stateful_set(node),
        "daemonsets.apps" => {
            node.ensure_map(&["metadata", "annotations"]).insert("deprecated.daemonset.template.generation", "1");
            set(node.ensure_map(&["spec"]), "revisionHistoryLimit", 10);
            let strategy = node.ensure_map(&["spec", "updateStrategy"]);
            set(strategy, "type", "RollingUpdate");
            rolling(strategy, &[("maxUnavailable", Node::from(1)), ("maxSurge", Node::from(0))]);
        }
        _ => {
            set(node.ensure_map(&["spec"]), "replicas", 1);
            if key == "replicationcontrollers" {
                let labels = node.path(&["spec", "template", "metadata", "labels"]).cloned();
                if let Some(labels) = labels {
                    set(node.ensure_map(&["spec"]), "selector", labels);
                }
            }
        }
    }
    pod::default(node.ensure_map(&["spec", "template", "spec"]), false);
}

fn rolling(strategy: &mut Map, defaults: &[(&str, Node)]) {
    if strategy.get("type").and_then(Node::as_str) == Some("RollingUpdate") {
        let rolling = strategy.entry_or_null("rollingUpdate").ensure_map(&[]);
        for (key, value) in defaults {
            set(rolling, key, value.clone());
        }
    }
}

fn stateful_set(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "podManagementPolicy", "OrderedReady");
    let retention = spec.entry_or_null("persistentVolumeClaimRetentionPolicy").ensure_map(&[]);
    set(retention, "whenDeleted", "Retain");
    set(retention, "whenScaled", "Retain");
    let strategy = node.ensure_map(&["spec", "updateStrategy"]);
    set(strategy, "type", "RollingUpdate");
    rolling(strategy, &[("partition", Node::from(0)), ("maxUnavailable", Node::from(1))]);
    for claim in each(node.path_mut(&["spec", "volumeClaimTemplates"])) {
        claim.set("apiVersion", "v1");
        claim.set("kind", "PersistentVolumeClaim");
        set(claim.ensure_map(&["spec"]), "volumeMode", "Filesystem");
        set(claim.ensure_map(&["status"]), "phase", "Pending");
    }
}

fn job(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    if !spec.contains("completions") && !spec.contains("parallelism") {
        spec.insert("completions", 1);
    }
    set(spec, "parallelism", 1);
    set(spec, "backoffLimit", 6);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    let failures = spec.contains("podFailurePolicy");
    set(spec, "podReplacementPolicy", if failures { "Failed" } else { "TerminatingOrFailed" });
}

/// A job selects its pods by labels that the server makes.
pub(super) fn prepare_job(node: &mut Node) {
    if node.path(&["spec", "manualSelector"]).and_then(Node::as_bool) != Some(true) {
        select_own_pods(node);
    }
    let labels = node.path(&["spec", "template", "metadata", "labels"]).cloned();
    if let Some(labels) = labels
        && node.path(&["metadata", "labels"]).and_then(Node::as_map).is_none_or(Map::is_empty)
    {
        node.ensure_map(&["metadata"]).insert("labels", labels);
    }
}

fn select_own_pods(node: &mut Node) {
    let text = |key: &str| node.path(&["metadata", key]).and_then(Node::as_str).unwrap_or_default().to_owned();
    let (uid, name) = (text("uid"), text("name"));
    let labels = node.ensure_map(&["spec", "template", "metadata", "labels"]);
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(key, value.as_str());
    }
    node.ensure_map(&["spec", "selector", "matchLabels"]).insert("batch.kubernetes.io/controller-uid", uid);
}
