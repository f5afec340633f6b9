//! `weir controller` against a cluster that somebody else runs.

use crate::manifests::{config_map, namespace};
use serde_json::Value;
use weir_e2e::{Cluster, Controller, free_port, http_get, installed, on_both};
use weir_testkit::{EventReceiver, GitHttp, GitRepo, eventually};

on_both!(all_in_one_process, one_process_each);

/// A source and what is applied from its folder `deploy`.
pub(crate) fn objects(space: &str, url: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: repo, namespace: {space}, annotations: {{event.toolkit.fluxcd.io/env: test}}}}
spec: {{interval: 1h, url: '{url}', ref: {{branch: main}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: app, namespace: {space}}}
spec: {{interval: 1h, path: deploy, prune: true, sourceRef: {{kind: GitRepository, name: repo}}}}
"
    )
}

/// Asks for a pass and waits until it is answered.
pub(crate) fn request(cluster: &Cluster, kind: &str, space: &str, name: &str, at: &str) -> Value {
    let annotation = format!("reconcile.fluxcd.io/requestedAt={at}");
    cluster.kubectl().run(&["annotate", "--overwrite", kind, "-n", space, name, &annotation]).unwrap();
    eventually("the request is handled", || {
        let object = cluster.kubectl().json(&["get", kind, "-n", space, name])?;
        if object["status"]["lastHandledReconcileAt"] == at { Ok(object) } else { Err(object["status"].to_string()) }
    })
}

fn all_in_one_process(cluster: &Cluster) {
    let _server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("ctl-all", "a", "1"))]);
    let http = GitHttp::serve(repo.path());
    let receiver = EventReceiver::start();
    let data = tempfile::tempdir().unwrap();
    let controller = Controller::start(
        cluster.kubeconfig(),
        "run",
        &[
            &format!("--events-addr={}", receiver.url),
            &format!("--source.storage-path={}", data.path().display()),
            &format!("--source.storage-addr=127.0.0.1:{}", free_port()),
        ],
    );
    cluster.kubectl().apply(&namespace("ctl-all")).unwrap();
    cluster.kubectl().apply(&objects("ctl-all", &http.url(".git"))).unwrap();
    cluster.ready("gitrepository", "ctl-all", "repo", "True");
    cluster.ready("kustomization", "ctl-all", "app", "True");
    assert!(cluster.exists("configmap", "ctl-all", "a"));

    assert!(http_get(controller.health, "/healthz").unwrap().ends_with("ok"));
    assert!(http_get(controller.health, "/readyz").unwrap().starts_with("HTTP/1.1 200"));
    let metrics = http_get(controller.metrics, "/metrics").unwrap();
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    let app = "{kind=\"Kustomization\",name=\"app\",namespace=\"ctl-all\"";
    for series in [
        &format!("gotk_reconcile_duration_seconds_bucket{app},le=\"0.01\"}}"),
        &format!("gotk_reconcile_duration_seconds_count{app}}}"),
        "controller_runtime_reconcile_total{controller=\"gitrepository\",result=\"requeue_after\"}",
        "controller_runtime_max_concurrent_reconciles{controller=\"kustomization\"} 4",
        "controller_runtime_active_workers{controller=\"kustomization\"}",
        "controller_runtime_reconcile_time_seconds_bucket{controller=\"gitrepository\",le=\"0.005\"}",
        "workqueue_adds_total{controller=\"kustomization\",name=\"kustomization\"}",
        "workqueue_queue_duration_seconds_count{controller=\"gitrepository\",name=\"gitrepository\"}",
        "rest_client_requests_total{code=\"200\"",
    ] {
        assert!(metrics.contains(series), "{series} is not in\n{metrics}");
    }

    let event = eventually("the event of the new artifact is posted", || {
        let found = receiver.events().into_iter().find(|event| event["reason"] == "NewArtifact");
        found.ok_or_else(|| format!("{:?}", receiver.events()))
    });
    assert_eq!(event["involvedObject"]["kind"], "GitRepository");
    assert_eq!(event["involvedObject"]["apiVersion"], "source.toolkit.fluxcd.io/v1");
    assert_eq!((&event["severity"], &event["reportingController"]), (&"info".into(), &"source-controller".into()));
    assert_eq!(event["metadata"]["event.toolkit.fluxcd.io/env"], "test");
    assert!(event["metadata"]["source.toolkit.fluxcd.io/revision"].as_str().unwrap().starts_with("main@sha1:"));

    let line = eventually("the reconcile is in the log", || {
        let lines: Vec<Value> = controller.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found = lines.iter().find(|line| {
            line["controllerKind"] == "Kustomization"
                && line["msg"].as_str().unwrap().contains("Reconciliation finished")
        });
        found.cloned().ok_or_else(|| format!("{lines:?}"))
    });
    assert_eq!((&line["level"], &line["name"], &line["namespace"]), (&"info".into(), &"app".into(), &"ctl-all".into()));
    assert!(line["ts"].as_str().unwrap().ends_with('Z'));

    cluster.kubectl().run(&["delete", "kustomization", "-n", "ctl-all", "app"]).unwrap();
    assert!(!cluster.exists("configmap", "ctl-all", "a"));
    eventually("the series goes with the object", || {
        let metrics = http_get(controller.metrics, "/metrics")?;
        if metrics.contains(&format!("gotk_reconcile_duration_seconds_count{app}")) { Err(metrics) } else { Ok(()) }
    });
    cluster.kubectl().run(&["delete", "gitrepository", "-n", "ctl-all", "repo"]).unwrap();
    assert_eq!(controller.terminate(), Some(0), "SIGTERM is a graceful end");
}

