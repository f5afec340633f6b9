use crate::{ObjectRef, meta};
use weir_doc::Node;

/// When an object is applied. Each stage is dry-run as a whole before its first apply, and the first
/// two are waited for before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What others depend on to exist: custom resource definitions, namespaces, cluster roles.
    Definitions,
    /// Kinds whose name ends in `Class`.
    Classes,
    /// Kinds that the operator names; they are not waited for.
    Early,
    Rest,
}

impl Stage {
    pub const ALL: [Stage; 4] = [Stage::Definitions, Stage::Classes, Stage::Early, Stage::Rest];

    /// Whether the next stage begins only when this one's objects are ready.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Stage::Definitions | Stage::Classes)
    }
}

/// The stage of a kind, as fluxcd/pkg/ssa assigns them.
pub fn stage(group: &str, kind: &str) -> Stage {
    match (group, kind) {
        ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("", "Namespace")
        | ("rbac.authorization.k8s.io", "ClusterRole") => Stage::Definitions,
        _ if kind.ends_with("Class") => Stage::Classes,
        _ => Stage::Rest,
    }
}

const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The place of a kind among the others.
fn rank(kind: &str) -> usize {
    let middle = FIRST.len();
    FIRST
        .iter()
        .position(|k| *k == kind)
        .or_else(|| LAST.iter().position(|k| *k == kind).map(|at| middle + 1 + at))
        .unwrap_or(middle)
}

/// What objects are sorted by: rank of the kind, group, kind, namespace, name.
pub fn order_key(object: &ObjectRef) -> (usize, &str, &str, &str, &str) {
    let id = &object.id;
    (rank(&id.kind), &id.group, &id.kind, &id.namespace, &id.name)
}

/// Sorts documents into the order of applying; those without an identity keep to the end.
pub fn sort(nodes: &mut [Node]) {
    nodes.sort_by_cached_key(|node| {
        let (group, _) = meta::group_version(node).unwrap_or_default();
        let kind = meta::kind(node);
        (
            rank(kind),
            group.to_owned(),
            kind.to_owned(),
            meta::namespace(node).unwrap_or_default().to_owned(),
            meta::name(node).unwrap_or_default().to_owned(),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_order_are_those_of_flux() {
        assert_eq!(stage("", "Namespace"), Stage::Definitions);
        assert_eq!(stage("storage.k8s.io", "StorageClass"), Stage::Classes);
        assert_eq!(stage("apps", "Deployment"), Stage::Rest);
        let object = |api: &str, kind: &str, name: &str| {
            weir_doc::from_json(
                format!(r#"{{"apiVersion":"{api}","kind":"{kind}","metadata":{{"name":"{name}"}}}}"#).as_bytes(),
            )
            .expect("valid")
        };
        let mut nodes = vec![
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "w"),
            object("batch/v1", "Job", "j"),
            object("apps/v1", "Deployment", "b"),
            object("apps/v1", "Deployment", "a"),
            object("v1", "ServiceAccount", "s"),
            object("v1", "Namespace", "n"),
        ];
        sort(&mut nodes);
        let names: Vec<&str> = nodes.iter().filter_map(meta::name).collect();
        assert_eq!(names, ["n", "s", "a", "b", "j", "w"]);
    }
}
