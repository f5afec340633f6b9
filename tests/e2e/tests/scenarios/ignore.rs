//! Fields that others may set although they are in the manifest: `spec.ignore`.

use crate::manifests::{deployment, namespace};
use serde_json::Value;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{GitRepo, eventually};

on_both!(what_is_ignored_is_left_to_others);

const SYNC: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {url: 'https://git.example.com/ignore', ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: flux-system}
spec:
  path: app
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  ignore:
  - paths: [/spec/replicas]
    target: {kind: Deployment, name: 'web.*'}
";

fn what_is_ignored_is_left_to_others(cluster: &Cluster) {
    let repo = GitRepo::new(&[
        ("clusters/c/sync.yaml", SYNC),
        ("app/namespace.yaml", &namespace("ignored")),
        ("app/web.yaml", &deployment("ignored", "web", 1)),
        ("app/other.yaml", &deployment("ignored", "other", 1)),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "app", "True");
    let kubectl = cluster.kubectl();
    let replicas = |name: &str| -> Result<Value, String> {
        Ok(kubectl.json(&["get", "deployment", "-n", "ignored", name])?["spec"]["replicas"].clone())
    };
    assert_eq!(replicas("web"), Ok(1.into()), "a new object gets the whole manifest");
    for name in ["web", "other"] {
        let by_hand = r#"{"spec":{"replicas":3}}"#;
        kubectl.run(&["patch", "deployment", "-n", "ignored", name, "--type=merge", "-p", by_hand]).unwrap();
    }
    let is = |name: &str, wanted: i64| {
        eventually(&format!("{name} has {wanted} replicas"), || {
            let now = replicas(name)?;
            if now == wanted { Ok(()) } else { Err(now.to_string()) }
        });
    };
    is("other", 1);
    let changed = deployment("ignored", "web", 2).replace("web:1", "web:2");
    repo.commit(&[("app/web.yaml", &changed)], &[], "another image");
    eventually("the image is the new one", || {
        let web = kubectl.json(&["get", "deployment", "-n", "ignored", "web"])?;
        let image = web["spec"]["template"]["spec"]["containers"][0]["image"].to_string();
        if image.ends_with(":2\"") { Ok(()) } else { Err(image) }
    });
    assert_eq!(replicas("web"), Ok(3.into()), "what is ignored stays as it is");
    is("other", 1);
}
