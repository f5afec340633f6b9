//! What is secret stands where errors come from, and in none of them: not in a condition, an event, the log, a metric, an
//! answer over HTTP, nor in what others can see of the process.

use crate::manifests::config_map;
use crate::rig::Rig;
use weir_e2e::{Cluster, http_get, on_both};

on_both!(no_error_tells_a_secret);

const SPACE: &str = "canary";
const CANARY: &str = "canary-0d1e2f";

fn no_error_tells_a_secret(cluster: &Cluster) {
    let secret =
        |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: own, namespace: {SPACE}}}\n{data}\n");
    let files = [
        // A value that makes the text no YAML, one that makes a name no name, and one where a number is wanted.
        ("yaml/a.yaml", config_map(SPACE, "a", "x").replace("\"x\"", "${broken}")),
        ("name/a.yaml", config_map(SPACE, "${token}_", "x")),
        ("number/a.yaml", crate::manifests::deployment(SPACE, "app", 1).replace("replicas: 1", "replicas: ${token}")),
        // A Secret that the server refuses, and one that is no Secret.
        ("data/a.yaml", secret(&format!("data: {{key: '{CANARY}!'}}"))),
        ("list/a.yaml", secret(&format!("stringData: {{key: [{CANARY}]}}"))),
        ("cel/a.yaml", config_map(SPACE, "cel", "${token}")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let rig = Rig::new(cluster, SPACE, &files);
    let controller = rig.controller(&["--enable-profiling"]);
    rig.apply(&[format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: vars, namespace: {SPACE}}}\nstringData: {{token: {CANARY}, broken: '{CANARY}: {{ ['}}\n"
    )]);
    let base =
        "interval: 1h\nretryInterval: 1s\nprune: true\npostBuild: {substituteFrom: [{kind: Secret, name: vars}]}";
    let cel = format!(
        "{base}\ntimeout: 1s\nwait: true\nhealthCheckExprs: [{{apiVersion: v1, kind: ConfigMap, current: \"int(data.value) == 1\"}}]"
    );
    let names = ["yaml", "name", "number", "data", "list", "cel"];
    rig.apply(&names.map(|name| rig.kustomization(name, if name == "cel" { &cel } else { base })));
    let mut told = Vec::new();
    for (name, reason, says) in [
        ("yaml", "BuildFailed", "yaml/a.yaml"),
        ("name", "ReconciliationFailed", "***"),
        ("number", "ReconciliationFailed", "replicas"),
        ("data", "ReconciliationFailed", "Secret/canary/own"),
        ("list", "ReconciliationFailed", "Secret/canary/own"),
        ("cel", "HealthCheckFailed", "ConfigMap/canary/cel"),
    ] {
        let message = rig.fails(name, reason);
        assert!(message.contains(says), "{name}: {message}");
        told.push(message);
    }
    told.push(rig.kubectl.run(&["get", "events,kustomizations,gitrepositories", "-n", SPACE, "-o", "yaml"]).unwrap());
    told.push(controller.log().join("\n"));
    for (port, path) in [
        (controller.metrics, "/metrics"),
        (controller.metrics, "/debug/pprof/runtime"),
        (controller.health, "/healthz"),
        (controller.health, "/readyz"),
    ] {
        told.push(http_get(port, path).unwrap());
    }
    for text in told {
        let at = text.find(CANARY).map(|at| &text[at.saturating_sub(200)..(at + 60).min(text.len())]);
        assert_eq!(at, None, "a secret is told");
    }
    assert!(!controller.process().shows(CANARY), "others can see it");
}
