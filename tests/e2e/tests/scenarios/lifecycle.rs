//! Install, upgrade, prune, drift, deletion.

use crate::manifests::{config_map, deployment, namespace};
use weir_e2e::{Cluster, on_both};
use weir_testkit::{GitRepo, eventually};

on_both!(
    variables_are_substituted,
    install_upgrade_prune,
    drift_is_corrected,
    drift_is_seen_at_once,
    deleting_the_kustomization_deletes_its_objects,
    definition_and_object_in_one_commit
);

fn install_upgrade_prune(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("deploy/namespace.yaml", &namespace("life")),
        ("deploy/web.yaml", &deployment("life", "web", 1)),
        ("deploy/old.yaml", &config_map("life", "old", "1")),
    ]);
    let _up = cluster.up(repo.path(), &["--path", "deploy"]);
    let kustomization = cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let web = kubectl.json(&["get", "deployment", "-n", "life", "web"]).unwrap();
    assert_eq!(web["status"]["readyReplicas"], 1, "wait: true means that the Deployment is ready");
    assert_eq!(web["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"], "flux-system");
    let ids: Vec<&str> = kustomization["status"]["inventory"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["id"].as_str())
        .collect();
    assert_eq!(ids, ["_life__Namespace", "life_old__ConfigMap", "life_web_apps_Deployment"]);

    let commit = repo.commit(
        &[("deploy/web.yaml", &deployment("life", "web", 2)), ("deploy/new.yaml", &config_map("life", "new", "1"))],
        &["deploy/old.yaml"],
        "second",
    );
    let kustomization = cluster.applied(&commit);
    assert_eq!(kustomization["status"]["inventory"]["entries"].as_array().unwrap().len(), 3);
    let web = kubectl.json(&["get", "deployment", "-n", "life", "web"]).unwrap();
    assert_eq!((&web["spec"]["replicas"], &web["status"]["readyReplicas"]), (&2.into(), &2.into()));
    assert!(cluster.exists("configmap", "life", "new"));
    assert!(!cluster.exists("configmap", "life", "old"), "what left the repository leaves the cluster");
    let history = kustomization["status"]["history"].as_array().unwrap();
    assert_eq!(history[0]["lastReconciledStatus"], "ReconciliationSucceeded");
    assert_eq!(history.len(), 2, "two different builds were applied");
}

fn drift_is_corrected(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("namespace.yaml", &namespace("drift")),
        ("a.yaml", &config_map("drift", "changed", "as in Git")),
        ("b.yaml", &config_map("drift", "deleted", "as in Git")),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let by_hand = r#"{"data":{"value":"by hand","added":"by hand"}}"#;
    kubectl.run(&["patch", "configmap", "-n", "drift", "changed", "--type=merge", "-p", by_hand]).unwrap();
    kubectl.run(&["delete", "configmap", "-n", "drift", "deleted"]).unwrap();
    let request = "reconcile.fluxcd.io/requestedAt=now";
    kubectl.run(&["annotate", "kustomization", "-n", "flux-system", "flux-system", request]).unwrap();
    let handled = eventually("the request is handled", || {
        let object = kubectl.json(&["get", "kustomization", "-n", "flux-system", "flux-system"])?;
        if object["status"]["lastHandledReconcileAt"] == "now" { Ok(object) } else { Err(object["status"].to_string()) }
    });
    assert_eq!(handled["status"]["conditions"][0]["status"], "True", "{handled}");
    for name in ["changed", "deleted"] {
        let object = kubectl.json(&["get", "configmap", "-n", "drift", name]).unwrap();
        assert_eq!(object["data"]["value"], "as in Git", "{name}");
        assert_eq!(object["data"].as_object().unwrap().len(), 1, "what was added by hand is gone: {object}");
    }
}

fn drift_is_seen_at_once(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("namespace.yaml", &namespace("watched")),
        ("a.yaml", &config_map("watched", "changed", "as in Git")),
        ("b.yaml", &config_map("watched", "deleted", "as in Git")),
        ("c.yaml", &deployment("watched", "scaled", 1)),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let by_hand = r#"{"data":{"value":"by hand","added":"by hand"}}"#;
    kubectl.run(&["patch", "configmap", "-n", "watched", "changed", "--type=merge", "-p", by_hand]).unwrap();
    kubectl.run(&["delete", "configmap", "-n", "watched", "deleted"]).unwrap();
    // What is not in Git is nobody's business.
    kubectl.run(&["annotate", "deployment", "-n", "watched", "scaled", "--field-manager=operator", "a=b"]).unwrap();
    // The interval of the Kustomization is minutes away.
    for name in ["changed", "deleted"] {
        eventually(&format!("{name} is as in Git"), || {
            let object = kubectl.json(&["get", "configmap", "-n", "watched", name])?;
            let data = object["data"].as_object().cloned().unwrap_or_default();
            if data.len() == 1 && data["value"] == "as in Git" { Ok(()) } else { Err(object["data"].to_string()) }
        });
    }
    let scaled = kubectl.json(&["get", "deployment", "-n", "watched", "scaled"]).unwrap();
    assert_eq!(scaled["metadata"]["annotations"]["a"], "b");
}

