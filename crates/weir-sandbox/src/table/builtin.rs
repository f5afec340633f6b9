//! Cells of the built-in kinds, as the original prints them. A column that is not listed here is
//! empty.

use crate::resources::Resource;
use crate::table::age;
use weir_doc::{Map, Node};

fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
    node.path(path).and_then(Node::as_str).unwrap_or_default()
}

fn count(node: &Node, path: &[&str]) -> i64 {
    node.path(path).and_then(Node::as_i64).unwrap_or_default()
}

fn items<'a>(node: &'a Node, path: &[&str]) -> &'a [Node] {
    node.path(path).and_then(Node::as_seq).map_or(&[], |items| items)
}

fn or_none(text: impl Into<String>) -> Node {
    let text = text.into();
    Node::string(if text.is_empty() { "<none>".to_owned() } else { text })
}

fn size(node: &Node, keys: &[&str]) -> Node {
    let len = |key: &&str| node.get(key).and_then(Node::as_map).map_or(0, Map::len);
    Node::from(keys.iter().map(len).sum::<usize>() as i64)
}

pub(super) fn cell(resource: &Resource, column: &str, node: &Node) -> Node {
    match (&*resource.key, column) {
        ("pods", _) => pod(column, node),
        ("deployments.apps", "Ready") => {
            ready(count(node, &["status", "readyReplicas"]), count(node, &["spec", "replicas"]))
        }
        ("deployments.apps", "Up-to-date") => count(node, &["status", "updatedReplicas"]).to_string().into(),
        ("deployments.apps", "Available") => count(node, &["status", "availableReplicas"]).to_string().into(),
        ("replicasets.apps" | "replicationcontrollers", "Desired") => count(node, &["spec", "replicas"]).into(),
        ("replicasets.apps" | "replicationcontrollers", "Current") => count(node, &["status", "replicas"]).into(),
        ("replicasets.apps" | "replicationcontrollers", "Ready") => count(node, &["status", "readyReplicas"]).into(),
        ("statefulsets.apps", "Ready") => {
            ready(count(node, &["status", "readyReplicas"]), count(node, &["spec", "replicas"]))
        }
        ("daemonsets.apps", "Node Selector") => {
            or_none(labels(node.path(&["spec", "template", "spec", "nodeSelector"])))
        }
        ("daemonsets.apps", _) if daemon(column).is_some() => {
            count(node, &["status", daemon(column).unwrap_or_default()]).into()
        }
        ("jobs.batch", "Completions") => {
            ready(count(node, &["status", "succeeded"]), count(node, &["spec", "completions"]))
        }
        ("jobs.batch", "Status") => job_status(node).into(),
        ("jobs.batch", "Duration") => job_duration(node),
        ("cronjobs.batch", "Schedule") => text(node, &["spec", "schedule"]).into(),
        ("cronjobs.batch", "Timezone") => or_none(text(node, &["spec", "timeZone"])),
        ("cronjobs.batch", "Suspend") => {
            if node.path(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) { "True" } else { "False" }.into()
        }
        ("cronjobs.batch", "Active") => (items(node, &["status", "active"]).len() as i64).into(),
        ("cronjobs.batch", "Last Schedule") => {
            match node.path(&["status", "lastScheduleTime"]).and_then(Node::as_str) {
                Some(time) => age::since(Some(time)),
                None => "<none>".into(),
            }
        }
        (_, "Containers") => joined(template(node), "name"),
        (_, "Images") => joined(template(node), "image"),
        (_, "Selector") => or_none(selector(node)),
        ("services", _) => service(column, node),
        ("namespaces", "Status") => text(node, &["status", "phase"]).into(),
        ("configmaps", "Data") => size(node, &["data", "binaryData"]),
        ("secrets", "Data") => size(node, &["data"]),
        ("secrets", "Type") => text(node, &["type"]).into(),
        ("events", _) => event(column, node),
        ("events.events.k8s.io", _) => event(column, node),
        ("nodes", "Status") => "Ready".into(),
        ("nodes", "Roles") => "<none>".into(),
        ("nodes", "Version") => text(node, &["status", "nodeInfo", "kubeletVersion"]).into(),
        ("ingresses.networking.k8s.io", _) => ingress(column, node),
        ("networkpolicies.networking.k8s.io", "Pod-Selector") => {
            or_none(labels(node.path(&["spec", "podSelector", "matchLabels"])))
        }
        ("rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io", _) => {
            binding(column, node)
        }
        ("persistentvolumeclaims", "Status") => text(node, &["status", "phase"]).into(),
        ("persistentvolumeclaims", "Volume") => text(node, &["spec", "volumeName"]).into(),
        ("persistentvolumeclaims", "Capacity") => text(node, &["status", "capacity", "storage"]).into(),
        ("persistentvolumeclaims", "StorageClass") => text(node, &["spec", "storageClassName"]).into(),
        ("persistentvolumeclaims", "VolumeMode") => text(node, &["spec", "volumeMode"]).into(),
        ("storageclasses.storage.k8s.io", "Provisioner") => text(node, &["provisioner"]).into(),
        ("storageclasses.storage.k8s.io", "ReclaimPolicy") => text(node, &["reclaimPolicy"]).into(),
        ("storageclasses.storage.k8s.io", "VolumeBindingMode") => text(node, &["volumeBindingMode"]).into(),
        ("storageclasses.storage.k8s.io", "AllowVolumeExpansion") => {
            node.get("allowVolumeExpansion").cloned().unwrap_or(false.into())
        }
        ("leases.coordination.k8s.io", "Holder") => text(node, &["spec", "holderIdentity"]).into(),
        ("priorityclasses.scheduling.k8s.io", "Value") => node.get("value").cloned().unwrap_or_default(),
        ("priorityclasses.scheduling.k8s.io", "Global-Default") => {
            node.get("globalDefault").cloned().unwrap_or(false.into())
        }
        ("priorityclasses.scheduling.k8s.io", "PreemptionPolicy") => text(node, &["preemptionPolicy"]).into(),
        ("horizontalpodautoscalers.autoscaling", _) => autoscaler(column, node),
        ("poddisruptionbudgets.policy", _) => budget(column, node),
        ("customresourcedefinitions.apiextensions.k8s.io", "Scope") => text(node, &["spec", "scope"]).into(),
        ("customresourcedefinitions.apiextensions.k8s.io", "Versions") => versions(node).into(),
        ("persistentvolumes", _) => volume(column, node),
        ("persistentvolumeclaims", "Access Modes") => modes(items(node, &["spec", "accessModes"])).into(),
        ("persistentvolumeclaims", "VolumeAttributesClass") => "<unset>".into(),
        _ => Node::string(""),
    }
}

