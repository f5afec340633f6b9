//! Parts of the API that do not answer: an aggregated server, a conversion webhook. The embedded server has neither.

use crate::manifests::config_map;
use crate::rig::{Rig, inventory, observe};
use serde_json::json;
use std::time::Duration;
use weir_e2e::{Cluster, free_port, on_kube_apiserver};
use weir_testkit::{Authority, Kubectl, Webhook, eventually};

on_kube_apiserver!(a_group_that_is_down_stands_for_itself, a_conversion_that_fails_stands_for_itself);

const SOON: &str = "interval: 1h\nretryInterval: 1s\ntimeout: 10m\nprune: true";

/// Deletes what is cluster-wide at the end of the scenario.
struct Ends(Kubectl, &'static str, &'static str);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.run(&["delete", self.1, self.2, "--ignore-not-found"]);
    }
}

const SERVICE: &str = "apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.example}
spec:
  group: metrics.example
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: nobody, namespace: aggregated}
";

fn a_group_that_is_down_stands_for_itself(cluster: &Cluster) {
    let space = "aggregated";
    let gauge = "apiVersion: metrics.example/v1beta1\nkind: Gauge\nmetadata: {name: gauge, namespace: aggregated}\n";
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("app/a.yaml", &config_map(space, "app", "1")),
            ("gauges/a.yaml", gauge),
            ("gauges/b.yaml", &config_map(space, "beside", "1")),
            ("left/a.yaml", &config_map(space, "left", "1")),
        ],
    );
    let _ends = Ends(rig.kubectl.clone(), "apiservice", "v1beta1.metrics.example");
    rig.apply(&[SERVICE.to_owned()]);
    eventually("the group is down", || {
        let path = ".status.conditions[?(@.type=='Available')].status";
        let status = rig.field("apiservice", "v1beta1.metrics.example", path);
        if status == "False" { Ok(()) } else { Err(status) }
    });
    let groups = || rig.kubectl.run(&["get", "--raw", "/apis"]);
    eventually("the group is listed", || match groups()? {
        text if text.contains("metrics.example") => Ok(()),
        text => Err(text),
    });

    // An object that was applied when the group still answered, and has left Git since.
    rig.apply(&["app", "gauges", "left"].map(|name| rig.kustomization(name, SOON)));
    let entries = json!([
        {"id": "aggregated_gone_metrics.example_Gauge", "v": "v1beta1"}, {"id": "aggregated_old__ConfigMap", "v": "v1"}
    ]);
    let status = json!({"status": {"inventory": {"entries": entries}}}).to_string();
    let write = ["patch", "kustomization", "-n", space, "left", "--subresource=status", "--type=merge", "-p", &status];
    rig.kubectl.run(&write).unwrap();
    let owned = config_map(space, "old", "1").replace(
        "  name:",
        "  labels: {kustomize.toolkit.fluxcd.io/name: left, kustomize.toolkit.fluxcd.io/namespace: aggregated}\n  name:",
    );
    rig.apply(&[owned]);

    let controller = rig.controller(&[]);
    rig.ready("app");
    let message = rig.fails("gauges", "ReconciliationFailed");
    for part in [
        "Gauge/aggregated/gauge dry-run failed (ServiceUnavailable): ",
        "metrics.example/v1beta1 does not answer, so that its kind \"Gauge\" is not known",
        "gauges/a.yaml:1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(message.contains("kubectl get apiservice v1beta1.metrics.example"), "the remedy is told: {message}");
    assert!(!rig.exists("configmap", "beside"), "the stage is applied as a whole or not at all");
    // Nobody knows whether it is gone: it is not forgotten, and holds up nothing else.
    let message = rig.fails("left", "PruneFailed");
    assert!(message.contains("Gauge/aggregated/gone delete failed"), "{message}");
    let left = rig.get("left").unwrap();
    assert_eq!(inventory(&left), ["aggregated_gone_metrics.example_Gauge", "aggregated_left__ConfigMap"]);
    assert!(!rig.exists("configmap", "old") && rig.exists("configmap", "left"));

    let requests = controller.requests();
    observe(Duration::from_secs(5));
    let asked = controller.requests() - requests;
    assert!(asked <= 80, "{asked} requests in 5 s, with two retries in each second");
    let commit = rig.publish(&[("app/a.yaml", &config_map(space, "app", "2"))], &[], "second");
    rig.applied("app", &commit);

    // The group goes for good, and with it what nobody could ask about.
    rig.kubectl.run(&["delete", "apiservice", "v1beta1.metrics.example"]).unwrap();
    let left = rig.applied("left", &commit);
    assert_eq!(inventory(&left), ["aggregated_left__ConfigMap"]);
    let message = rig.says("gauges", "no matches for kind \"Gauge\"");
    assert!(message.to_string().contains("CustomResourceDefinition of Gauge"), "{message}");
}

