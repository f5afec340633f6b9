//! What is particular to a built-in kind: defaults, validation, what changes its generation.

pub(crate) mod convert;
mod defaults;
mod immutable;
pub(crate) mod meta;
pub(crate) mod pod;
mod rules;
pub(crate) mod service;
mod workload;

use crate::cluster::State;
use crate::crd;
use crate::resources::Resource;
use crate::status::{ApiError, Cause};
use weir_doc::{Map, Node};

pub(crate) use defaults::default;

/// Kinds whose generation counts changes of the spec.
const GENERATIONS: [&str; 21] = [
    "customresourcedefinitions.apiextensions.k8s.io",
    "daemonsets.apps",
    "deployments.apps",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "cronjobs.batch",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "pods",
    "priorityclasses.scheduling.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "replicasets.apps",
    "replicationcontrollers",
    "statefulsets.apps",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "endpointslices.discovery.k8s.io",
];

pub(crate) fn has_generation(resource: &Resource) -> bool {
    resource.custom || GENERATIONS.contains(&&*resource.key)
}

/// Whether a change counts: for custom resources all but metadata, and status where it has an
/// endpoint of its own; for built-in kinds their content.
pub(crate) fn bumps_generation(resource: &Resource, has_status: bool, old: &Node, new: &Node) -> bool {
    let content = |node: &Node| {
        let mut map = node.as_map().cloned().unwrap_or_default();
        map.remove("metadata");
        map.remove("apiVersion");
        if has_status || !resource.custom {
            map.remove("status");
        }
        map
    };
    content(old) != content(new)
}

pub(crate) fn keeps_status_on_create(resource: &Resource) -> bool {
    matches!(&*resource.key, "nodes" | "endpoints")
}

/// Kinds whose deletion is answered with the object, not with a Status.
pub(crate) fn answers_with_object(resource: &Resource) -> bool {
    matches!(
        &*resource.key,
        "pods" | "namespaces" | "services" | "serviceaccounts" | "persistentvolumeclaims" | "persistentvolumes"
    )
}

