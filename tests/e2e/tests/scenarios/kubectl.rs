//! kubectl's everyday verbs.

use crate::manifests::{deployment, namespace};
use weir_e2e::{Cluster, on_both};
use weir_testkit::{GitRepo, eventually};

on_both!(get_describe_apply_delete);

fn get_describe_apply_delete(cluster: &Cluster) {
    let repo = GitRepo::new(&[("namespace.yaml", &namespace("verbs"))]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();

    let manifest = deployment("verbs", "web", 1);
    assert!(kubectl.run_with_input(&["apply", "-f", "-"], &manifest).unwrap().contains("deployment.apps/web created"));
    assert!(kubectl.run_with_input(&["apply", "-f", "-"], &manifest).unwrap().contains("unchanged"));
    let changed = kubectl.run_with_input(&["apply", "-f", "-"], &deployment("verbs", "web", 2)).unwrap();
    assert!(changed.contains("configured"), "{changed}");
    eventually("two pods are ready", || {
        let table = kubectl.run(&["get", "deployment", "-n", "verbs", "web"])?;
        if table.contains("2/2") { Ok(()) } else { Err(table) }
    });
    let described = kubectl.run(&["describe", "deployment", "-n", "verbs", "web"]).unwrap();
    assert!(described.contains("Replicas:") && described.contains("registry.example.com/web:1"), "{described}");
    let table = kubectl.run(&["get", "kustomizations", "-n", "flux-system"]).unwrap();
    assert!(table.contains("READY") && table.contains("Applied revision: main@sha1:"), "{table}");
    let described = kubectl.run(&["describe", "kustomization", "-n", "flux-system", "flux-system"]).unwrap();
    assert!(described.contains("ReconciliationSucceeded"), "events and conditions are shown: {described}");
    kubectl.run(&["delete", "deployment", "-n", "verbs", "web"]).unwrap();
    assert!(!cluster.exists("deployment", "verbs", "web"));
    eventually("the pods go with their owner", || {
        let pods = kubectl.run(&["get", "pods", "-n", "verbs", "-o", "name"])?;
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
    let denied =
        kubectl.run(&["auth", "can-i", "create", "pods", "--as=system:serviceaccount:verbs:default", "-n", "verbs"]);
    assert!(denied.is_err(), "{denied:?}");
}
