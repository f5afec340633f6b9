//! DaemonSets: one pod on the one pretend node.

use super::kubelet::NODE;
use super::pods::{self, Name, count, is_ready, place, template_hash, text};
use super::writer;
use crate::cluster::State;
use crate::store::Object;
use weir_doc::Node;

const REVISION_LABEL: &str = "controller-revision-hash";

pub(super) fn sync(state: &mut State, set: &Object) {
    let Some(at) = place(state, set, "daemonsets.apps") else { return };
    let template = set.node.path(&["spec", "template"]).cloned().unwrap_or_default();
    let hash = template_hash(&template);
    let current = |pod: &Object| text(&pod.node, &["metadata", "labels", REVISION_LABEL]) == hash;
    let on_delete = text(&set.node, &["spec", "updateStrategy", "type"]) == "OnDelete";
    let mut active = pods::active(state, set);
    if !on_delete {
        for pod in active.iter().filter(|pod| !current(pod)) {
            pods::delete_pod(state, pod);
        }
        active.retain(|pod| current(pod));
    }
    if active.is_empty() {
        let prefix = format!("{}-", set.name());
        let mut pod = pods::from_template(set, &template, Name::Generate(&prefix));
        pod.ensure_map(&["metadata", "labels"]).insert(REVISION_LABEL, hash.as_str());
        pod.ensure_map(&["spec"]).insert("nodeName", NODE);
        active.extend(writer::create(state, "pods", pod));
    }
    let ready = active.iter().filter(|pod| is_ready(pod)).count() as i64;
    let updated = active.iter().filter(|pod| current(pod)).count() as i64;
    pods::put_status(
        state,
        &at,
        &[
            ("currentNumberScheduled", active.len() as i64),
            ("numberMisscheduled", 0),
            ("desiredNumberScheduled", 1),
            ("numberReady", ready),
            ("observedGeneration", count(&set.node, &["metadata", "generation"])),
        ],
        &[("updatedNumberScheduled", updated), ("numberAvailable", ready), ("numberUnavailable", 1 - ready)],
        Vec::<(&str, Node)>::new(),
    );
}