fn ready(now: i64, wanted: i64) -> Node {
    Node::string(format!("{now}/{wanted}"))
}

fn template(node: &Node) -> &[Node] {
    let direct = items(node, &["spec", "template", "spec", "containers"]);
    if direct.is_empty() {
        items(node, &["spec", "jobTemplate", "spec", "template", "spec", "containers"])
    } else {
        direct
    }
}

fn joined(containers: &[Node], key: &str) -> Node {
    Node::string(containers.iter().map(|container| text(container, &[key])).collect::<Vec<_>>().join(","))
}

fn labels(node: Option<&Node>) -> String {
    let mut terms: Vec<String> = node
        .and_then(Node::as_map)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    terms.sort();
    terms.join(",")
}

fn selector(node: &Node) -> String {
    let exact = node.path(&["spec", "selector", "matchLabels"]);
    labels(exact.or_else(|| node.path(&["spec", "selector"]).filter(|node| node.get("matchExpressions").is_none())))
}

fn daemon(column: &str) -> Option<&'static str> {
    Some(match column {
        "Desired" => "desiredNumberScheduled",
        "Current" => "currentNumberScheduled",
        "Ready" => "numberReady",
        "Up-to-date" => "updatedNumberScheduled",
        "Available" => "numberAvailable",
        _ => return None,
    })
}

