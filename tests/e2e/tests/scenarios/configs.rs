//! ConfigMaps and Secrets that a Kustomization names.

use crate::manifests::{config_map, namespace};
use crate::replicas::address;
use serde_json::Value;
use weir_e2e::{Cluster, Controller, condition, on_both};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_both!(a_labelled_config_that_changes_is_applied, a_selector_that_is_none_is_refused);

fn config(kind: &str, name: &str, word: &str, labels: &str) -> String {
    let field = if kind == "Secret" { "stringData" } else { "data" };
    format!(
        "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: configs, labels: {{{labels}}}}}\n\
         {field}: {{{}: {word}}}\n",
        name.replace('-', "_")
    )
}

const WATCHED: &str = "reconcile.fluxcd.io/watch: Enabled";

fn a_labelled_config_that_changes_is_applied(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let app = config_map("configs", "app", "${map} ${secret} ${unwatched}");
    let repo = GitRepo::new(&[("deploy/a.yaml", &app), ("waits/a.yaml", &app.replace("name: app", "name: waits"))]);
    let http = GitHttp::serve(repo.path());
    let (data, storage) = (tempfile::tempdir().unwrap(), address());
    let (path, addr) =
        (format!("--source.storage-path={}", data.path().display()), format!("--source.storage-addr={storage}"));
    let controller = Controller::start(cluster.kubeconfig(), "run", &[&path, &addr]);
    kubectl.apply(&namespace("configs")).unwrap();
    for (kind, name, labels) in
        [("ConfigMap", "map", WATCHED), ("Secret", "secret", WATCHED), ("ConfigMap", "unwatched", "")]
    {
        kubectl.apply(&config(kind, name, "one", labels)).unwrap();
    }
    let objects = |name: &str, path: &str, more: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: configs}}
spec:
  interval: 1h
  timeout: 10m
  path: {path}
  prune: true{more}
  sourceRef: {{kind: GitRepository, name: repo}}
  postBuild:
    substituteFrom:
    - {{kind: ConfigMap, name: map}}
    - {{kind: ConfigMap, name: unwatched}}
    - {{kind: Secret, name: secret}}
"
        )
    };
    let source = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: repo, namespace: configs}}\n\
         spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}\n",
        http.url(".git")
    );
    kubectl
        .apply(
            &[
                source,
                objects("app", "deploy", ""),
                objects(
                    "waits",
                    "waits",
                    "\n  healthChecks: [{apiVersion: v1, kind: ConfigMap, name: absent, namespace: configs}]",
                ),
            ]
            .join("---\n"),
        )
        .unwrap();
    cluster.ready("kustomization", "configs", "app", "True");
    let value = |name: &str, expect: &str| {
        eventually(&format!("{name} has '{expect}'"), || {
            let live = kubectl.json(&["get", "configmap", "-n", "configs", name])?;
            if live["data"]["value"] == expect { Ok(live) } else { Err(live["data"].to_string()) }
        })
    };
    value("app", "one one one");
    kubectl.apply(&config("ConfigMap", "map", "two", WATCHED)).unwrap();
    value("app", "two one one");
    kubectl.apply(&config("Secret", "secret", "two", WATCHED)).unwrap();
    value("app", "two two one");
    // One without the label is read, and triggers nothing: the next trigger brings it along.
    kubectl.apply(&config("ConfigMap", "unwatched", "two", "")).unwrap();
    let before = history(cluster);
    kubectl.apply(&config("ConfigMap", "map", "three", WATCHED)).unwrap();
    value("app", "three two two");
    assert_eq!(history(cluster), before + 1, "there was no pass for the one without a label");

    // A Kustomization that waits for health begins anew.
    let waits = kubectl.json(&["get", "kustomization", "-n", "configs", "waits"]).unwrap();
    assert_eq!(condition(&waits, "Ready").unwrap()["status"], "Unknown", "{waits}");
    kubectl.apply(&config("Secret", "secret", "three", WATCHED)).unwrap();
    value("waits", "three three two");

    // One that is gone fails the build at once.
    kubectl.run(&["delete", "configmap", "-n", "configs", "map"]).unwrap();
    let message = cluster.fails("kustomization", "configs", "app", "BuildFailed");
    assert!(message.contains("substitute from 'ConfigMap/map' error: not found"), "{message}");
    kubectl.run(&["delete", "kustomization", "-n", "configs", "--all", "--timeout=60s"]).unwrap();
    kubectl.run(&["delete", "gitrepository", "-n", "configs", "--all", "--timeout=60s"]).unwrap();
    assert_eq!(controller.terminate(), Some(0));
}

/// How many builds of the Kustomization differ from the one before.
fn history(cluster: &Cluster) -> usize {
    let app: Value = cluster.kubectl().json(&["get", "kustomization", "-n", "configs", "app"]).unwrap();
    app["status"]["history"].as_array().unwrap().len()
}

fn a_selector_that_is_none_is_refused(cluster: &Cluster) {
    let _server = cluster.served();
    for flag in ["--watch-label-selector", "--watch-configs-label-selector"] {
        let controller = Controller::start(cluster.kubeconfig(), "kustomize", &[&format!("{flag}=a in (b")]);
        let (code, log) = controller.wait();
        assert_eq!(code, Some(1), "{log:?}");
        assert!(
            log.iter().any(|line| line.contains(&format!("{flag}=a in (b: unable to parse requirement"))),
            "{log:?}"
        );
    }
}
