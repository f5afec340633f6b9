//! The rule for pods.

use super::Verdict;
use super::fields::{Condition, Unreadable, strict_list, text};
use std::time::{Duration, SystemTime};
use weir_doc::Node;

/// How long a pod may find no node: an autoscaler may be making one.
const UNSCHEDULABLE: Duration = Duration::from_secs(15);

pub(super) fn assess(node: &Node, conditions: &[Condition<'_>], now: SystemTime) -> Result<Verdict, Unreadable> {
    Ok(match text(node, &["status", "phase"], "") {
        "Succeeded" => Verdict::current("Pod has completed successfully"),
        "Failed" => Verdict::current("Pod has completed, but not successfully"),
        "Running" if conditions.iter().any(|c| c.is("Ready", "True")) => Verdict::current("Pod is Ready"),
        "Running" => {
            let crashing = crashing_containers(node)?;
            if crashing.is_empty() {
                Verdict::in_progress("Pod is running but is not Ready")
            } else {
                Verdict::failed(format!("Containers in CrashLoop state: {}", crashing.join(",")))
            }
        }
        "Pending" => match conditions.iter().find(|c| c.is("PodScheduled", "False")) {
            Some(condition) if condition.reason == "Unschedulable" => {
                if is_new(node, now) {
                    Verdict::in_progress("Pod has not been scheduled")
                } else {
                    Verdict::failed("Pod could not be scheduled")
                }
            }
            _ => Verdict::in_progress("Pod is in the Pending phase"),
        },
        "" => Verdict::in_progress("Pod phase not available"),
        phase => return Err(format!("unknown phase {phase}")),
    })
}

fn is_new(node: &Node, now: SystemTime) -> bool {
    let created = text(node, &["metadata", "creationTimestamp"], "").parse::<jiff::Timestamp>();
    created.is_ok_and(|created| SystemTime::from(created) + UNSCHEDULABLE > now)
}

fn crashing_containers(node: &Node) -> Result<Vec<&str>, Unreadable> {
    let mut names = Vec::new();
    for container in strict_list(node, &["status", "containerStatuses"])? {
        if container.as_map().is_none() {
            return Err(format!("a container of status.containerStatuses is a {}, not a map", container.kind_name()));
        }
        if let Some(name) = container.str_at(&["name"])
            && container.str_at(&["state", "waiting", "reason"]) == Some("CrashLoopBackOff")
        {
            names.push(name);
        }
    }
    Ok(names)
}
