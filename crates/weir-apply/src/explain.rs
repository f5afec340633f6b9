//! Why an object is not ready: what its pods and its events say. Asked once, when waiting has come to its end, and only
//! as far as the identity may look; what it may not see is left out.

use crate::Health;
use weir_doc::{Map, Node};
use weir_kube::{Session, percent_encoded};
use weir_object::{ObjectRef, meta};

/// Objects that are explained; the rest has the same reason, or will after these are mended.
const OBJECTS: usize = 5;
/// Pods that are looked at.
const PODS: usize = 50;

/// Adds to each verdict what the object's own pods or events say.
pub async fn explain(session: &Session, health: &mut [Health]) {
    for one in health.iter_mut().take(OBJECTS) {
        let Ok(Some(object)) = session.get(&one.object).await else { continue };
        let reason = match pods(session, &object).await {
            Some(pods) => of_pods(session, &pods).await,
            None => None,
        };
        let reason = match reason {
            Some(reason) => Some(reason),
            None => last_warning(session, &object).await,
        };
        if let Some(reason) = reason {
            let told = &mut one.verdict.message;
            *told = if told.is_empty() { reason } else { format!("{told}; {reason}") };
        }
    }
}

/// The pods of a workload; none for other kinds.
async fn pods(session: &Session, object: &Node) -> Option<Vec<Node>> {
    let is_workload = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"].contains(&meta::kind(object));
    let selector = selector(object.path(&["spec", "selector"])?).filter(|_| is_workload)?;
    let query = format!("labelSelector={}&limit={PODS}", percent_encoded(&selector));
    list(session, "Pod", meta::namespace(object)?, &query).await
}

async fn list(session: &Session, kind: &str, namespace: &str, query: &str) -> Option<Vec<Node>> {
    let resource = session.resource(&ObjectRef::new("v1", kind, namespace, "")).await.ok()?;
    session.list(&resource, namespace, query).await.ok()
}

/// A label selector as a query has it.
fn selector(node: &Node) -> Option<String> {
    let labels = node.get("matchLabels").and_then(Node::as_map).into_iter().flat_map(Map::iter);
    let mut terms: Vec<String> =
        labels.filter_map(|(key, value)| Some(format!("{}={}", key.as_str(), value.as_str()?))).collect();
    for expression in node.get("matchExpressions").and_then(Node::as_seq).into_iter().flatten() {
        let key = expression.str_at(&["key"])?;
        let values = expression.get("values").and_then(Node::as_seq).into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Node::as_str).collect();
        terms.push(match expression.str_at(&["operator"])? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

/// What the first pod says that is in trouble; the one with a reason of its own rather than one that is only not ready.
async fn of_pods(session: &Session, pods: &[Node]) -> Option<String> {
    let name = |pod: &Node| meta::name(pod).unwrap_or_default().to_owned();
    let said = pods.iter().find_map(|pod| Some(format!("pod {}: {}", name(pod), trouble(pod)?)));
    if said.is_some() {
        return said;
    }
    let pod = pods.iter().find(|pod| !is_ready(pod))?;
    Some(format!("pod {}: {}", name(pod), last_warning(session, pod).await?))
}

fn conditions(pod: &Node) -> impl Iterator<Item = &Node> {
    pod.path(&["status", "conditions"]).and_then(Node::as_seq).into_iter().flatten()
}

fn is_ready(pod: &Node) -> bool {
    meta::has_condition(pod, "Ready", "True")
}

/// What a pod's status says that it suffers from.
fn trouble(pod: &Node) -> Option<String> {
    let containers = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|key| pod.path(&["status", key])?.as_seq())
        .flatten();
    for container in containers {
        let name = container.str_at(&["name"]).unwrap_or_default();
        let waiting = container.path(&["state", "waiting"]);
        let reason = waiting.and_then(|state| state.str_at(&["reason"]));
        if let Some(reason) = reason.filter(|reason| !["ContainerCreating", "PodInitializing"].contains(reason)) {
            let message = waiting.and_then(|state| state.str_at(&["message"])).unwrap_or_default();
            let ended = container.path(&["lastState", "terminated"]).map(ended).unwrap_or_default();
            return Some(format!("container {name}: {}{ended}", joined(reason, message)));
        }
        if let Some(state) = container.path(&["state", "terminated"]).filter(|s| code(s) != Some(0)) {
            return Some(format!("container {name}: terminated{}", ended(state)));
        }
    }
    let unscheduled = conditions(pod)
        .find(|c| c.str_at(&["type"]) == Some("PodScheduled") && c.str_at(&["status"]) == Some("False"))?;
    let text = |key: &str| unscheduled.str_at(&[key]).unwrap_or_default();
    Some(joined(text("reason"), text("message")))
}

fn code(terminated: &Node) -> Option<i64> {
    terminated.get("exitCode").and_then(Node::as_i64)
}

fn ended(terminated: &Node) -> String {
    let reason = terminated.str_at(&["reason"]).unwrap_or("Error");
    code(terminated).map_or(String::new(), |code| format!(" (last ended with code {code}: {reason})"))
}

fn joined(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
}

/// The newest warning about an object: a failing probe, a volume that cannot be mounted.
async fn last_warning(session: &Session, object: &Node) -> Option<String> {
    let uid = meta::uid(object)?;
    let query = format!("fieldSelector={}", percent_encoded(&format!("involvedObject.uid={uid},type=Warning")));
    let events = list(session, "Event", meta::namespace(object).unwrap_or("default"), &query).await?;
    let time = |event: &Node| {
        let times = ["lastTimestamp", "eventTime", "firstTimestamp"];
        times.iter().find_map(|key| event.str_at(&[key])).unwrap_or_default().to_owned()
    };
    let newest = events.iter().max_by_key(|event| time(event))?;
    let text = |key: &str| newest.str_at(&[key]).unwrap_or_default();
    Some(joined(text("reason"), text("message")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    #[test]
    fn a_pod_says_what_it_suffers_from() {
        for (status, expect) in [
            (
                r#"{"containerStatuses":[{"name":"app","state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"x\""}}}]}"#,
                Some(r#"container app: ImagePullBackOff: Back-off pulling image "x""#),
            ),
            (
                r#"{"containerStatuses":[{"name":"app","state":{"waiting":{"reason":"CrashLoopBackOff"}},
                    "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}"#,
                Some("container app: CrashLoopBackOff (last ended with code 137: OOMKilled)"),
            ),
            (
                r#"{"initContainerStatuses":[{"name":"init","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]}"#,
                Some("container init: terminated (last ended with code 1: Error)"),
            ),
            (
                r#"{"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]}"#,
                Some("Unschedulable: 0/3 nodes"),
            ),
            (r#"{"containerStatuses":[{"name":"app","state":{"waiting":{"reason":"ContainerCreating"}}}]}"#, None),
            (r#"{"containerStatuses":[{"name":"app","state":{"running":{}}}]}"#, None),
        ] {
            let pod = node(&format!(r#"{{"kind":"Pod","status":{status}}}"#));
            assert_eq!(trouble(&pod).as_deref(), expect, "{status}");
        }
    }

    #[test]
    fn selectors_are_written_as_queries() {
        let both = node(
            r#"{"matchLabels":{"app":"a"},"matchExpressions":[{"key":"tier","operator":"In","values":["x","y"]},
                {"key":"old","operator":"DoesNotExist"}]}"#,
        );
        assert_eq!(selector(&both).as_deref(), Some("app=a,tier in (x,y),!old"));
        assert_eq!(selector(&node("{}")), None, "nothing is not everything");
    }
}
