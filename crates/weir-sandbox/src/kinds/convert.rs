//! Built-in kinds with several versions, and resources that are two views of one.

use crate::resources::Resource;
use weir_doc::{Map, Node};

/// Fields of an event in the core group and in `events.k8s.io`.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// The name in the store of a field of an event.
pub(crate) fn stored_event_field(path: &str) -> Option<String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (core, _) = EVENT_FIELDS.iter().find(|(_, new)| *new == first)?;
    Some(rest.map_or_else(|| (*core).to_owned(), |rest| format!("{core}.{rest}")))
}

fn event(node: &mut Node, to_core: bool) {
    for (core, new) in EVENT_FIELDS {
        let (from, to) = if to_core { (new, core) } else { (core, new) };
        if let Some(value) = node.remove(from) {
            node.set(to, value);
        }
    }
}

/// The form in which an object is stored: events are kept as the core group has them.
pub(crate) fn to_stored(resource: &Resource, node: Node) -> Node {
    if resource.kind == "Event" && resource.group == "events.k8s.io" { to_version(resource, "v1", &node) } else { node }
}

/// An object at another version of its resource.
pub(crate) fn to_version(resource: &Resource, api_version: &str, node: &Node) -> Node {
    let mut out = node.clone();
    if &*resource.key == "events" && node.get("apiVersion").and_then(Node::as_str) != Some(api_version) {
        event(&mut out, api_version == "v1");
    }
    if &*resource.key == "horizontalpodautoscalers.autoscaling" {
        match api_version {
            "autoscaling/v1" => autoscaler_v1(&mut out),
            _ => autoscaler_v2(&mut out),
        }
    }
    out.set("apiVersion", api_version);
    out
}

fn autoscaler_v1(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    let Some(metrics) = spec.remove("metrics") else { return };
    let is_cpu = |metric: &&Node| {
        metric.path(&["resource", "name"]).and_then(Node::as_str) == Some("cpu")
            && metric.path(&["resource", "target", "averageUtilization"]).is_some()
    };
    let cpu = metrics.as_seq().into_iter().flatten().find(is_cpu);
    if let Some(value) = cpu.and_then(|metric| metric.path(&["resource", "target", "averageUtilization"])) {
        spec.insert("targetCPUUtilizationPercentage", value.clone());
    }
}

fn autoscaler_v2(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    if spec.contains("metrics") {
        return;
    }
    // Without a target it is the default one.
    let percentage = spec.remove("targetCPUUtilizationPercentage").unwrap_or_else(|| Node::from(80));
    let mut target = Map::new();
    target.insert("type", "Utilization");
    target.insert("averageUtilization", percentage);
    let mut metric = Node::map();
    metric.set("type", "Resource");
    metric.ensure_map(&["resource"]).insert("name", "cpu");
    metric.ensure_map(&["resource"]).insert("target", target);
    spec.insert("metrics", vec![metric]);
}