fn a_conversion_that_fails_stands_for_itself(cluster: &Cluster) {
    let space = "converted";
    let version = |name: &str, is_stored: bool| {
        json!({
            "name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        })
    };
    let definition = |conversion: serde_json::Value| {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "valves.e2e.example.com"},
            "spec": {
                "group": "e2e.example.com", "scope": "Namespaced", "names": {"kind": "Valve", "plural": "valves"},
                "versions": [version("v1", true), version("v2", false)], "conversion": conversion,
            },
        })
        .to_string()
    };
    let valve = |name: &str| {
        format!(
            "apiVersion: e2e.example.com/v2\nkind: Valve\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{size: 1}}\n"
        )
    };
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("valves/a.yaml", &valve("first")),
            ("valves/b.yaml", &config_map(space, "beside", "1")),
            ("left/a.yaml", &valve("second")),
            ("left/b.yaml", &config_map(space, "old", "1")),
            ("left/c.yaml", &config_map(space, "left", "1")),
            ("app/a.yaml", &config_map(space, "app", "1")),
        ],
    );
    let _ends = Ends(rig.kubectl.clone(), "crd", "valves.e2e.example.com");
    let define = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let none = definition(json!({"strategy": "None"}));
    rig.kubectl.run_with_input(&define, &none).unwrap();
    eventually("the kind is served", || rig.kubectl.run(&["get", "valves.v2.e2e.example.com", "-n", space]));
    let controller = rig.controller(&[]);
    rig.apply(&["valves", "left", "app"].map(|name| rig.kustomization(name, SOON)));
    for name in ["valves", "left", "app"] {
        rig.ready(name);
    }

    let client = Webhook::client_config(&Authority::new(), free_port());
    let webhook = json!({"conversionReviewVersions": ["v1"], "clientConfig": client});
    let broken = definition(json!({"strategy": "Webhook", "webhook": webhook}));
    rig.kubectl.run_with_input(&define, &broken).unwrap();
    eventually("the conversion fails", || {
        match rig.kubectl.run(&["get", "valves.v2.e2e.example.com", "-n", space, "first"]) {
            Ok(text) => Err(text),
            Err(_) => Ok(()),
        }
    });
    let changed = valve("first").replace("size: 1", "size: 2");
    let commit = rig.publish(
        &[
            ("valves/a.yaml", &changed),
            ("valves/b.yaml", &config_map(space, "beside", "2")),
            ("app/a.yaml", &config_map(space, "app", "2")),
        ],
        &["left/a.yaml", "left/b.yaml"],
        "second",
    );
    rig.applied("app", &commit);
    let message = rig.fails("valves", "ReconciliationFailed");
    for part in
        ["Valve/converted/first", "conversion webhook for e2e.example.com/", "connection refused", "valves/a.yaml:1"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(rig.value("beside").unwrap(), "1", "the stage is applied as a whole or not at all");
    let message = rig.fails("left", "PruneFailed");
    for part in ["Valve/converted/second delete failed", "conversion webhook for e2e.example.com/"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!rig.exists("configmap", "old"), "the others are pruned");
    let left = rig.get("left").unwrap();
    assert_eq!(inventory(&left), ["converted_left__ConfigMap", "converted_second_e2e.example.com_Valve"]);

    let requests = controller.requests();
    observe(Duration::from_secs(5));
    let asked = controller.requests() - requests;
    assert!(asked <= 80, "{asked} requests in 5 s, with two retries in each second");

    rig.kubectl.run_with_input(&define, &none).unwrap();
    for name in ["valves", "left"] {
        rig.applied(name, &commit);
    }
    assert_eq!(rig.field("valve", "first", ".spec.size"), "2");
    assert!(!rig.exists("valve", "second"));
    rig.delete("valves");
}
