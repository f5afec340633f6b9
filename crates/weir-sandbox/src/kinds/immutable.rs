//! Fields that cannot change.

use crate::resources::Resource;
use crate::status::Cause;
use weir_doc::Node;

const IMMUTABLE: &str = "field is immutable";

pub(super) fn validate(resource: &Resource, old: &Node, new: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut same = |path: &[&str], message: &str| {
        if old.path(path) != new.path(path) {
            let null = Node::null();
            causes.push(Cause::invalid(path.join("."), new.path(path).unwrap_or(&null), message));
        }
    };
    match &*resource.key {
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps" => same(&["spec", "selector"], IMMUTABLE),
        "jobs.batch" => {
            same(&["spec", "completions"], IMMUTABLE);
            same(&["spec", "selector"], IMMUTABLE);
            same(&["spec", "template"], IMMUTABLE);
            same(&["spec", "completionMode"], IMMUTABLE);
        }
        "statefulsets.apps" => {
            for key in ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] {
                same(&["spec", key], IMMUTABLE);
            }
        }
        "configmaps" | "secrets" => return immutable_data(resource, old, new),
        "services"
            if old.path(&["spec", "type"]) == new.path(&["spec", "type"])
                && old.path(&["spec", "clusterIP"]) != new.path(&["spec", "clusterIP"]) =>
        {
            let addresses = new.path(&["spec", "clusterIPs"]).cloned().unwrap_or_else(Node::null);
            causes.push(Cause::invalid("spec.clusterIPs[0]", &addresses, "may not change once set"));
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            same(&["roleRef"], IMMUTABLE);
        }
        "storageclasses.storage.k8s.io" => {
            for key in ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"] {
                same(&[key], IMMUTABLE);
            }
        }
        "priorityclasses.scheduling.k8s.io" => same(&["value"], IMMUTABLE),
        "customresourcedefinitions.apiextensions.k8s.io" => {
            same(&["spec", "group"], IMMUTABLE);
            same(&["spec", "names", "plural"], IMMUTABLE);
            same(&["spec", "scope"], IMMUTABLE);
            same(&["spec", "names", "kind"], IMMUTABLE);
        }
        "persistentvolumeclaims" => {
            let fixed = |node: &Node| {
                let mut spec = node.get("spec").cloned().unwrap_or_default();
                for key in ["resources", "volumeAttributesClassName", "volumeName", "storageClassName"] {
                    spec.remove(key);
                }
                spec
            };
            if fixed(old) != fixed(new) {
                causes.push(Cause::forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"));
            }
        }
        "pods" => return pod(old, new),
        _ => {}
    }
    causes
}

fn immutable_data(resource: &Resource, old: &Node, new: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    if old.get("immutable").and_then(Node::as_bool) == Some(true) {
        if new.get("immutable").and_then(Node::as_bool) != Some(true) {
            causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
        }
        for key in ["data", "binaryData"] {
            if old.get(key) != new.get(key) {
                causes.push(Cause::forbidden(key, "field is immutable when `immutable` is set"));
            }
        }
    }
    if &*resource.key == "secrets" && old.get("type") != new.get("type") {
        causes.push(Cause::invalid("type", new.get("type").unwrap_or(&Node::null()), IMMUTABLE));
    }
    causes
}

fn pod(old: &Node, new: &Node) -> Vec<Cause> {
    let fixed = |node: &Node| {
        let mut spec = node.get("spec").cloned().unwrap_or_default();
        for key in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "schedulingGates",
            "nodeName",
            "nodeSelector",
            "affinity",
            "ephemeralContainers",
        ] {
            spec.remove(key);
        }
        for list in ["containers", "initContainers"] {
            for container in super::defaults::each(spec.get_mut(list)) {
                container.remove("image");
                container.remove("resources");
            }
        }
        spec
    };
    if fixed(old) == fixed(new) {
        return Vec::new();
    }
    vec![Cause::forbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )]
}
