//! Defaults that no schema states.

use super::{pod, workload};
use crate::crd;
use crate::resources::Resource;
use weir_doc::{Map, Node};

/// Sets a key unless it is there.
pub(super) fn set(map: &mut Map, key: &str, value: impl Into<Node>) {
    if map.get(key).is_none_or(|value| value.is_null() || value.as_str() == Some("")) {
        map.insert(key, value);
    }
}

pub(super) fn each(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_seq_mut).into_iter().flatten()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Node {
    Node::from(values.into_iter().map(Node::string).collect::<Vec<Node>>())
}

pub(crate) fn default(resource: &Resource, node: &mut Node) {
    match &*resource.key {
        "pods" => pod::default(node.ensure_map(&["spec"]), true),
        "deployments.apps"
        | "statefulsets.apps"
        | "daemonsets.apps"
        | "replicasets.apps"
        | "replicationcontrollers"
        | "jobs.batch"
        | "cronjobs.batch" => workload::default(&resource.key, node),
        "podtemplates" => pod::default(node.ensure_map(&["template", "spec"]), false),
        "services" => super::service::default(node),
        "secrets" => {
            super::string_data(node);
            set(node.ensure_map(&[]), "type", "Opaque");
        }
        "namespaces" => {
            let name = node.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default().to_owned();
            if !name.is_empty() {
                node.ensure_map(&["metadata", "labels"]).insert("kubernetes.io/metadata.name", name);
            }
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => binding(node),
        "persistentvolumeclaims" => set(node.ensure_map(&["spec"]), "volumeMode", "Filesystem"),
        "persistentvolumes" => {
            let spec = node.ensure_map(&["spec"]);
            set(spec, "persistentVolumeReclaimPolicy", "Retain");
            set(spec, "volumeMode", "Filesystem");
            pod::default_host_path(spec);
        }
        "roles.rbac.authorization.k8s.io" | "clusterroles.rbac.authorization.k8s.io" => {
            node.ensure_map(&[]).entry_or_null("rules");
        }
        "limitranges" => limits(node),
        "endpoints" => {
            for subset in each(node.get_mut("subsets")) {
                each(subset.get_mut("ports")).for_each(|port| set(port.ensure_map(&[]), "protocol", "TCP"));
            }
        }
        "endpointslices.discovery.k8s.io" => {
            for port in each(node.get_mut("ports")) {
                let port = port.ensure_map(&[]);
                set(port, "protocol", "TCP");
                set(port, "name", "");
            }
        }
        "storageclasses.storage.k8s.io" => {
            let map = node.ensure_map(&[]);
            set(map, "reclaimPolicy", "Delete");
            set(map, "volumeBindingMode", "Immediate");
        }
        "networkpolicies.networking.k8s.io" => network_policy(node),
        "horizontalpodautoscalers.autoscaling" => autoscaler(node),
        "ingressclasses.networking.k8s.io" => {
            if let Some(parameters) = node.path_mut(&["spec", "parameters"]).and_then(Node::as_map_mut) {
                set(parameters, "scope", "Cluster");
            }
        }
        "priorityclasses.scheduling.k8s.io" => set(node.ensure_map(&[]), "preemptionPolicy", "PreemptLowerPriority"),
        "mutatingwebhookconfigurations.admissionregistration.k8s.io" => webhooks(node, true),
        "validatingwebhookconfigurations.admissionregistration.k8s.io" => webhooks(node, false),
        "customresourcedefinitions.apiextensions.k8s.io" => crd::default_definition(node),
        "apiservices.apiregistration.k8s.io" => {
            if let Some(service) = node.path_mut(&["spec", "service"]).and_then(Node::as_map_mut) {
                set(service, "port", 443);
            }
        }
        _ => {}
    }
}

fn binding(node: &mut Node) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    set(node.ensure_map(&["roleRef"]), "apiGroup", GROUP);
    for subject in each(node.get_mut("subjects")) {
        if matches!(subject.get("kind").and_then(Node::as_str), Some("User" | "Group")) {
            set(subject.ensure_map(&[]), "apiGroup", GROUP);
        }
    }
}

fn network_policy(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    if !spec.contains("policyTypes") {
        let egress = spec.get("egress").and_then(Node::as_seq).is_some_and(|rules| !rules.is_empty());
        spec.insert("policyTypes", texts(if egress { vec!["Ingress", "Egress"] } else { vec!["Ingress"] }));
    }
    for (rules, _) in [("ingress", "from"), ("egress", "to")] {
        for rule in each(spec.get_mut(rules)) {
            for port in each(rule.get_mut("ports")) {
                set(port.ensure_map(&[]), "protocol", "TCP");
            }
        }
    }
}

/// Limits of containers follow from each other.
fn limits(node: &mut Node) {
    for limit in each(node.path_mut(&["spec", "limits"])) {
        if limit.get("type").and_then(Node::as_str) != Some("Container") {
            continue;
        }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            let source = limit.get(from).and_then(Node::as_map).cloned().unwrap_or_default();
            for (key, value) in source {
                let target = limit.ensure_map(&[to]);
                if !target.contains(key.as_str()) {
                    target.insert(key, value);
                }
            }
        }
    }
}

fn autoscaler(node: &mut Node) {
    let v1 = node.get("apiVersion").and_then(Node::as_str) == Some("autoscaling/v1");
    if !v1 {
        node.ensure_map(&["status"]).entry_or_null("currentMetrics");
    }
    let spec = node.ensure_map(&["spec"]);
    set(spec, "minReplicas", 1);
    if !v1 && spec.get("metrics").and_then(Node::as_seq).is_none_or(Vec::is_empty) {
        let mut metric = Node::map();
        metric.set("type", "Resource");
        metric.ensure_map(&["resource"]).insert("name", "cpu");
        let target = metric.ensure_map(&["resource", "target"]);
        target.insert("type", "Utilization");
        target.insert("averageUtilization", 80);
        spec.insert("metrics", vec![metric]);
    }
}

fn webhooks(node: &mut Node, mutating: bool) {
    for hook in each(node.get_mut("webhooks")) {
        let map = hook.ensure_map(&[]);
        set(map, "failurePolicy", "Fail");
        set(map, "matchPolicy", "Equivalent");
        set(map, "namespaceSelector", Node::map());
        set(map, "objectSelector", Node::map());
        set(map, "timeoutSeconds", 10);
        if mutating {
            set(map, "reinvocationPolicy", "Never");
        }
        if let Some(service) = hook.path_mut(&["clientConfig", "service"]).and_then(Node::as_map_mut) {
            set(service, "port", 443);
        }
        for rule in each(hook.get_mut("rules")) {
            set(rule.ensure_map(&[]), "scope", "*");
        }
    }
}
