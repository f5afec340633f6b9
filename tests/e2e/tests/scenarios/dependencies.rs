//! `dependsOn`: who waits for whom, what wakes them, and what happens when nobody ever will.

use crate::manifests::config_map;
use crate::rig::{Rig, inventory, observe};
use std::time::Duration;
use weir_e2e::{Cluster, condition, on_both};

on_both!(
    a_dependency_that_becomes_ready_wakes,
    a_dependency_has_to_be_at_the_revision,
    a_cycle_waits_in_peace,
    a_dependency_of_another_kind_wakes,
);

/// So that only an event can be what wakes them.
const NO_RETRY: &str = "--requeue-dependency=1h";

fn after(dependency: &str) -> String {
    format!("interval: 1h\nprune: true\ndependsOn: [{{name: {dependency}}}]")
}

/// Not ready before a ConfigMap is there.
fn gated(space: &str) -> String {
    format!(
        "interval: 1h\ntimeout: 10m\nprune: true\n\
         healthChecks: [{{apiVersion: v1, kind: ConfigMap, name: gate, namespace: {space}}}]"
    )
}

fn a_dependency_that_becomes_ready_wakes(cluster: &Cluster) {
    let space = "dep-ready";
    let maps: Vec<String> = ["first", "second", "third"].iter().map(|name| config_map(space, name, "1")).collect();
    let rig = Rig::new(
        cluster,
        space,
        &[("first/a.yaml", &maps[0]), ("second/a.yaml", &maps[1]), ("third/a.yaml", &maps[2])],
    );
    let _controller = rig.controller(&[NO_RETRY]);
    // One that is not there yet is waited for like one that is not ready.
    rig.apply(&[rig.kustomization("second", &after("first")), rig.kustomization("third", &after("second"))]);
    assert_eq!(rig.fails("second", "DependencyNotReady"), "dependency 'dep-ready/first' not found");
    assert_eq!(rig.fails("third", "DependencyNotReady"), "dependency 'dep-ready/second' is not ready");

    rig.apply(&[rig.kustomization("first", &gated(space))]);
    rig.says("first", "Running health checks");
    for name in ["second", "third"] {
        let waiting = rig.get(name).unwrap();
        assert_eq!(condition(&waiting, "Ready").unwrap()["reason"], "DependencyNotReady", "{waiting}");
        assert_eq!(inventory(&waiting), [""; 0], "nothing is applied before");
        assert!(!rig.exists("configmap", name));
    }

    rig.apply(&[config_map(space, "gate", "1")]);
    for name in ["first", "second", "third"] {
        rig.ready(name);
        assert_eq!(rig.value(name).unwrap(), "1");
    }
}