fn one_process_each(cluster: &Cluster) {
    let _server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("ctl-two", "a", "1"))]);
    let http = GitHttp::serve(repo.path());
    let data = tempfile::tempdir().unwrap();
    let storage = format!("127.0.0.1:{}", free_port());
    let source_args = [format!("--storage-path={}", data.path().display()), format!("--storage-addr={storage}")];
    let kustomize = Controller::start(cluster.kubeconfig(), "kustomize", &["--requeue-dependency=1s"]);
    cluster.kubectl().apply(&[namespace("ctl-two"), installed::tenant("ctl-two")].join("---\n")).unwrap();
    cluster.kubectl().apply(&objects("ctl-two", &http.url(".git"))).unwrap();
    let waits = cluster.ready("kustomization", "ctl-two", "app", "False");
    assert!(waits["status"]["conditions"].to_string().contains("Source artifact not found"), "{waits}");
    let source = Controller::start(cluster.kubeconfig(), "source", &source_args.each_ref().map(String::as_str));
    cluster.ready("kustomization", "ctl-two", "app", "True");
    let published = cluster.ready("gitrepository", "ctl-two", "repo", "True");
    let artifact = &published["status"]["artifact"];
    assert!(artifact["url"].as_str().unwrap().starts_with(&format!("http://{storage}/")), "{artifact}");

    // The file goes: the consumer waits, the source builds it again, and the consumer goes on.
    std::fs::remove_file(data.path().join(artifact["path"].as_str().unwrap())).unwrap();
    cluster.kubectl().run(&["delete", "kustomization", "-n", "ctl-two", "app"]).unwrap();
    cluster.kubectl().apply(&objects("ctl-two", &http.url(".git"))).unwrap();
    kustomize.kill();
    let _again = Controller::start(cluster.kubeconfig(), "kustomize", &["--requeue-dependency=1s"]);
    let waits = cluster.ready("kustomization", "ctl-two", "app", "False");
    assert!(waits["status"]["conditions"].to_string().contains("disappeared from storage"), "{waits}");
    request(cluster, "gitrepository", "ctl-two", "repo", "1");
    cluster.ready("kustomization", "ctl-two", "app", "True");
    cluster.kubectl().run(&["delete", "kustomization", "-n", "ctl-two", "app"]).unwrap();
    cluster.kubectl().run(&["delete", "gitrepository", "-n", "ctl-two", "repo"]).unwrap();
    assert_eq!(source.terminate(), Some(0));
}
