//! What is on its way out: a namespace that does not end, and a definition that goes from under its objects.

use crate::manifests::{config_map, custom, definition, namespace};
use crate::rig::{Rig, inventory};
use weir_e2e::{Cluster, on_both};
use weir_testkit::eventually;

on_both!(a_namespace_that_does_not_end_holds_up_nobody_else, a_definition_goes_and_comes_back);

const SOON: &str = "interval: 1h\nretryInterval: 1s\ntimeout: 10m\nprune: true";

fn a_namespace_that_does_not_end_holds_up_nobody_else(cluster: &Cluster) {
    let (space, inner) = ("term", "term-inner");
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("owner/a.yaml", &namespace(inner)),
            ("owner/b.yaml", &config_map(inner, "owned", "1")),
            ("guest/a.yaml", &config_map(inner, "guest", "1")),
            ("leaver/a.yaml", &config_map(inner, "leaver", "1")),
            ("other/a.yaml", &config_map(space, "other", "1")),
        ],
    );
    let _controller = rig.controller(&[]);
    rig.apply(&["owner", "guest", "leaver", "other"].map(|name| rig.kustomization(name, SOON)));
    for name in ["owner", "guest", "leaver", "other"] {
        rig.ready(name);
    }
    let held = config_map(inner, "held", "1").replace("  name:", "  finalizers: [e2e.example.com/held]\n  name:");
    rig.apply(&[held]);
    let before = rig.field("namespace", inner, ".metadata.uid");
    rig.kubectl.run(&["delete", "namespace", inner, "--wait=false"]).unwrap();

    // What the namespace's end has taken is missed at once, and cannot be put right.
    for (name, object) in [("owner", "owned"), ("guest", "guest")] {
        let message = rig.fails(name, "ReconciliationFailed");
        let expect = format!(
            "ConfigMap/term-inner/{object} dry-run failed (Forbidden): configmaps \"{object}\" is forbidden: \
             unable to create new content in namespace term-inner because it is being terminated"
        );
        assert!(message.contains(&expect), "{message}");
    }
    let commit = rig.publish(&[("other/a.yaml", &config_map(space, "other", "2"))], &[], "second");
    rig.applied("other", &commit);
    assert_eq!(rig.value("other").unwrap(), "2");
    // Who goes is not held up by what is gone already.
    rig.delete("leaver");

    let let_go = r#"{"metadata":{"finalizers":null}}"#;
    rig.kubectl.run(&["patch", "configmap", "-n", inner, "held", "--type=merge", "-p", let_go]).unwrap();
    // The one makes the namespace anew, and then there is room for the other.
    for name in ["owner", "guest"] {
        rig.applied(name, &commit);
    }
    assert_ne!(rig.field("namespace", inner, ".metadata.uid"), before);
    for name in ["owned", "guest"] {
        assert!(cluster.exists("configmap", inner, name), "{name}");
    }
    assert!(!cluster.exists("configmap", inner, "leaver"));
}

fn a_definition_goes_and_comes_back(cluster: &Cluster) {
    let space = "undefined";
    let kind = definition("Pump");
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("kinds/a.yaml", &kind),
            ("kinds/b.yaml", &config_map(space, "kinds", "1")),
            ("things/a.yaml", &custom("Pump", space, "first")),
            ("things/b.yaml", &config_map(space, "things", "1")),
            ("shrinks/a.yaml", &custom("Pump", space, "second")),
            ("shrinks/b.yaml", &config_map(space, "shrinks", "1")),
            ("goes/a.yaml", &custom("Pump", space, "third")),
            ("goes/b.yaml", &config_map(space, "goes", "1")),
        ],
    );
    let _controller = rig.controller(&[]);
    rig.apply(&[rig.kustomization("kinds", SOON)]);
    rig.ready("kinds");
    let users = ["things", "shrinks", "goes"];
    let more = "wait: true\ndeletionPolicy: WaitForTermination";
    rig.apply(&users.map(|name| rig.kustomization(name, &format!("{SOON}\n{more}"))));
    for name in users {
        rig.ready(name);
    }

    let commit = rig.publish(&[], &["kinds/a.yaml"], "the definition goes");
    rig.applied("kinds", &commit);
    eventually("the definition is gone", || match rig.kubectl.run(&["get", "crd", "pumps.e2e.example.com"]) {
        Ok(found) => Err(found),
        Err(_) => Ok(()),
    });
    for (name, object) in [("things", "first"), ("shrinks", "second"), ("goes", "third")] {
        // While it goes, nothing can be created of it; then there is no such thing.
        rig.says(
            name,
            &format!(
                "Pump/undefined/{object} dry-run failed (NoMatch): no matches for kind \"Pump\" in version \
                 \"e2e.example.com/v1\""
            ),
        );
        let message = rig.fails(name, "ReconciliationFailed");
        assert!(message.contains("CustomResourceDefinition of Pump"), "the remedy is told: {message}");
    }
    // What is no longer defined is gone: neither a prune nor a deletion waits for it.
    let commit = rig.publish(&[], &["shrinks/a.yaml"], "an object of the kind goes");
    let shrunk = rig.applied("shrinks", &commit);
    assert_eq!(inventory(&shrunk), ["undefined_shrinks__ConfigMap"]);
    rig.delete("goes");
    assert!(!rig.exists("configmap", "goes"));

    let commit = rig.publish(&[("kinds/a.yaml", &kind)], &[], "the definition is back");
    rig.applied("kinds", &commit);
    rig.applied("things", &commit);
    assert!(rig.exists("pump", "first"));
    assert!(!rig.exists("pump", "second") && !rig.exists("pump", "third"));
    for name in ["things", "shrinks", "kinds"] {
        rig.delete(name);
    }
}
