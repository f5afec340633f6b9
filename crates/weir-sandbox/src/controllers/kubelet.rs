//! A pretend node and its kubelet: pods run and are ready at once, or are what their annotation
//! `sandbox.weir.dev/pod` says: `fail` (ImagePullBackOff), `crash` (CrashLoopBackOff), `pending`,
//! `error` (a Job's pod that fails).

use super::pods::{place, text};
use super::writer;
use crate::clock;
use crate::cluster::State;
use crate::store::Object;
use weir_doc::{Map, Node};

const ANNOTATION: &str = "sandbox.weir.dev/pod";
pub(super) const NODE: &str = "weir-sandbox";
const ADDRESS: &str = "127.0.0.1";

pub(super) fn sync(state: &mut State, pod: &Object) {
    let wanted = pod.node.path(&["metadata", "annotations", ANNOTATION]).and_then(Node::as_str).unwrap_or("run");
    if wanted == "pending"
        || text(&pod.node, &["status", "phase"]) != "Pending"
        || pod.node.path(&["status", "startTime"]).is_some()
    {
        return;
    }
    let Some(at) = place(state, pod, "pods") else { return };
    let once = text(&pod.node, &["spec", "restartPolicy"]) != "Always" && is_of_job(pod);
    let outcome = match wanted {
        "fail" => Outcome::Waiting("ImagePullBackOff", "Back-off pulling image"),
        "crash" => Outcome::Waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
        "error" => Outcome::Terminated(1),
        _ if once => Outcome::Terminated(0),
        _ => Outcome::Running,
    };
    if text(&pod.node, &["spec", "nodeName"]).is_empty() {
        writer::update(state, &at, "", |node| drop(node.ensure_map(&["spec"]).insert("nodeName", NODE)));
    }
    let address = address(pod);
    writer::update(state, &at, "status", |node| {
        let status = status(node, &outcome, &address);
        let map = node.ensure_map(&["status"]);
        for (key, value) in status {
            map.insert(key, value);
        }
    });
}

/// A pretend provisioner: every claim gets what it asks for.
pub(super) fn bind(state: &mut State, claim: &Object) {
    if text(&claim.node, &["status", "phase"]) != "Pending" {
        return;
    }
    let Some(at) = place(state, claim, "persistentvolumeclaims") else { return };
    let volume = format!("pvc-{}", claim.uid().unwrap_or_default());
    writer::update(state, &at, "", |node| {
        let spec = node.ensure_map(&["spec"]);
        if spec.get("volumeName").and_then(Node::as_str).unwrap_or_default().is_empty() {
            spec.insert("volumeName", volume);
        }
    });
    writer::update(state, &at, "status", |node| {
        let modes = node.path(&["spec", "accessModes"]).cloned().unwrap_or_default();
        let capacity = node.path(&["spec", "resources", "requests"]).cloned().unwrap_or_else(Node::map);
        let status = node.ensure_map(&["status"]);
        status.insert("phase", "Bound");
        status.insert("accessModes", modes);
        status.insert("capacity", capacity);
    });
}

fn is_of_job(pod: &Object) -> bool {
    pod.owners().any(|owner| text(owner, &["kind"]) == "Job")
}

/// An address in 10.244.0.0/16 that follows from the pod's uid.
fn address(pod: &Object) -> String {
    let hex = pod.uid().unwrap_or_default().as_bytes();
    let sum = hex.iter().fold(7_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(*byte)));
    let [high, low] = sum.to_be_bytes();
    format!("10.244.{high}.{low}")
}

enum Outcome {
    Running,
    Waiting(&'static str, &'static str),
    Terminated(i64),
}

fn status(pod: &Node, outcome: &Outcome, address: &str) -> Map {
    let now = clock::now();
    let ready = matches!(outcome, Outcome::Running);
    let phase = match outcome {
        Outcome::Running | Outcome::Waiting("CrashLoopBackOff", _) => "Running",
        Outcome::Waiting(..) => "Pending",
        Outcome::Terminated(0) => "Succeeded",
        Outcome::Terminated(_) => "Failed",
    };
    let condition = |kind: &str, on: bool| {
        let mut map = Map::new();
        map.insert("type", kind);
        map.insert("status", if on { "True" } else { "False" });
        map.insert("lastProbeTime", Node::null());
        map.insert("lastTransitionTime", now.as_str());
        if !on {
            let finished = matches!(outcome, Outcome::Terminated(_));
            map.insert("reason", if finished { "PodCompleted" } else { "ContainersNotReady" });
            if !finished {
                map.insert("message", "containers with unready status");
            }
        }
        Node::from(map)
    };
    let states = |list: &str| -> Vec<Node> {
        let containers = pod.path(&["spec", list]).and_then(Node::as_seq).into_iter().flatten();
        containers.map(|container| container_status(container, outcome, list == "initContainers", &now)).collect()
    };
    let (init, main) = (states("initContainers"), states("containers"));
    let mut map = Map::new();
    map.insert("phase", phase);
    map.insert("hostIP", ADDRESS);
    map.insert("podIP", address);
    let ip = |address: &str| {
        let mut map = Map::new();
        map.insert("ip", address);
        vec![Node::from(map)]
    };
    map.insert("hostIPs", ip(ADDRESS));
    map.insert("podIPs", ip(address));
    map.insert("startTime", now.as_str());
    let conditions = vec![
        condition("PodReadyToStartContainers", true),
        condition("Initialized", true),
        condition("Ready", ready),
        condition("ContainersReady", ready),
        condition("PodScheduled", true),
    ];
    map.insert("conditions", conditions);
    if !init.is_empty() {
        map.insert("initContainerStatuses", init);
    }
    map.insert("containerStatuses", main);
    map
}

fn container_status(container: &Node, outcome: &Outcome, init: bool, now: &str) -> Node {
    let mut detail = Map::new();
    let sidecar = text(container, &["restartPolicy"]) == "Always";
    let state = match outcome {
        _ if init && !sidecar => {
            finished(&mut detail, 0, now);
            "terminated"
        }
        Outcome::Running => {
            detail.insert("startedAt", now);
            "running"
        }
        Outcome::Waiting(reason, message) => {
            detail.insert("reason", *reason);
            detail.insert("message", *message);
            "waiting"
        }
        Outcome::Terminated(code) => {
            finished(&mut detail, *code, now);
            "terminated"
        }
    };
    let running = matches!(outcome, Outcome::Running);
    let image = text(container, &["image"]);
    let mut map = Map::new();
    map.insert("name", text(container, &["name"]));
    let mut shown = Map::new();
    shown.insert(state, detail);
    map.insert("state", shown);
    map.insert("lastState", Node::map());
    map.insert("ready", running || (init && !sidecar));
    map.insert("restartCount", if matches!(outcome, Outcome::Waiting("CrashLoopBackOff", _)) { 1 } else { 0 });
    map.insert("image", image);
    map.insert("imageID", if image.contains('@') { image } else { "" });
    map.insert("started", running);
    Node::from(map)
}

fn finished(detail: &mut Map, code: i64, now: &str) {
    detail.insert("exitCode", code);
    detail.insert("reason", if code == 0 { "Completed" } else { "Error" });
    detail.insert("startedAt", now);
    detail.insert("finishedAt", now);
}