pub(crate) fn check_delete(resource: &Resource, node: &Node) -> Result<(), ApiError> {
    let name = node.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
    if &*resource.key == "namespaces" && matches!(name, "default" | "kube-system" | "kube-public") {
        return Err(ApiError::forbidden("", "namespaces", name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// The finalizer that an object gets when it is deleted: a definition goes after its objects.
pub(crate) fn deletion_finalizer(resource: &Resource) -> Option<&'static str> {
    let is_definition = &*resource.key == "customresourcedefinitions.apiextensions.k8s.io";
    is_definition.then_some("customresourcecleanup.apiextensions.k8s.io")
}

/// What keeps an object besides its finalizers: the content of a namespace.
pub(crate) fn holds_deletion(resource: &Resource, node: &Node) -> bool {
    let listed = node.path(&["spec", "finalizers"]).and_then(Node::as_seq).is_some_and(|list| !list.is_empty());
    &*resource.key == "namespaces" && listed
}

pub(crate) fn may_go(resource: &Resource, node: &Node) -> bool {
    !holds_deletion(resource, node)
}

pub(crate) fn mark_deleted(resource: &Resource, node: &mut Node) {
    if &*resource.key == "namespaces" {
        node.ensure_map(&["status"]).insert("phase", "Terminating");
    }
}

/// Fields that a field selector may name, besides name and namespace.
pub(crate) fn selectable_fields(resource: &Resource) -> Option<&'static [&'static str]> {
    Some(match resource.qualified().as_str() {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "events.events.k8s.io" => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "reportingController",
            "type",
        ],
        "secrets" => &["type"],
        "namespaces" => &["status.phase", "name"],
        "nodes" => &["spec.unschedulable"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicasets.apps" | "replicationcontrollers" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        "certificatesigningrequests.certificates.k8s.io" => &["spec.signerName"],
        _ => return None,
    })
}

/// Fills in what the server decides at creation.
pub(crate) fn prepare_create(state: &State, resource: &Resource, node: &mut Node) -> Result<(), ApiError> {
    match &*resource.key {
        "services" => service::prepare_create(state, node)?,
        "namespaces" => {
            node.ensure_map(&["spec"]).insert("finalizers", vec![Node::string("kubernetes")]);
            node.ensure_map(&["status"]).insert("phase", "Active");
        }
        "pods" => pod::prepare_create(node),
        "jobs.batch" => workload::prepare_job(node),
        "persistentvolumeclaims" => protect(node, "kubernetes.io/pvc-protection"),
        "persistentvolumes" => {
            protect(node, "kubernetes.io/pv-protection");
            node.ensure_map(&["status"]).insert("lastPhaseTransitionTime", crate::clock::now());
        }
        "customresourcedefinitions.apiextensions.k8s.io" => crd::prepare(state, None, node),
        _ => {}
    }
    Ok(())
}

pub(crate) fn prepare_update(
    state: &State,
    resource: &Resource,
    sub: &str,
    old: &Node,
    new: &mut Node,
) -> Result<(), ApiError> {
    match &*resource.key {
        "services" => service::prepare_update(state, old, new)?,
        "namespaces" if sub != "finalize" => {
            let finalizers = old.path(&["spec", "finalizers"]).cloned();
            match finalizers {
                Some(finalizers) => drop(new.ensure_map(&["spec"]).insert("finalizers", finalizers)),
                None => drop(new.ensure_map(&["spec"]).remove("finalizers")),
            }
        }
        "customresourcedefinitions.apiextensions.k8s.io" if sub.is_empty() => crd::prepare(state, Some(old), new),
        _ => {}
    }
    Ok(())
}

/// Volumes and claims are pending, and held until nobody uses them.
fn protect(node: &mut Node, finalizer: &str) {
    node.ensure_map(&["status"]).insert("phase", "Pending");
    let list = node.ensure_map(&["metadata"]).entry_or_null("finalizers");
    let mut finalizers = list.as_seq().cloned().unwrap_or_default();
    if !finalizers.iter().any(|known| known.as_str() == Some(finalizer)) {
        finalizers.push(Node::string(finalizer));
    }
    *list = finalizers.into();
}

/// `stringData` is written into `data`, and never kept.
fn string_data(node: &mut Node) {
    use base64::Engine;
    let Some(texts) = node.remove("stringData") else { return };
    let data: &mut Map = node.ensure_map(&["data"]);
    for (key, value) in texts.as_map().into_iter().flat_map(|map| map.iter()) {
        let text = value.as_str().unwrap_or_default();
        data.insert(key.clone(), base64::engine::general_purpose::STANDARD.encode(text));
    }
}

pub(crate) fn validate(state: &State, resource: &Resource, sub: &str, node: &Node, old: Option<&Node>) -> Vec<Cause> {
    if sub == "status" {
        return Vec::new();
    }
    let mut causes = rules::validate(state, resource, node);
    if let Some(old) = old {
        causes.extend(immutable::validate(resource, old, node));
    }
    causes
}
/// Where the first value that has to be base64 is none, as Go counts.
pub(crate) fn broken_base64(resource: &Resource, node: &Node) -> Option<usize> {
    use base64::DecodeError;
    use base64::Engine;
    let field = match &*resource.key {
        "secrets" => "data",
        "configmaps" => "binaryData",
        _ => return None,
    };
    let values = node.get(field).and_then(Node::as_map)?.iter();
    values.filter_map(|(_, value)| value.as_str()).find_map(|text| {
        let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match base64::engine::general_purpose::STANDARD.decode(&text) {
            Ok(_) => None,
            Err(DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _)) => Some(at),
            Err(DecodeError::InvalidLength(_) | DecodeError::InvalidPadding) => Some(text.len() - text.len() % 4),
        }
    })
}