fn pod(column: &str, node: &Node) -> Node {
    let statuses = items(node, &["status", "containerStatuses"]);
    let is_ready = |status: &&Node| status.get("ready").and_then(Node::as_bool) == Some(true);
    match column {
        "Ready" => {
            ready(statuses.iter().filter(is_ready).count() as i64, items(node, &["spec", "containers"]).len() as i64)
        }
        "Status" => {
            let waiting = statuses
                .iter()
                .map(|status| text(status, &["state", "waiting", "reason"]))
                .find(|reason| !reason.is_empty());
            let finished = statuses
                .iter()
                .map(|status| text(status, &["state", "terminated", "reason"]))
                .find(|reason| !reason.is_empty());
            let phase = text(node, &["status", "phase"]);
            let terminating = node.path(&["metadata", "deletionTimestamp"]).is_some();
            Node::string(if terminating { "Terminating" } else { waiting.or(finished).unwrap_or(phase) })
        }
        "Restarts" => statuses.iter().map(|status| count(status, &["restartCount"])).sum::<i64>().to_string().into(),
        "IP" => or_none(text(node, &["status", "podIP"])),
        "Node" => or_none(text(node, &["spec", "nodeName"])),
        "Nominated Node" => or_none(text(node, &["status", "nominatedNodeName"])),
        "Readiness Gates" => "<none>".into(),
        _ => "".into(),
    }
}

fn service(column: &str, node: &Node) -> Node {
    match column {
        "Type" => text(node, &["spec", "type"]).into(),
        "Cluster-IP" => or_none(text(node, &["spec", "clusterIP"])),
        "External-IP" => match text(node, &["spec", "type"]) {
            "LoadBalancer" => "<pending>".into(),
            "ExternalName" => text(node, &["spec", "externalName"]).into(),
            _ => "<none>".into(),
        },
        "Port(s)" => {
            let ports = items(node, &["spec", "ports"]).iter().map(|port| {
                let (number, node_port) = (count(port, &["port"]), count(port, &["nodePort"]));
                let protocol = text(port, &["protocol"]);
                if node_port > 0 { format!("{number}:{node_port}/{protocol}") } else { format!("{number}/{protocol}") }
            });
            or_none(ports.collect::<Vec<_>>().join(","))
        }
        _ => "".into(),
    }
}

