//! Definitions that get a version: on the real API server, which converts managed fields.

use crate::rig::Rig;
use weir_e2e::{Cluster, on_kube_apiserver};

on_kube_apiserver!(a_new_default_needs_the_managed_fields_migrated);

const SPACE: &str = "versions";

/// `gadgets`, in these versions, the last of which is stored; with a default in the schema of v1 or not.
fn definition(versions: &[&str], with_default: bool) -> String {
    let stored = *versions.last().unwrap();
    let version = |name: &&str| {
        let more = if with_default && *name == "v1" { ", mode: {type: string, default: quick}" } else { "" };
        format!(
            "  - name: {name}\n    served: true\n    storage: {}\n    schema: {{openAPIV3Schema: {{type: object, properties: \
             {{spec: {{type: object, properties: {{size: {{type: integer}}{more}}}}}}}}}}}\n",
            *name == stored
        )
    };
    let versions: String = versions.iter().map(version).collect();
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: gadgets.e2e.example.com}}\n\
         spec:\n  group: e2e.example.com\n  names: {{kind: Gadget, plural: gadgets}}\n  scope: Namespaced\n  versions:\n{versions}"
    )
}

fn gadget(version: &str) -> String {
    format!(
        "apiVersion: e2e.example.com/{version}\nkind: Gadget\nmetadata: {{name: one, namespace: {SPACE}}}\nspec: {{size: 1}}\n"
    )
}

fn a_new_default_needs_the_managed_fields_migrated(cluster: &Cluster) {
    let rig = Rig::new(cluster, SPACE, &[("app/a.yaml", &gadget("v1beta1"))]);
    let managers = || rig.field("gadgets.v1.e2e.example.com", "one", ".metadata.managedFields[*].apiVersion");
    rig.apply(&[definition(&["v1beta1"], false)]);
    rig.apply(&[rig.kustomization("app", "interval: 1h\nretryInterval: 1s\nprune: true")]);
    let controller = rig.controller(&["--feature-gates=GroupChangeLog=true"]);
    rig.ready("app");
    controller.says(r#""output":{"created":["Gadget/versions/one"]}"#);

    // Somebody else's fields are noted under the old version for good.
    let note = r#"{"metadata":{"annotations":{"example.com/by":"other"}}}"#;
    let old = "gadgets.v1beta1.e2e.example.com";
    rig.kubectl.run(&["patch", old, "-n", SPACE, "one", "--field-manager=other", "--type=merge", "-p", note]).unwrap();
    rig.apply(&[definition(&["v1beta1", "v1"], false)]);
    let commit = rig.publish(&[("app/a.yaml", &gadget("v1"))], &[], "v1");
    rig.applied("app", &commit);
    assert!(managers().contains("e2e.example.com/v1beta1"), "{}", managers());
    rig.apply(&[definition(&["v1beta1", "v1"], true)]);
    let asked = r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"default"}}}"#;
    rig.patch("kustomization", "app", asked);
    rig.says("app", "field not declared in schema");
    drop(controller);

    let _controller = rig.controller(&["--feature-gates=MigrateAPIVersion=true"]);
    rig.ready("app");
    assert!(!managers().contains("v1beta1"), "{}", managers());
    rig.request("app", "again");
    rig.ready("app");
    rig.kubectl.run(&["delete", "kustomization", "-n", SPACE, "app"]).unwrap();
    rig.kubectl.run(&["delete", "crd", "gadgets.e2e.example.com"]).unwrap();
}
