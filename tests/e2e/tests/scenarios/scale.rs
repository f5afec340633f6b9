//! Many objects in one Kustomization, and many Kustomizations that wait.

use crate::manifests::config_map;
use crate::rig::{Rig, inventory, observe};
use std::time::{Duration, Instant};
use weir_e2e::{Backend, Cluster, on_both};
use weir_testkit::{eventually, eventually_within};

on_both!(one_of_thousands_changes, five_hundred_wait_and_delay_nobody);

fn one_of_thousands_changes(cluster: &Cluster) {
    // The scenarios on the real server wait for each other: fewer there, so that the suite stays short.
    let count = match cluster.backend {
        Backend::Sandbox => 5_000,
        Backend::KubeApiserver => 2_000,
    };
    let all = |changed: &str| {
        let value = |n| if n == count / 2 { changed } else { "1" };
        let maps: Vec<String> = (0..count).map(|n| config_map("scale", &format!("cm-{n}"), value(n))).collect();
        maps.join("---\n")
    };
    let rig = Rig::new(cluster, "scale", &[("app/all.yaml", &all("1"))]);
    let controller = rig.controller(&[]);
    rig.kubectl.apply(&rig.kustomization("app", "interval: 1h\nprune: true\ntimeout: 5m")).unwrap();
    eventually_within(Duration::from_secs(240), "all are applied", || is_applied(&rig, ""));
    assert_eq!(inventory(&rig.get("app").unwrap()).len(), count);

    let (before, began) = (controller.requests(), Instant::now());
    let commit = rig.publish(&[("app/all.yaml", &all("2"))], &[], "one of them");
    eventually_within(Duration::from_secs(120), "the change is applied", || is_applied(&rig, &commit));
    let (asked, took) = (controller.requests() - before, began.elapsed());
    let changed = format!("cm-{}", count / 2);
    let value = rig.kubectl.run(&["get", "configmap", "-n", "scale", &changed, "-o", "jsonpath={.data.value}"]);
    assert_eq!(value.unwrap(), "2");
    assert!(asked < 60, "{asked} requests for one of {count} objects, in {took:?}");
    assert_eq!(inventory(&rig.get("app").unwrap()).len(), count);
}

fn is_applied(rig: &Rig, commit: &str) -> Result<(), String> {
    let status = rig.get("app")?["status"].clone();
    match status["lastAppliedRevision"].as_str() {
        Some(revision) if revision.ends_with(commit) => Ok(()),
        _ => Err(status["conditions"].to_string()),
    }
}

fn five_hundred_wait_and_delay_nobody(cluster: &Cluster) {
    const COUNT: usize = 500;
    let rig = Rig::new(
        cluster,
        "waiting",
        &[
            ("never/a.yaml", &config_map("waiting", "never", "${name}")),
            ("last/a.yaml", &config_map("waiting", "last", "1")),
        ],
    );
    let controller = rig.controller(&[]);
    let never = |n: usize| {
        let more = format!(
            "interval: 1h\ntimeout: 30m\nprune: true\nnameSuffix: '-{n}'\npostBuild: {{substitute: {{name: n{n}}}}}\n\
             healthChecks: [{{apiVersion: apps/v1, kind: Deployment, name: absent-{n}, namespace: waiting}}]"
        );
        rig.kustomization("never", &more).replace("{name: never,", &format!("{{name: never-{n},"))
    };
    rig.kubectl.apply(&(0..COUNT).map(never).collect::<Vec<_>>().join("---\n")).unwrap();
    let reason = "jsonpath={range .items[*]}{.status.conditions[?(@.type==\"Ready\")].reason}{\"\\n\"}{end}";
    eventually_within(Duration::from_secs(180), "all wait for health", || {
        let all = rig.kubectl.run(&["get", "kustomizations", "-n", "waiting", "-o", reason])?;
        let waiting = all.lines().filter(|line| *line == "Progressing").count();
        if waiting == COUNT { Ok(()) } else { Err(format!("{waiting} wait")) }
    });
    // Their streams open, and then nothing is asked for but the look in case a connection died, every 30 s.
    let window = eventually("it is calm", || {
        let before = controller.requests();
        observe(Duration::from_secs(5));
        let asked = controller.requests() - before;
        if asked <= 150 { Ok(asked) } else { Err(format!("{asked} requests in 5 s")) }
    });
    let began = Instant::now();
    rig.kubectl.apply(&rig.kustomization("last", "interval: 1h\nprune: true")).unwrap();
    rig.ready("last");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "the last one was ready after {took:?}, beside {window} requests in 5 s");

    // One of them gets what it waits for.
    let wanted = crate::manifests::deployment("waiting", "absent-250", 1);
    rig.kubectl.apply(&wanted).unwrap();
    rig.ready("never-250");
    // While somebody finalizes them; the clean-up after a scenario would go through them one by one.
    rig.kubectl.run(&["delete", "kustomizations", "-n", "waiting", "--all", "--wait=false"]).unwrap();
    eventually("all are gone", || {
        let left = rig.kubectl.run(&["get", "kustomizations", "-n", "waiting", "-o", "name"])?;
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}