fn deleting_the_kustomization_deletes_its_objects(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("namespace.yaml", &namespace("gone")),
        ("a.yaml", &config_map("gone", "pruned", "1")),
        (
            "b.yaml",
            &config_map("gone", "kept", "1")
                .replace("  name:", "  annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}\n  name:"),
        ),
    ]);
    let path = repo.path().join("sync.yaml");
    std::fs::write(&path, "").unwrap();
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let foreign = r#"{"metadata":{"labels":{"kustomize.toolkit.fluxcd.io/name":"somebody-else"}}}"#;
    kubectl.run(&["patch", "namespace", "gone", "--type=merge", "-p", foreign]).unwrap();
    kubectl.run(&["delete", "kustomization", "-n", "flux-system", "flux-system"]).unwrap();
    assert!(!cluster.exists("configmap", "gone", "pruned"));
    assert!(cluster.exists("configmap", "gone", "kept"), "prune: disabled keeps an object");
    let namespace = kubectl.json(&["get", "namespace", "gone"]).unwrap();
    assert_eq!(namespace["status"]["phase"], "Active", "an object that another owner holds is left alone");
}

fn variables_are_substituted(cluster: &Cluster) {
    let sync = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {url: 'https://git.example.com/vars', ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: settings, namespace: flux-system}
spec:
  path: settings
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: flux-system}
spec:
  path: app
  prune: true
  dependsOn: [{name: settings}]
  sourceRef: {kind: GitRepository, name: flux-system}
  postBuild:
    substitute: {colour: blue}
    substituteFrom:
    - {kind: ConfigMap, name: settings}
    - {kind: Secret, name: token}
    - {kind: ConfigMap, name: absent, optional: true}
";
    let settings = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {colour: red, size: '3'}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: flux-system}
stringData: {word: secret}
";
    let app = config_map("vars", "app", "${colour} ${size} ${word} ${unset:=default} $${colour}");
    let repo = GitRepo::new(&[
        ("clusters/c/sync.yaml", sync),
        ("settings/all.yaml", &[namespace("vars"), settings.to_owned()].join("---\n")),
        ("app/app.yaml", &app),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "app", "True");
    let live = cluster.kubectl().json(&["get", "configmap", "-n", "vars", "app"]).unwrap();
    assert_eq!(live["data"]["value"], "blue 3 secret default ${colour}");
    repo.commit(&[("app/app.yaml", &config_map("vars", "app", "${missing}"))], &[], "not set");
    let text = cluster.fails("kustomization", "flux-system", "app", "BuildFailed");
    assert!(text.contains("app/app.yaml:7") && text.contains("variable not set (strict mode)"), "{text}");
    let live = cluster.kubectl().json(&["get", "configmap", "-n", "vars", "app"]).unwrap();
    assert_eq!(live["data"]["value"], "blue 3 secret default ${colour}", "what was applied stays");
}

fn definition_and_object_in_one_commit(cluster: &Cluster) {
    let definition = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.e2e.example.com
spec:
  group: e2e.example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, default: 3}
              colour: {type: string}
";
    let widget =
        "apiVersion: e2e.example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: custom}\nspec: {colour: red}\n";
    let repo = GitRepo::new(&[
        ("a-widget.yaml", widget),
        ("namespace.yaml", &namespace("custom")),
        ("z-definition.yaml", definition),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();
    let live = kubectl.json(&["get", "widget", "-n", "custom", "w"]).unwrap();
    assert_eq!((&live["spec"]["colour"], &live["spec"]["size"]), (&"red".into(), &3.into()));
    let commit = repo.commit(&[], &["a-widget.yaml", "z-definition.yaml"], "both go");
    cluster.applied(&commit);
    assert!(kubectl.run(&["get", "crd", "widgets.e2e.example.com"]).is_err());
}