fn event(column: &str, node: &Node) -> Node {
    let object = if node.get("involvedObject").is_some() { "involvedObject" } else { "regarding" };
    let first = |paths: &[&[&str]]| {
        paths.iter().map(|path| text(node, path)).find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    match column {
        "Last Seen" => {
            let time = first(&[
                &["series", "lastObservedTime"],
                &["lastTimestamp"],
                &["deprecatedLastTimestamp"],
                &["eventTime"],
                &["metadata", "creationTimestamp"],
            ]);
            age::since(Some(&time))
        }
        "First Seen" => age::since(Some(&first(&[&["firstTimestamp"], &["deprecatedFirstTimestamp"], &["eventTime"]]))),
        "Type" => text(node, &["type"]).into(),
        "Reason" => text(node, &["reason"]).into(),
        "Object" => {
            format!("{}/{}", text(node, &[object, "kind"]).to_lowercase(), text(node, &[object, "name"])).into()
        }
        "Message" => first(&[&["message"], &["note"]]).trim().into(),
        "Subobject" => text(node, &[object, "fieldPath"]).into(),
        "Source" => first(&[&["source", "component"], &["reportingComponent"], &["reportingController"]]).into(),
        "Count" => count(node, &["count"]).max(1).into(),
        _ => "".into(),
    }
}

fn ingress(column: &str, node: &Node) -> Node {
    match column {
        "Class" => or_none(text(node, &["spec", "ingressClassName"])),
        "Hosts" => {
            let hosts: Vec<&str> = items(node, &["spec", "rules"])
                .iter()
                .map(|rule| text(rule, &["host"]))
                .filter(|host| !host.is_empty())
                .collect();
            Node::string(if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") })
        }
        "Ports" => if items(node, &["spec", "tls"]).is_empty() { "80" } else { "80, 443" }.into(),
        _ => "".into(),
    }
}

fn binding(column: &str, node: &Node) -> Node {
    let subjects = |kind: &str| {
        let of_kind = items(node, &["subjects"]).iter().filter(|subject| text(subject, &["kind"]) == kind);
        let names = of_kind.map(|subject| match text(subject, &["namespace"]) {
            "" => text(subject, &["name"]).to_owned(),
            namespace => format!("{namespace}/{}", text(subject, &["name"])),
        });
        Node::string(names.collect::<Vec<_>>().join(", "))
    };
    match column {
        "Role" => format!("{}/{}", text(node, &["roleRef", "kind"]), text(node, &["roleRef", "name"])).into(),
        "Users" => subjects("User"),
        "Groups" => subjects("Group"),
        "ServiceAccounts" => subjects("ServiceAccount"),
        _ => "".into(),
    }
}

fn autoscaler(column: &str, node: &Node) -> Node {
    match column {
        "Reference" => format!(
            "{}/{}",
            text(node, &["spec", "scaleTargetRef", "kind"]),
            text(node, &["spec", "scaleTargetRef", "name"])
        )
        .into(),
        "Targets" => "<unknown>".into(),
        "MinPods" => count(node, &["spec", "minReplicas"]).to_string().into(),
        "MaxPods" => count(node, &["spec", "maxReplicas"]).into(),
        "Replicas" => count(node, &["status", "currentReplicas"]).into(),
        _ => "".into(),
    }
}

fn versions(node: &Node) -> String {
    let flag = |version: &Node, key: &str| version.get(key).and_then(Node::as_bool) == Some(true);
    let shown =
        items(node, &["spec", "versions"]).iter().filter(|version| flag(version, "served") || flag(version, "storage"));
    let shown = shown.map(|version| {
        let mark = if flag(version, "storage") { "(storage)" } else { "" };
        format!("{}{mark}", text(version, &["name"]))
    });
    shown.collect::<Vec<_>>().join(",")
}

fn budget(column: &str, node: &Node) -> Node {
    let amount = |key: &str| match node.path(&["spec", key]) {
        Some(value) => value.as_i64().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), |n| n.to_string()),
        None => "N/A".to_owned(),
    };
    match column {
        "Min Available" => amount("minAvailable").into(),
        "Max Unavailable" => amount("maxUnavailable").into(),
        _ => count(node, &["status", "disruptionsAllowed"]).into(),
    }
}

fn modes(modes: &[Node]) -> String {
    let short = |mode: &Node| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    modes.iter().map(short).collect::<Vec<_>>().join(",")
}

fn volume(column: &str, node: &Node) -> Node {
    match column {
        "Capacity" => text(node, &["spec", "capacity", "storage"]).into(),
        "Access Modes" => modes(items(node, &["spec", "accessModes"])).into(),
        "Reclaim Policy" => text(node, &["spec", "persistentVolumeReclaimPolicy"]).into(),
        "Status" => text(node, &["status", "phase"]).into(),
        "StorageClass" => text(node, &["spec", "storageClassName"]).into(),
        "VolumeAttributesClass" => "<unset>".into(),
        _ => "".into(),
    }
}

fn job_status(node: &Node) -> &'static str {
    let holds = |kind: &str| {
        items(node, &["status", "conditions"])
            .iter()
            .any(|c| text(c, &["type"]) == kind && text(c, &["status"]) == "True")
    };
    match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if holds("Suspended") => "Suspended",
        () => "Running",
    }
}

fn job_duration(node: &Node) -> Node {
    let at = |key: &str| text(node, &["status", key]).parse::<jiff::Timestamp>().ok();
    match (at("startTime"), at("completionTime")) {
        (Some(start), Some(end)) => age::duration(end.as_second() - start.as_second()).into(),
        (Some(_), None) => age::since(Some(text(node, &["status", "startTime"]))),
        _ => "".into(),
    }
}
