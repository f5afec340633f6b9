//! Waiting for health.

use crate::manifests::{config_map, namespace};
use crate::replicas::address;
use serde_json::Value;
use std::time::Duration;
use weir_e2e::{Cluster, Controller, condition, http_get, on_both};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_both!(what_waits_is_woken_and_asks_for_nothing);

const TENANT: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: health}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: health}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: health}
subjects: [{kind: ServiceAccount, name: deployer, namespace: health}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
";

fn kustomization(name: &str, path: &str, waits_for: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: health}}
spec:
  interval: 1h
  timeout: 10m
  path: {path}
  prune: true{more}
  sourceRef: {{kind: GitRepository, name: repo}}
  healthChecks: [{{apiVersion: v1, kind: ConfigMap, name: {waits_for}, namespace: health}}]
"
    )
}

fn what_waits_is_woken_and_asks_for_nothing(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let repo = GitRepo::new(&[
        ("own/a.yaml", &config_map("health", "own", "1")),
        ("tenant/a.yaml", &config_map("health", "tenant", "1")),
    ]);
    let http = GitHttp::serve(repo.path());
    let (data, storage) = (tempfile::tempdir().unwrap(), address());
    let (path, addr) =
        (format!("--source.storage-path={}", data.path().display()), format!("--source.storage-addr={storage}"));
    // One worker: whoever waits must not hold it.
    let controller = Controller::start(
        cluster.kubeconfig(),
        "run",
        &[&path, &addr, "--kustomize.concurrent=1", "--enable-profiling"],
    );
    let source = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: repo, namespace: health}}\n\
         spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}\n",
        http.url(".git")
    );
    kubectl.apply(&[namespace("health"), TENANT.to_owned()].join("---\n")).unwrap();
    kubectl.apply(&[source, kustomization("own", "own", "late", "")].join("---\n")).unwrap();
    waits(cluster, "own", "ConfigMap/health/late status: 'NotFound'");

    // While nothing changes, nothing is asked for. Flux would look twice, and read the object each time.
    let before = eventually("the watch is open", || {
        let (before, _) = (controller.requests(), window());
        let after = controller.requests();
        if before == after { Ok(after) } else { Err(format!("{before} and then {after} requests")) }
    });
    kubectl.apply(&config_map("health", "late", "1")).unwrap();
    let own = cluster.ready("kustomization", "health", "own", "True");
    let asked = controller.requests() - before;
    assert!(asked <= 8, "{asked} requests for one change");
    let late = kubectl.json(&["get", "configmap", "-n", "health", "late"]).unwrap();
    let (made, seen) =
        (&late["metadata"]["creationTimestamp"], &condition(&own, "Ready").unwrap()["lastTransitionTime"]);
    let seconds = |time: &Value| -> i64 {
        let clock = &time.as_str().unwrap()[11..19];
        clock.split(':').fold(0, |sum, part| 60 * sum + part.parse::<i64>().unwrap())
    };
    let took = (seconds(seen) - seconds(made)).rem_euclid(86_400);
    assert!(took <= 4, "it was seen after {took} s");

    // A tenant that may not watch is looked after all the same.
    let tenant = kustomization("tenant", "tenant", "later", "\n  serviceAccountName: deployer");
    kubectl.apply(&tenant).unwrap();
    waits(cluster, "tenant", "ConfigMap/health/later status: 'NotFound'");
    kubectl.apply(&config_map("health", "later", "1")).unwrap();
    cluster.ready("kustomization", "health", "tenant", "True");

    let process = http_get(controller.metrics, "/debug/pprof/runtime").unwrap();
    assert!(process.contains("watch streams: "), "{process}");
    assert!(http_get(controller.health, "/debug/pprof/runtime").unwrap().starts_with("HTTP/1.1 404"));
    kubectl.run(&["delete", "kustomization", "-n", "health", "--all", "--timeout=60s"]).unwrap();
    kubectl.run(&["delete", "gitrepository", "-n", "health", "--all", "--timeout=60s"]).unwrap();
    assert_eq!(controller.terminate(), Some(0));
}

fn waits(cluster: &Cluster, name: &str, what: &str) {
    eventually(&format!("{name} waits for {what}"), || {
        let object = cluster.kubectl().json(&["get", "kustomization", "-n", "health", name])?;
        let ready = condition(&object, "Ready").cloned().unwrap_or_default().to_string();
        if ready.contains(what) { Ok(()) } else { Err(ready) }
    });
}

/// The time during which requests are counted; longer than Flux's interval, and than ours without a watch.
fn window() {
    std::thread::sleep(Duration::from_secs(11));
}