fn a_dependency_has_to_be_at_the_revision(cluster: &Cluster) {
    let space = "dep-revision";
    let files = |value: &str| [config_map(space, "first", value), config_map(space, "second", value)];
    let old = files("1");
    let rig = Rig::new(cluster, space, &[("first/a.yaml", &old[0]), ("second/a.yaml", &old[1])]);
    let _controller = rig.controller(&[NO_RETRY, "--watch-label-selector=!away"]);
    rig.apply(&[config_map(space, "gate", "1")]);
    rig.apply(&[rig.kustomization("first", &gated(space)), rig.kustomization("second", &after("first"))]);
    rig.ready("second");

    // Ready, but at the revision before: it is another shard's for a while, which is late.
    let away = |value: &str| {
        rig.patch("kustomization", "first", &format!(r#"{{"metadata":{{"labels":{{"away":{value}}}}}}}"#))
    };
    away("\"yes\"");
    let new = files("2");
    let commit = rig.publish(&[("first/a.yaml", &new[0]), ("second/a.yaml", &new[1])], &[], "second");
    assert_eq!(rig.fails("second", "DependencyNotReady"), "dependency 'dep-revision/first' revision is not up to date");
    // At the revision, but not ready.
    rig.kubectl.run(&["delete", "configmap", "-n", space, "gate"]).unwrap();
    away("null");
    rig.says("first", "Running health checks");
    rig.has("first", "2");
    assert_eq!(rig.value("second").unwrap(), "1", "it waits for the first one's health");

    rig.apply(&[config_map(space, "gate", "2")]);
    rig.applied("first", &commit);
    rig.applied("second", &commit);
    assert_eq!(rig.value("second").unwrap(), "2");
}

fn a_cycle_waits_in_peace(cluster: &Cluster) {
    let space = "dep-cycle";
    let files = |value: &str| ["one", "two", "other"].map(|name| config_map(space, name, value));
    let first = files("1");
    let rig =
        Rig::new(cluster, space, &[("one/a.yaml", &first[0]), ("two/a.yaml", &first[1]), ("other/a.yaml", &first[2])]);
    let controller = rig.controller(&["--requeue-dependency=1s"]);
    rig.apply(&[
        rig.kustomization("one", &after("two")),
        rig.kustomization("two", &after("one")),
        rig.kustomization("other", "interval: 1h\nprune: true"),
    ]);
    rig.ready("other");
    rig.says("one", "dependency 'dep-cycle/two' is not ready");
    rig.says("two", "dependency 'dep-cycle/one' is not ready");

    // Each looks once a second, and writes nothing.
    let (all, writes) = (controller.requests(), controller.requests_with("method=\"PATCH\""));
    observe(Duration::from_secs(5));
    let (asked, written) = (controller.requests() - all, controller.requests_with("method=\"PATCH\"") - writes);
    assert!(asked <= 20, "{asked} requests in 5 s");
    assert_eq!(written, 0, "nothing changes, so that nothing is written");

    // With Flux, no new revision reaches anybody while two of a source wait for each other.
    let second = files("2");
    let commit = rig.publish(&[("one/a.yaml", &second[0]), ("other/a.yaml", &second[2])], &[], "second");
    rig.applied("other", &commit);
    assert!(!rig.exists("configmap", "one"));

    rig.apply(&[rig.kustomization("two", "interval: 1h\nprune: true\ndependsOn: []")]);
    rig.applied("two", &commit);
    rig.applied("one", &commit);
}

fn a_dependency_of_another_kind_wakes(cluster: &Cluster) {
    let space = "dep-kinds";
    let rig = Rig::new(cluster, space, &[("source/a.yaml", &config_map(space, "source", "1"))]);
    let _controller = rig.controller(&[NO_RETRY]);
    let after = |entry: &str| format!("interval: 1h\nprune: true\ndependsOn: [{{{entry}}}]");
    rig.apply(&[
        rig.kustomization("source", &after("kind: GitRepository, name: late")),
        rig.kustomization("secret", &after("kind: Secret, name: late")),
        rig.kustomization(
            "expression",
            &after("kind: GitRepository, name: late, readyExpr: 'has(dep.spec.suspend) && dep.spec.suspend'"),
        ),
    ]);
    assert_eq!(rig.fails("source", "DependencyNotReady"), "dependency 'GitRepository/dep-kinds/late' not found");
    rig.fails("expression", "DependencyNotReady");
    let message = rig.fails("secret", "ReconciliationFailed");
    assert!(message.starts_with("spec.dependsOn[0].kind: 'Secret' cannot be depended on (known are"), "{message}");

    let late = |url: &str, more: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: late, namespace: {space}}}\n\
             spec: {{interval: 1h, url: '{url}', ref: {{branch: main}}{more}}}\n"
        )
    };
    let url = rig.field("gitrepository", "repo", ".spec.url");
    rig.apply(&[late(&format!("{url}.nowhere"), "")]);
    cluster.fails("gitrepository", space, "late", "GitOperationFailed");
    assert!(!rig.exists("configmap", "source"));
    rig.apply(&[late(&url, "")]);
    rig.ready("source");
    rig.has("source", "1");
    rig.says("expression", "dependency 'GitRepository/dep-kinds/late' is not ready according to readyExpr");
    rig.apply(&[late(&url, ", suspend: true")]);
    // There is no folder of its name: it got beyond its dependency.
    rig.fails("expression", "ArtifactFailed");
}
