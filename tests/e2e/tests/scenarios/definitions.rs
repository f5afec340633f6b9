//! Kinds that change while the controllers run.

use crate::manifests::namespace;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{GitRepo, eventually};

on_both!(a_kind_that_is_served_elsewhere_is_found, an_object_of_a_new_kind_is_kept_as_it_is);

fn definition(plural: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.defs.example.com}}
spec:
  group: defs.example.com
  names: {{kind: Thing, plural: {plural}}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"
    )
}

/// A source, and a Kustomization of the folder of its name.
fn sync(name: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{url: 'https://git.example.com/defs', ref: {{branch: main}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec: {{path: {name}, prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}, {more}}}
"
    )
}

fn a_kind_that_is_served_elsewhere_is_found(cluster: &Cluster) {
    let thing = "apiVersion: defs.example.com/v1\nkind: Thing\nmetadata: {name: t, namespace: defs}\n";
    let repo = GitRepo::new(&[
        ("clusters/c/sync.yaml", &sync("things", "wait: true, retryInterval: 1s")),
        ("things/all.yaml", &[namespace("defs"), thing.to_owned()].join("---\n")),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    let kubectl = cluster.kubectl();
    cluster.fails("kustomization", "flux-system", "things", "ReconciliationFailed");
    // The kind comes: what failed is tried again and finds it.
    kubectl.apply(&definition("things")).unwrap();
    cluster.ready("kustomization", "flux-system", "things", "True");
    assert!(cluster.exists("things.defs.example.com", "defs", "t"));

    // It goes, and comes back under another path, as no request of ours could know.
    kubectl.run(&["delete", "crd", "things.defs.example.com"]).unwrap();
    kubectl.apply(&definition("objects")).unwrap();
    let request = "reconcile.fluxcd.io/requestedAt=1";
    kubectl.run(&["annotate", "kustomization", "-n", "flux-system", "things", request]).unwrap();
    eventually("the object is there", || kubectl.run(&["get", "objects.defs.example.com", "-n", "defs", "t"]));
    cluster.ready("kustomization", "flux-system", "things", "True");

    // It goes for good: nothing is left to prune.
    kubectl.run(&["delete", "crd", "objects.defs.example.com"]).unwrap();
    kubectl.run(&["delete", "kustomization", "-n", "flux-system", "things", "--timeout=60s"]).unwrap();
}

fn an_object_of_a_new_kind_is_kept_as_it_is(cluster: &Cluster) {
    let thing = "apiVersion: defs.example.com/v1\nkind: Thing\nmetadata: {name: t, namespace: kept}\nspec: {size: 1}\n";
    let all = [namespace("kept"), definition("things"), thing.to_owned()].join("---\n");
    let repo = GitRepo::new(&[("clusters/c/sync.yaml", &sync("both", "interval: 1h")), ("both/all.yaml", &all)]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "both", "True");
    let kubectl = cluster.kubectl();
    let name = ["things.defs.example.com", "-n", "kept", "t"];
    let patch = ["--type=merge", "-p", r#"{"spec":{"size":9}}"#];
    kubectl.run(&[["patch"].as_slice(), &name, &patch].concat()).unwrap();
    eventually("it is put right long before the interval", || {
        let size = kubectl.json(&[["get"].as_slice(), &name].concat())?["spec"]["size"].clone();
        if size == 1 { Ok(()) } else { Err(size.to_string()) }
    });
}
