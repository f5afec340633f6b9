//! What becomes of the objects when their Kustomization goes: the deletion policies.

use crate::manifests::config_map;
use crate::rig::{Rig, observe};
use serde_json::Value;
use std::time::Duration;
use weir_e2e::{Cluster, on_both};
use weir_testkit::eventually;

on_both!(a_policy_decides_what_is_deleted, termination_is_waited_for);

const HELD: &str = r#"{"metadata":{"finalizers":["e2e.example.com/held"]}}"#;
const LET_GO: &str = r#"{"metadata":{"finalizers":null}}"#;

fn marked(space: &str, name: &str, annotation: &str) -> String {
    let annotation = format!("  annotations: {{kustomize.toolkit.fluxcd.io/{annotation}}}\n  name:");
    config_map(space, name, "1").replace("  name:", &annotation)
}

fn a_policy_decides_what_is_deleted(cluster: &Cluster) {
    // Name, fields of the spec, and whether its object is deleted.
    let cases = [
        ("mirror", "prune: true", true),
        ("mirror-off", "prune: false", false),
        ("mirror-named", "prune: false\ndeletionPolicy: MirrorPrune", false),
        ("delete", "prune: false\ndeletionPolicy: Delete", true),
        ("orphan", "prune: true\ndeletionPolicy: Orphan", false),
        ("terminate", "prune: false\ndeletionPolicy: WaitForTermination", true),
    ];
    let files: Vec<(String, String)> = cases
        .iter()
        .map(|(name, ..)| (format!("{name}/a.yaml"), config_map("policies", name, "1")))
        .chain([
            ("delete/b.yaml".to_owned(), marked("policies", "not-pruned", "prune: disabled")),
            ("delete/c.yaml".to_owned(), config_map("policies", "paused", "1")),
        ])
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let rig = Rig::new(cluster, "policies", &files);
    let _controller = rig.controller(&[]);
    let all: Vec<String> = cases.iter().map(|(name, spec, _)| rig.kustomization(name, spec)).collect();
    rig.kubectl.apply(&all.join("---\n")).unwrap();
    for (name, ..) in cases {
        rig.ready(name);
    }
    // A marker on the cluster counts as one in the repository does.
    let pause = "kustomize.toolkit.fluxcd.io/reconcile=disabled";
    rig.kubectl.run(&["annotate", "configmap", "-n", "policies", "paused", pause]).unwrap();
    for (name, spec, is_deleted) in cases {
        rig.delete(name);
        assert_eq!(rig.exists("configmap", name), !is_deleted, "{spec}");
    }
    assert!(rig.exists("configmap", "not-pruned"), "prune: disabled keeps an object whatever the policy");
    assert!(rig.exists("configmap", "paused"), "and so does reconcile: disabled");
}

fn termination_is_waited_for(cluster: &Cluster) {
    let rig = Rig::new(
        cluster,
        "termination",
        &[
            ("patient/a.yaml", &config_map("termination", "patient", "1")),
            ("hasty/a.yaml", &config_map("termination", "hasty", "1")),
            ("careless/a.yaml", &config_map("termination", "careless", "1")),
        ],
    );
    let _controller = rig.controller(&[]);
    let spec = |timeout| format!("prune: true\ntimeout: {timeout}\ndeletionPolicy: WaitForTermination");
    let all = [
        rig.kustomization("patient", &spec("10m")),
        rig.kustomization("hasty", &spec("3s")),
        rig.kustomization("careless", "prune: true\ndeletionPolicy: Delete"),
    ];
    rig.kubectl.apply(&all.join("---\n")).unwrap();
    // Not by a manager named kubectl: what that one adds is taken away again.
    let patch = |name: &str, patch: &str| {
        rig.kubectl
            .run(&[
                "patch",
                "configmap",
                "-n",
                "termination",
                name,
                "--field-manager=holder",
                "--type=merge",
                "-p",
                patch,
            ])
            .unwrap();
    };
    for name in ["patient", "hasty", "careless"] {
        rig.ready(name);
        patch(name, HELD);
    }
    rig.kubectl.run(&["delete", "kustomization", "-n", "termination", "patient", "--wait=false"]).unwrap();
    // Nobody waits for what only has to be deleted.
    rig.delete("careless");
    let deleting = |name: &str| {
        let object = rig.kubectl.json(&["get", "configmap", "-n", "termination", name]).unwrap();
        !object["metadata"]["deletionTimestamp"].is_null()
    };
    assert!(deleting("careless"), "its finalizer is its own business");

    // The timeout ends the waiting, and says what is left.
    rig.delete("hasty");
    assert!(deleting("hasty"));
    let event = eventually("the timeout is told", || {
        let filter = "--field-selector=involvedObject.name=hasty,type=Warning";
        let events = rig.kubectl.json(&["get", "events", "-n", "termination", filter])?;
        let told = events["items"].as_array().unwrap().iter().find(|event| {
            event["message"].as_str().is_some_and(|message| message.contains("timeout waiting for the termination"))
        });
        told.cloned().ok_or_else(|| events["items"].to_string())
    });
    assert!(event["message"].as_str().unwrap().contains("ConfigMap/termination/hasty"), "{event}");

    // Longer than the interval at which it is looked at.
    observe(Duration::from_secs(3));
    let patient: Value = rig.get("patient").unwrap();
    assert!(!patient["metadata"]["deletionTimestamp"].is_null(), "{patient}");
    assert!(deleting("patient"));
    patch("patient", LET_GO);
    eventually("it goes with its object", || match rig.get("patient") {
        Ok(object) => Err(object["status"].to_string()),
        Err(_) => Ok::<(), String>(()),
    });
    assert!(!rig.exists("configmap", "patient"));
    patch("hasty", LET_GO);
    patch("careless", LET_GO);
}
