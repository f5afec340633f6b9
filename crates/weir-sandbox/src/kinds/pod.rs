//! Pods and pod templates.

use super::defaults::{each, set};
use weir_doc::{Map, Node};

/// Defaults of a pod's spec. Some belong to real pods only, not to templates.
pub(super) fn default(spec: &mut Map, real: bool) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "securityContext", Node::map());
    if real {
        set(spec, "enableServiceLinks", true);
    }
    // Two names of one field: the older one is kept in step.
    let account =
        |spec: &Map, key: &str| spec.get(key).and_then(Node::as_str).filter(|name| !name.is_empty()).map(str::to_owned);
    if let Some(name) = account(spec, "serviceAccountName").or_else(|| account(spec, "serviceAccount")) {
        spec.insert("serviceAccountName", name.as_str());
        spec.insert("serviceAccount", name);
    }
    let host_network = spec.get("hostNetwork").and_then(Node::as_bool) == Some(true);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in each(spec.get_mut(list)) {
            default_container(container.ensure_map(&[]), real, host_network);
        }
    }
    for volume in each(spec.get_mut("volumes")) {
        default_volume(volume.ensure_map(&[]));
    }
}

fn default_container(container: &mut Map, real: bool, host_network: bool) {
    let policy = pull_policy(container.get("image").and_then(Node::as_str).unwrap_or_default());
    set(container, "imagePullPolicy", policy);
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    for port in each(container.get_mut("ports")) {
        let port = port.ensure_map(&[]);
        set(port, "protocol", "TCP");
        if let (true, Some(number)) = (real && host_network, port.get("containerPort").cloned()) {
            set(port, "hostPort", number);
        }
    }
    // What is limited is requested, unless it says otherwise.
    let limits =
        container.get("resources").and_then(|resources| resources.get("limits")).and_then(Node::as_map).cloned();
    if let (true, Some(limits)) = (real, limits) {
        let requests = container.entry_or_null("resources").ensure_map(&["requests"]);
        for (key, value) in limits {
            if !requests.contains(key.as_str()) {
                requests.insert(key, value);
            }
        }
    }
    for variable in each(container.get_mut("env")) {
        if let Some(field) = variable.path_mut(&["valueFrom", "fieldRef"]).and_then(Node::as_map_mut) {
            set(field, "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get_mut(probe).and_then(Node::as_map_mut) else { continue };
        set(probe, "timeoutSeconds", 1);
        set(probe, "periodSeconds", 10);
        set(probe, "successThreshold", 1);
        set(probe, "failureThreshold", 3);
        if let Some(get) = probe.get_mut("httpGet").and_then(Node::as_map_mut) {
            default_http(get);
        }
        if let Some(grpc) = probe.get_mut("grpc").and_then(Node::as_map_mut)
            && !grpc.contains("service")
        {
            grpc.insert("service", "");
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(get) =
            container.get_mut("lifecycle").and_then(|l| l.path_mut(&[hook, "httpGet"])).and_then(Node::as_map_mut)
        {
            default_http(get);
        }
    }
}

fn default_http(get: &mut Map) {
    set(get, "path", "/");
    set(get, "scheme", "HTTP");
}

/// `Always` for the tag `latest`, said or implied.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) if tag != "latest" => "IfNotPresent",
        None if digest.is_some() => "IfNotPresent",
        _ => "Always",
    }
}

fn default_volume(volume: &mut Map) {
    let source = volume.keys().any(|key| key != "name");
    if !source {
        volume.insert("emptyDir", Node::map());
    }
    for key in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(key).and_then(Node::as_map_mut) {
            set(source, "defaultMode", 420);
            for item in each(source.get_mut("items")) {
                default_field_ref(item);
            }
            for projection in each(source.get_mut("sources")) {
                if let Some(token) = projection.get_mut("serviceAccountToken").and_then(Node::as_map_mut) {
                    set(token, "expirationSeconds", 3600);
                }
                if let Some(items) = projection.path_mut(&["downwardAPI", "items"]) {
                    each(Some(items)).for_each(default_field_ref);
                }
            }
        }
    }
    default_host_path(volume);
    if let Some(claim) = volume.get_mut("ephemeral").and_then(|e| e.path_mut(&["volumeClaimTemplate", "spec"])) {
        set(claim.ensure_map(&[]), "volumeMode", "Filesystem");
    }
}

/// A host path without a type has the empty one.
pub(super) fn default_host_path(source: &mut Map) {
    if let Some(path) = source.get_mut("hostPath").and_then(Node::as_map_mut)
        && !path.contains("type")
    {
        path.insert("type", "");
    }
}

fn default_field_ref(item: &mut Node) {
    if let Some(field) = item.get_mut("fieldRef").and_then(Node::as_map_mut) {
        set(field, "apiVersion", "v1");
    }
}

/// The state of a pod that was just created.
pub(super) fn prepare_create(node: &mut Node) {
    let quality = quality(node);
    let spec = node.ensure_map(&["spec"]);
    set(spec, "priority", 0);
    set(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate(spec);
    let status = node.ensure_map(&["status"]);
    status.insert("phase", "Pending");
    status.insert("qosClass", quality);
}

/// Pods stay five minutes on a node that is not ready or unreachable.
fn tolerate(spec: &mut Map) {
    let mut list = spec.get("tolerations").and_then(Node::as_seq).cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covered = list.iter().any(|toleration| {
            let text = |key: &str| toleration.get(key).and_then(Node::as_str).unwrap_or_default();
            (text("key") == key || text("key").is_empty()) && matches!(text("effect"), "" | "NoExecute")
        });
        if !covered {
            let mut toleration = Node::map();
            toleration.set("effect", "NoExecute");
            toleration.set("key", key);
            toleration.set("operator", "Exists");
            toleration.set("tolerationSeconds", 300);
            list.push(toleration);
        }
    }
    if !list.is_empty() {
        spec.insert("tolerations", list);
    }
}

fn quality(node: &Node) -> &'static str {
    let containers = node.path(&["spec", "containers"]).and_then(Node::as_seq);
    let resources: Vec<&Node> =
        containers.into_iter().flatten().filter_map(|container| container.get("resources")).collect();
    let amounts = |node: &Node, key: &str| node.get(key).and_then(Node::as_map).filter(|map| !map.is_empty()).cloned();
    if resources.iter().all(|node| amounts(node, "limits").is_none() && amounts(node, "requests").is_none()) {
        return "BestEffort";
    }
    let guaranteed = resources.iter().all(|node| {
        let limits = amounts(node, "limits").unwrap_or_default();
        let requests = amounts(node, "requests").unwrap_or_else(|| limits.clone());
        ["cpu", "memory"].iter().all(|key| limits.get(key).is_some() && limits.get(key) == requests.get(key))
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}
