//! What must hold for an object of a built-in kind, as far as users of GitOps meet it.

use super::meta;
use crate::cluster::State;
use crate::crd;
use crate::request::selector::label_selector_matches;
use crate::resources::Resource;
use crate::status::Cause;
use weir_doc::{Map, Node};

pub(super) fn validate(state: &State, resource: &Resource, node: &Node) -> Vec<Cause> {
    let mut causes = enums(resource, node);
    match &*resource.key {
        "statefulsets.apps" => {
            workload(node, &mut causes);
            // Claims are volumes too.
            let claims = node.path(&["spec", "volumeClaimTemplates"]).and_then(Node::as_seq).into_iter().flatten();
            let names = claims.filter_map(|claim| claim.path(&["metadata", "name"])?.as_str());
            let names: Vec<String> = names.map(|name| format!("Not found: {name:?}")).collect();
            causes.retain(|cause| !names.contains(&cause.message));
        }
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps" => workload(node, &mut causes),
        "jobs.batch" => {
            template(node, &["spec", "template"], &mut causes);
            let policy =
                node.path(&["spec", "template", "spec", "restartPolicy"]).and_then(Node::as_str).unwrap_or_default();
            if policy == "Always" {
                let message = "Required value: valid values: \"OnFailure\", \"Never\"".to_owned();
                causes.push(Cause {
                    reason: "FieldValueRequired",
                    message,
                    field: "spec.template.spec.restartPolicy".into(),
                });
            }
        }
        "cronjobs.batch" => {
            if node.path(&["spec", "schedule"]).and_then(Node::as_str).unwrap_or_default().is_empty() {
                causes.push(Cause::required("spec.schedule", ""));
            }
            template(node, &["spec", "jobTemplate", "spec", "template"], &mut causes);
        }
        "pods" => containers(node.get("spec"), "spec", &mut causes),
        "services" => service(node, &mut causes),
        "configmaps" | "secrets" => data_keys(node, &mut causes),
        "roles.rbac.authorization.k8s.io" | "clusterroles.rbac.authorization.k8s.io" => {
            role(resource, node, &mut causes)
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            binding(resource, node, &mut causes)
        }
        "customresourcedefinitions.apiextensions.k8s.io" => causes.extend(crd::validate_definition(state, node)),
        "ingresses.networking.k8s.io" => ingress(node, &mut causes),
        _ => {}
    }
    causes
}

/// The few enums that users get wrong; others are checked by the controllers that read them.
fn enums(resource: &Resource, node: &Node) -> Vec<Cause> {
    let checks: &[(&[&str], &[&str])] = match &*resource.key {
        "services" => &[(&["spec", "type"], &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])],
        "deployments.apps" => &[(&["spec", "strategy", "type"], &["Recreate", "RollingUpdate"])],
        "cronjobs.batch" => &[(&["spec", "concurrencyPolicy"], &["Allow", "Forbid", "Replace"])],
        _ => &[],
    };
    let mut causes = Vec::new();
    for (path, allowed) in checks {
        let Some(value) = node.path(path) else { continue };
        if !allowed.contains(&value.as_str().unwrap_or_default()) {
            let allowed: Vec<String> = allowed.iter().map(|&value| value.to_owned()).collect();
            causes.push(Cause::unsupported(path.join("."), value, &allowed));
        }
    }
    causes
}

fn workload(node: &Node, causes: &mut Vec<Cause>) {
    let replicas = node.path(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or_default();
    if replicas < 0 {
        causes.push(Cause::invalid("spec.replicas", &Node::from(replicas), "must be greater than or equal to 0"));
    }
    let labels = node.path(&["spec", "template", "metadata", "labels"]);
    match node.path(&["spec", "selector"]) {
        None => {
            causes.push(Cause::required("spec.selector", ""));
            let why = "`selector` does not match template `labels`";
            causes.push(Cause::invalid("spec.template.metadata.labels", labels.unwrap_or(&Node::null()), why));
        }
        Some(selector) if selector.as_map().is_none_or(Map::is_empty) => {
            causes.push(Cause::invalid("spec.selector", selector, "empty selector is invalid for deployment"));
        }
        Some(selector) if !label_selector_matches(selector, labels) => {
            let null = Node::null();
            let why = "`selector` does not match template `labels`";
            causes.push(Cause::invalid("spec.template.metadata.labels", labels.unwrap_or(&null), why));
        }
        _ => {}
    }
    template(node, &["spec", "template"], causes);
}

fn template(node: &Node, path: &[&str], causes: &mut Vec<Cause>) {
    let spec = node.path(path).and_then(|template| template.get("spec"));
    containers(spec, &format!("{}.spec", path.join(".")), causes);
}

fn containers(spec: Option<&Node>, at: &str, causes: &mut Vec<Cause>) {
    let list = |key: &str| spec.and_then(|spec| spec.get(key)).and_then(Node::as_seq).map_or(&[][..], |list| list);
    if list("containers").is_empty() {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let volumes: Vec<&str> = list("volumes").iter().filter_map(|volume| volume.get("name")?.as_str()).collect();
    let mut names: Vec<&str> = Vec::new();
    for key in ["initContainers", "containers"] {
        for (index, container) in list(key).iter().enumerate() {
            let at = format!("{at}.{key}[{index}]");
            let text = |key: &str| container.get(key).and_then(Node::as_str).unwrap_or_default();
            let name = text("name");
            if name.is_empty() {
                causes.push(Cause::required(format!("{at}.name"), ""));
            } else if !meta::is_dns_label(name) {
                causes.push(Cause::invalid(format!("{at}.name"), &Node::string(name), meta::DNS_LABEL));
            } else if names.contains(&name) {
                let message = format!("Duplicate value: {name:?}");
                causes.push(Cause { reason: "FieldValueDuplicate", message, field: format!("{at}.name") });
            }
            names.push(name);
            if text("image").is_empty() {
                causes.push(Cause::required(format!("{at}.image"), ""));
            }
            for (index, mount) in container.get("volumeMounts").and_then(Node::as_seq).into_iter().flatten().enumerate()
            {
                let volume = mount.get("name").and_then(Node::as_str).unwrap_or_default();
                if !volumes.contains(&volume) {
                    let message = format!("Not found: {volume:?}");
                    causes.push(Cause {
                        reason: "FieldValueNotFound",
                        message,
                        field: format!("{at}.volumeMounts[{index}].name"),
                    });
                }
            }
        }
    }
}

fn service(node: &Node, causes: &mut Vec<Cause>) {
    let text = |key: &str| node.path(&["spec", key]).and_then(Node::as_str).unwrap_or_default();
    let ports = node.path(&["spec", "ports"]).and_then(Node::as_seq).map_or(&[][..], |ports| ports);
    if ports.is_empty() && text("type") != "ExternalName" && text("clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let number = port.get("port").and_then(Node::as_i64).unwrap_or_default();
        if !(1..=65_535).contains(&number) {
            let at = format!("spec.ports[{index}].port");
            causes.push(Cause::invalid(at, &Node::from(number), "must be between 1 and 65535, inclusive"));
        }
        if ports.len() > 1 && port.get("name").and_then(Node::as_str).unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("spec.ports[{index}].name"), ""));
        }
    }
}

