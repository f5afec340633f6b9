//! Health and dependencies by CEL.

use crate::manifests::{config_map, namespace};
use weir_e2e::{Cluster, condition, on_both};
use weir_testkit::{GitRepo, eventually};

on_both!(expressions_say_what_is_ready);

const KUSTOMIZATIONS: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: infra, namespace: flux-system}
spec:
  interval: 1h
  retryInterval: 1h
  timeout: 10m
  path: infra
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  healthChecks: [{apiVersion: v1, kind: ConfigMap, name: outside, namespace: cel}]
  healthCheckExprs:
  - apiVersion: v1
    kind: ConfigMap
    inProgress: data.state == 'starting'
    failed: data.state == 'broken'
    current: data.state == 'ready'
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system, labels: {stage: one}}
spec:
  interval: 1h
  path: apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn:
  - name: infra
    readyExpr: >-
      dep.metadata.labels.stage == self.metadata.labels.stage &&
      dep.status.conditions.exists(c, c.type == 'Healthy' && c.status == 'True')
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: wrong, namespace: flux-system}
spec:
  interval: 1h
  path: apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn: [{name: infra, readyExpr: dep.status.ready}]
";

fn expressions_say_what_is_ready(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("deploy/namespace.yaml", &namespace("cel")),
        ("infra/a.yaml", &config_map("cel", "infra", "1")),
        ("apps/a.yaml", &config_map("cel", "apps", "1")),
    ]);
    let _up = cluster.up(repo.path(), &["--path", "deploy"]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let state = |state: &str| {
        let data =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: outside, namespace: cel}}\ndata: {state}\n");
        kubectl.apply(&data).unwrap();
    };
    state("{state: starting}");
    kubectl.apply(KUSTOMIZATIONS).unwrap();

    // What can never be a bool for certain is refused before anything is looked at.
    let message = cluster.fails("kustomization", "flux-system", "wrong", "InvalidCELExpression");
    assert!(message.contains("spec.dependsOn[0].readyExpr: 1:11: "), "{message}");
    let wrong = kubectl.json(&["get", "kustomization", "-n", "flux-system", "wrong"]).unwrap();
    assert_eq!(condition(&wrong, "Stalled").unwrap()["reason"], "InvalidCELExpression");

    // A ConfigMap is always ready for kstatus; the expressions know better.
    says(cluster, "infra", "ConfigMap/cel/outside status: 'InProgress'");
    says(cluster, "apps", "dependency 'flux-system/infra' is not ready according to readyExpr");
    state("{}");
    says(cluster, "infra", "ConfigMap/cel/outside status: 'Unknown': 'data.state == 'starting'': 1:");
    state("{state: ready}");
    cluster.ready("kustomization", "flux-system", "infra", "True");

    // An expression that has no value is not a yes.
    says(cluster, "apps", "cannot be judged by readyExpr: 1:13: no such key: \"labels\"");
    assert!(!cluster.exists("configmap", "cel", "apps"));
    kubectl.run(&["label", "kustomization", "-n", "flux-system", "infra", "stage=one"]).unwrap();
    request(cluster, "apps", "labelled");
    cluster.ready("kustomization", "flux-system", "apps", "True");
    assert!(cluster.exists("configmap", "cel", "apps"));

    state("{state: broken}");
    request(cluster, "infra", "broken");
    let message = cluster.fails("kustomization", "flux-system", "infra", "HealthCheckFailed");
    assert!(message.contains("failed early due to stalled resources: [ConfigMap/cel/outside"), "{message}");
}

fn request(cluster: &Cluster, name: &str, token: &str) {
    let annotation = format!("reconcile.fluxcd.io/requestedAt={token}");
    let command = ["annotate", "--overwrite", "kustomization", "-n", "flux-system", name, &annotation];
    cluster.kubectl().run(&command).unwrap();
}

fn says(cluster: &Cluster, name: &str, what: &str) {
    eventually(&format!("{name} says {what}"), || {
        let object = cluster.kubectl().json(&["get", "kustomization", "-n", "flux-system", name])?;
        let ready = condition(&object, "Ready").cloned().unwrap_or_default();
        let message = ready["message"].as_str().unwrap_or_default();
        if message.contains(what) { Ok(()) } else { Err(ready.to_string()) }
    });
}
