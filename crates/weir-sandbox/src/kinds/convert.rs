//! Built-in kinds with several versions, and resources that are two views of one.

use crate::resources::Resource;
use weir_doc::{Map, Node};

/// An object at another version of its resource.
pub(crate) fn to_version(resource: &Resource, api_version: &str, node: &Node) -> Node {
    let mut out = node.clone();
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
    let Some(percentage) = spec.remove("targetCPUUtilizationPercentage") else { return };
    let mut target = Map::new();
    target.insert("type", "Utilization");
    target.insert("averageUtilization", percentage);
    let mut metric = Node::map();
    metric.set("type", "Resource");
    metric.ensure_map(&["resource"]).insert("name", "cpu");
    metric.ensure_map(&["resource"]).insert("target", target);
    spec.insert("metrics", vec![metric]);
}
