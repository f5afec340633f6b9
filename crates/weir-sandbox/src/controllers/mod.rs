//! The controllers inside: one thread that hears of every change, in order, and reacts at once.
//!
//! A controller is a function of one object: it looks at the store and brings it one step further.
//! Each step makes changes, which are heard of in turn; nothing polls.

mod access;
mod daemonset;
mod deployment;
mod garbage;
mod job;
mod kubelet;
mod namespaces;
mod pods;
mod replicaset;
mod statefulset;
mod writer;

use crate::cluster::Cluster;
use crate::store::{Change, ChangeKind, Object, Ref};
use std::sync::{Arc, Weak, mpsc};

pub(crate) fn start(
    cluster: &Arc<Cluster>,
    inbox: mpsc::Receiver<Arc<Change>>,
    workloads: bool,
) -> std::io::Result<()> {
    let cluster = Arc::downgrade(cluster);
    let run = move || run(&cluster, &inbox, workloads);
    std::thread::Builder::new().name("weir-sandbox-controllers".to_owned()).spawn(run).map(|_| ())
}

fn run(cluster: &Weak<Cluster>, inbox: &mpsc::Receiver<Arc<Change>>, workloads: bool) {
    // The sender is in the cluster: the thread ends with it.
    while let Ok(change) = inbox.recv() {
        let Some(cluster) = cluster.upgrade() else { return };
        garbage::react(&cluster, &change);
        namespaces::react(&cluster, &change);
        if &*change.at.resource == "clusterroles.rbac.authorization.k8s.io" {
            access::aggregate(&cluster);
        }
        if workloads {
            if change.kind != ChangeKind::Deleted {
                sync(&cluster, &change.at);
            }
            // What an object is part of may have to change with it; a pod that lost its owner has one less.
            let old = change.old.as_deref().and_then(Object::controller);
            let new = change.object.controller();
            for owner in new.into_iter().chain(old.filter(|old| Some(*old) != new)) {
                let at = cluster.lock().store.by_uid(owner).cloned();
                if let Some(at) = at {
                    sync(&cluster, &at);
                }
            }
        }
    }
}

/// Brings one object one step further.
fn sync(cluster: &Cluster, at: &Ref) {
    let mut state = cluster.lock();
    let Some(object) = state.store.at(at).cloned() else { return };
    if object.is_terminating() {
        return;
    }
    match &*at.resource {
        "pods" => kubelet::sync(&mut state, &object),
        "persistentvolumeclaims" => kubelet::bind(&mut state, &object),
        "deployments.apps" => deployment::sync(&mut state, &object),
        "replicasets.apps" | "replicationcontrollers" => replicaset::sync(&mut state, &object),
        "statefulsets.apps" => statefulset::sync(&mut state, &object),
        "daemonsets.apps" => daemonset::sync(&mut state, &object),
        "jobs.batch" => job::sync(&mut state, &object),
        _ => {}
    }
}
