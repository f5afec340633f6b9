//! Jobs: pods that run to their end.

use super::pods::{self, Name, condition, count, place, set_condition, text};
use super::writer;
use crate::clock;
use crate::cluster::State;
use crate::store::Object;
use weir_doc::{Map, Node};

pub(super) fn sync(state: &mut State, job: &Object) {
    let Some(at) = place(state, job, "jobs.batch") else { return };
    let over = |kind: &str| condition(&job.node, kind).is_some_and(|condition| text(condition, &["status"]) == "True");
    if over("Complete") || over("Failed") {
        return;
    }
    let suspended = job.node.path(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true);
    let mut all = pods::controlled(state, job, "pods");
    let phase = |pod: &Object, wanted: &str| text(&pod.node, &["status", "phase"]) == wanted;
    let succeeded = all.iter().filter(|pod| phase(pod, "Succeeded")).count() as i64;
    let failed = all.iter().filter(|pod| phase(pod, "Failed")).count() as i64;
    let wanted = job.node.path(&["spec", "completions"]).and_then(Node::as_i64).unwrap_or(1);
    let gave_up = failed > count(&job.node, &["spec", "backoffLimit"]);
    if !suspended && !gave_up {
        let running = all.len() as i64 - succeeded - failed;
        let room = count(&job.node, &["spec", "parallelism"]).min(wanted - succeeded) - running;
        let template = job.node.path(&["spec", "template"]).cloned().unwrap_or_default();
        for _ in 0..room.max(0) {
            let prefix = format!("{}-", job.name());
            let pod = pods::from_template(job, &template, Name::Generate(&prefix));
            all.extend(writer::create(state, "pods", pod));
        }
    }
    let active = all.len() as i64 - succeeded - failed;
    let done = succeeded >= wanted;
    let now = clock::now();
    let mut status = Map::new();
    let keep = |key: &str| job.node.path(&["status", key]).cloned();
    if !suspended {
        status.insert("startTime", keep("startTime").unwrap_or_else(|| Node::string(now.as_str())));
    }
    for (key, value) in
        [("active", if done || gave_up { 0 } else { active }), ("succeeded", succeeded), ("failed", failed)]
    {
        if value > 0 {
            status.insert(key, value);
        }
    }
    status.insert("ready", 0);
    status.insert("terminating", 0);
    status.insert("uncountedTerminatedPods", Node::map());
    let mut conditions = Vec::new();
    let mut add = |kind: &str, on: bool, reason: &str, message: &str| {
        let mut node = set_condition(condition(&job.node, kind), kind, on, reason, message, false);
        node.set("lastProbeTime", now.as_str());
        conditions.push(node);
    };
    if done {
        status.insert("completionTime", now.as_str());
        let message = "Reached expected number of succeeded pods";
        add("SuccessCriteriaMet", true, "CompletionsReached", message);
        add("Complete", true, "CompletionsReached", message);
    } else if gave_up {
        let message = "Job has reached the specified backoff limit";
        add("FailureTarget", true, "BackoffLimitExceeded", message);
        add("Failed", true, "BackoffLimitExceeded", message);
    } else if suspended {
        if let Some(old) = condition(&job.node, "Suspended") {
            conditions.push(old.clone());
        } else {
            add("Suspended", true, "JobSuspended", "Job suspended");
        }
    }
    if !conditions.is_empty() {
        status.insert("conditions", conditions);
    }
    writer::update(state, &at, "status", |node| node.set("status", status));
}
