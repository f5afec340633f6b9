//! Waiting for health.

use crate::manifests::{config_map, custom, definition, namespace};
use crate::replicas::address;
use crate::rig::Rig;
use serde_json::Value;
use std::time::Duration;
use weir_e2e::{Cluster, Controller, condition, http_get, on_both};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_both!(
    what_waits_is_woken_and_asks_for_nothing,
    what_failed_recovers_without_a_commit,
    drift_is_put_right_while_health_is_awaited
);

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

fn what_failed_recovers_without_a_commit(cluster: &Cluster) {
    let space = "recovers";
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("kinds/a.yaml", &definition("Engine")),
            ("app/a.yaml", &custom("Engine", space, "main")),
            ("app/b.yaml", &config_map(space, "beside", "1")),
            ("next/a.yaml", &config_map(space, "next", "1")),
        ],
    );
    let _controller = rig.controller(&[]);
    let reports = |kind: &str, message: &str| {
        let conditions = format!(
            r#"[{{"type":"{kind}","status":"True","reason":"Reported","message":"{message}","lastTransitionTime":"2026-01-01T00:00:00Z"}}]"#
        );
        let patch = format!(r#"{{"status":{{"conditions":{conditions}}}}}"#);
        let command = ["patch", "engine", "-n", space, "main", "--subresource=status", "--type=merge", "-p", &patch];
        rig.kubectl.run(&command).unwrap();
    };
    rig.apply(&[rig.kustomization("kinds", "interval: 1h\nprune: true\nwait: true")]);
    rig.ready("kinds");
    rig.apply(&[
        rig.kustomization("app", "interval: 1h\nretryInterval: 2s\ntimeout: 10m\nprune: true\nwait: true"),
        rig.kustomization("next", "interval: 1h\nprune: true\ndependsOn: [{name: app}]"),
    ]);
    let before = rig.ready("app");
    rig.ready("next");

    reports("Stalled", "the pump is broken");
    rig.patch("kustomization", "app", r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"look"}}}"#);
    let message = rig.fails("app", "HealthCheckFailed");
    let expect = "failed early due to stalled resources: [Engine/recovers/main status: 'Failed': the pump is broken";
    assert!(message.contains(expect), "{message}");
    let failed = rig.get("app").unwrap();
    let healthy = condition(&failed, "Healthy").unwrap();
    assert_eq!((&healthy["status"], &healthy["reason"]), (&"False".into(), &"HealthCheckFailed".into()), "{healthy}");
    assert_eq!(healthy["message"], message.as_str());
    assert_eq!(failed["status"]["history"][0]["lastReconciledStatus"], "HealthCheckFailed", "{failed}");

    // It is on its way again, and then there: seen without a new commit and long before the interval.
    reports("Reconciling", "the pump is being mended");
    rig.says("app", "Running health checks");
    reports("Ready", "the pump runs");
    let after = rig.ready("app");
    assert_eq!(condition(&after, "Healthy").unwrap()["status"], "True", "{after}");
    assert_eq!(after["status"]["lastAppliedRevision"], before["status"]["lastAppliedRevision"]);
    for name in ["next", "app", "kinds"] {
        rig.delete(name);
    }
}

fn drift_is_put_right_while_health_is_awaited(cluster: &Cluster) {
    let space = "awaits";
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("app/a.yaml", &config_map(space, "changed", "1")),
            ("app/b.yaml", &config_map(space, "deleted", "1")),
            ("app/c.yaml", &config_map(space, "fought", "1")),
        ],
    );
    let _controller = rig.controller(&[]);
    let check = format!("healthChecks: [{{apiVersion: v1, kind: ConfigMap, name: gate, namespace: {space}}}]");
    rig.apply(&[rig.kustomization("app", &format!("interval: 1h\ntimeout: 15s\nprune: true\n{check}"))]);
    rig.says("app", "ConfigMap/awaits/gate status: 'NotFound'");
    rig.patch("configmap", "changed", r#"{"data":{"value":"by hand"}}"#);
    rig.kubectl.run(&["delete", "configmap", "-n", space, "deleted"]).unwrap();
    rig.has("changed", "1");
    rig.has("deleted", "1");
    rig.says("app", "ConfigMap/awaits/gate status: 'NotFound'");
    // Who goes on meddling does not put off the end of the waiting.
    eventually("the waiting ends", || {
        rig.patch("configmap", "fought", r#"{"data":{"value":"by hand"}}"#);
        let ready = condition(&rig.get("app")?, "Ready").cloned().unwrap_or_default();
        if ready["reason"] == "HealthCheckFailed" { Ok(()) } else { Err(ready.to_string()) }
    });
}