fn data_keys(node: &Node, causes: &mut Vec<Cause>) {
    let valid = |key: &str| {
        key.len() <= 253
            && !key.is_empty()
            && key != "."
            && key != ".."
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    for list in ["data", "binaryData"] {
        for key in node.get(list).and_then(Node::as_map).into_iter().flat_map(Map::keys).filter(|key| !valid(key)) {
            let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
            causes.push(Cause::invalid(format!("{list}[{key}]"), &Node::string(key), why));
        }
    }
}

fn role(resource: &Resource, node: &Node, causes: &mut Vec<Cause>) {
    let filled = |rule: &Node, key: &str| rule.get(key).and_then(Node::as_seq).is_some_and(|list| !list.is_empty());
    for (index, rule) in node.get("rules").and_then(Node::as_seq).into_iter().flatten().enumerate() {
        if !filled(rule, "verbs") {
            causes.push(Cause::required(format!("rules[{index}].verbs"), "verbs must contain at least one value"));
        }
        if filled(rule, "nonResourceURLs") {
            if resource.namespaced {
                let urls = rule.get("nonResourceURLs").cloned().unwrap_or_default();
                let why = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(format!("rules[{index}].nonResourceURLs"), &urls, why));
            }
            continue;
        }
        if !filled(rule, "apiGroups") {
            causes.push(Cause::required(
                format!("rules[{index}].apiGroups"),
                "resource rules must supply at least one api group",
            ));
        }
        if !filled(rule, "resources") {
            causes.push(Cause::required(
                format!("rules[{index}].resources"),
                "resource rules must supply at least one resource",
            ));
        }
    }
}

fn binding(resource: &Resource, node: &Node, causes: &mut Vec<Cause>) {
    let text = |key: &str| node.path(&["roleRef", key]).and_then(Node::as_str).unwrap_or_default();
    let kinds: &[&str] = if resource.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text("kind")) {
        let allowed: Vec<String> = kinds.iter().map(|&kind| kind.to_owned()).collect();
        causes.push(Cause::unsupported("roleRef.kind", &Node::string(text("kind")), &allowed));
    }
    if text("name").is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    for (index, subject) in node.get("subjects").and_then(Node::as_seq).into_iter().flatten().enumerate() {
        let text = |key: &str| subject.get(key).and_then(Node::as_str).unwrap_or_default();
        if text("name").is_empty() {
            causes.push(Cause::required(format!("subjects[{index}].name"), ""));
        }
        if text("kind") == "ServiceAccount" && text("namespace").is_empty() && !resource.namespaced {
            causes.push(Cause::required(format!("subjects[{index}].namespace"), ""));
        }
        if !matches!(text("kind"), "ServiceAccount" | "User" | "Group") {
            let allowed = ["Group", "ServiceAccount", "User"].map(str::to_owned);
            causes.push(Cause::unsupported(format!("subjects[{index}].kind"), &Node::string(text("kind")), &allowed));
        }
    }
}

fn ingress(node: &Node, causes: &mut Vec<Cause>) {
    let spec = node.get("spec");
    let has = |key: &str| spec.and_then(|spec| spec.get(key)).is_some();
    if !has("rules") && !has("defaultBackend") {
        let why = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec", spec.unwrap_or(&Node::null()), why));
    }
    for (index, rule) in
        spec.and_then(|spec| spec.get("rules")).and_then(Node::as_seq).into_iter().flatten().enumerate()
    {
        for (path_index, path) in rule.path(&["http", "paths"]).and_then(Node::as_seq).into_iter().flatten().enumerate()
        {
            if path.get("pathType").and_then(Node::as_str).unwrap_or_default().is_empty() {
                let at = format!("spec.rules[{index}].http.paths[{path_index}].pathType");
                causes.push(Cause::required(at, "pathType must be specified"));
            }
        }
    }
}
