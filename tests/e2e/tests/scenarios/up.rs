//! `weir up` itself.

use crate::manifests::{config_map, deployment, namespace};
use std::path::Path;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_both!(
    a_git_url_is_followed,
    the_example_fleet_is_ready_once,
    a_saved_file_is_on_the_cluster,
    what_fails_is_said,
    unsupported_kinds_are_said
);

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn the_example_fleet_is_ready_once(cluster: &Cluster) {
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fleet");
    let ended = cluster.once(&fleet, &["--output", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let tree: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let sources = tree["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 3);
    let kustomizations: Vec<&serde_json::Value> =
        sources.iter().flat_map(|s| s["kustomizations"].as_array().unwrap()).collect();
    assert_eq!(kustomizations.len(), 6);
    // The tenants' Kustomizations do not wait: their pods may still be starting.
    let (waiting, tenants): (Vec<&serde_json::Value>, Vec<&serde_json::Value>) = kustomizations
        .iter()
        .partition(|k| ["apps", "infrastructure"].iter().any(|n| k["id"] == format!("Kustomization/flux-system/{n}")));
    let objects_of = |of: &[&serde_json::Value]| -> Vec<serde_json::Value> {
        of.iter().flat_map(|k| k["objects"].as_array().unwrap().clone()).collect()
    };
    assert_eq!(waiting.len(), 2);
    assert!(objects_of(&waiting).iter().all(|o| o["status"] == "Current"), "{tree:#}");
    let objects = [objects_of(&waiting), objects_of(&tenants)].concat();
    assert!(objects.iter().all(|o| o["status"] == "Current" || o["status"] == "InProgress"), "{tree:#}");
    let has = |id: &str| objects.iter().any(|o| o["id"] == id);
    assert!(
        has("Deployment/team-frontend/frontend") && has("Deployment/apps/web") && has("ClusterRole/flux-tenant-role")
    );
    if cluster.backend == weir_e2e::Backend::KubeApiserver {
        for namespace in ["apps", "team-frontend", "team-backend"] {
            cluster.kubectl().run(&["label", "namespace", namespace, "e2e=true"]).unwrap();
        }
        cluster.kubectl().run(&["delete", "clusterrole", "flux-tenant-role"]).unwrap();
        cluster.kubectl().run(&["delete", "priorityclass", "tenant-default"]).unwrap();
    }
}

fn a_git_url_is_followed(cluster: &Cluster) {
    let repo = GitRepo::new(&[("deploy/a.yaml", &namespace("url")), ("deploy/b.yaml", &config_map("url", "a", "1"))]);
    let server = GitHttp::serve(repo.path());
    let _up = cluster.up(Path::new(&server.url(".git")), &["--path", "deploy"]);
    let source = cluster.ready("gitrepository", "flux-system", "flux-system", "True");
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(source["status"]["artifact"]["revision"], format!("main@sha1:{head}"));
    cluster.applied(&head);
    let request = |at: &str| {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={at}");
        cluster
            .kubectl()
            .run(&["annotate", "--overwrite", "gitrepository", "-n", "flux-system", "flux-system", &annotation])
            .unwrap();
        eventually("the request is handled", || {
            let object = cluster.kubectl().json(&["get", "gitrepository", "-n", "flux-system", "flux-system"])?;
            if object["status"]["lastHandledReconcileAt"] == at {
                Ok(object)
            } else {
                Err(object["status"].to_string())
            }
        })
    };
    let before = server.requests();
    request("1");
    assert!(server.requests() - before <= 2, "a look without a change asks for the references only");
    let commit = repo.commit(&[("deploy/b.yaml", &config_map("url", "a", "2"))], &[], "second");
    request("2");
    cluster.applied(&commit);
    let object = cluster.kubectl().json(&["get", "configmap", "-n", "url", "a"]).unwrap();
    assert_eq!(object["data"]["value"], "2");
    repo.git(&["branch", "-m", "main", "other"]);
    request("3");
    let text = cluster.fails("gitrepository", "flux-system", "flux-system", "GitOperationFailed");
    let failed = cluster.kubectl().json(&["get", "gitrepository", "-n", "flux-system", "flux-system"]).unwrap();
    assert!(text.contains("couldn't find remote ref") && text.contains("refs/heads/main"), "{text}");
    assert!(failed["status"]["artifact"]["revision"].as_str().unwrap().ends_with(&commit), "the last artifact stays");
}

fn a_saved_file_is_on_the_cluster(cluster: &Cluster) {
    let dir = folder(&[("namespace.yaml", &namespace("saved")), ("a.yaml", &config_map("saved", "a", "1"))]);
    let _up = cluster.up(dir.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    std::fs::write(dir.path().join("a.yaml"), config_map("saved", "a", "2")).unwrap();
    eventually("the new value is there", || {
        let object = cluster.kubectl().json(&["get", "configmap", "-n", "saved", "a"])?;
        if object["data"]["value"] == "2" { Ok(()) } else { Err(object["data"].to_string()) }
    });
}

fn what_fails_is_said(cluster: &Cluster) {
    let broken = deployment("wrong", "web", 1).replace("replicas: 1", "replicas: many");
    let dir = folder(&[("namespace.yaml", &namespace("wrong")), ("web.yaml", &broken)]);
    let ended = cluster.once(dir.path(), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said =
        ended.stderr.lines().find(|l| l.starts_with("Kustomization/flux-system/flux-system: ReconciliationFailed"));
    let said = said.unwrap_or_else(|| panic!("{ended:?}"));
    assert!(said.contains("web.yaml:1") && said.contains("Deployment/wrong/web dry-run failed"), "{said}");
}

fn unsupported_kinds_are_said(cluster: &Cluster) {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app, namespace: unsupported}
spec:
  chartRef: {kind: OCIRepository, name: app}
";
    let alert = "apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: alert, namespace: unsupported}
spec:
  providerRef: {name: slack}
  eventSources: [{kind: Kustomization, name: '*'}]
";
    let dir = folder(&[("a.yaml", &namespace("unsupported")), ("b.yaml", release), ("c.yaml", alert)]);
    let _up = cluster.up(dir.path(), &[]);
    let release = cluster.ready("helmrelease", "unsupported", "app", "False");
    let stalled = release["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Stalled").unwrap();
    assert_eq!((&stalled["status"], &stalled["reason"]), (&"True".into(), &"NotImplemented".into()));
    eventually("the alert's event", || {
        let events = cluster.kubectl().run(&["get", "events", "-n", "unsupported"])?;
        let said = events.lines().any(|l| l.contains("NotImplemented") && l.to_lowercase().contains("alert/alert"));
        if said { Ok(()) } else { Err(events) }
    });
}
