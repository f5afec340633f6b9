//! Others who write what we apply: those who fight, those who have their own fields, and those who were there before.

use crate::manifests::{config_map, deployment};
use crate::rig::{Rig, observe};
use std::time::{Duration, Instant};
use weir_e2e::{Cluster, on_both};
use weir_testkit::eventually_within;

on_both!(a_fight_over_a_field_is_bounded, two_owners_of_one_object_are_bounded, an_autoscaler_is_left_alone);

const KEPT: &str = "interval: 1h\nprune: true";

fn a_fight_over_a_field_is_bounded(cluster: &Cluster) {
    let rig = Rig::new(
        cluster,
        "fight",
        &[
            ("app/a.yaml", &config_map("fight", "fought", "ours")),
            ("other/a.yaml", &config_map("fight", "other", "ours")),
        ],
    );
    let controller = rig.controller(&[]);
    rig.kubectl.apply(&[rig.kustomization("app", KEPT), rig.kustomization("other", KEPT)].join("---\n")).unwrap();
    rig.ready("app");
    rig.ready("other");

    let theirs = config_map("fight", "fought", "theirs");
    let insist = ["apply", "--server-side", "--force-conflicts", "--field-manager=rival", "-f", "-"];
    let (requests, began) = (controller.requests(), Instant::now());
    let (mut repairs, mut rounds) = (0, 0);
    while began.elapsed() < Duration::from_secs(10) || rounds < 15 {
        rig.kubectl.run_with_input(&insist, &theirs).unwrap();
        rounds += 1;
        if rounds == 10 {
            // In the middle of it, the others are put right as fast as ever.
            rig.kubectl.run(&["delete", "configmap", "-n", "fight", "other"]).unwrap();
            eventually_within(Duration::from_secs(10), "the other is put right", || rig.value("other"));
        }
        // What we put right stands until the rival's next turn, so that no repair is missed.
        repairs += usize::from(rig.value("fought").unwrap() == "ours");
    }
    let asked = controller.requests() - requests;
    assert!((1..=5).contains(&repairs), "{repairs} repairs in {rounds} turns");
    assert!(asked <= 60, "{asked} requests");
    // Who gives up loses: the last word is ours, after a rest.
    eventually_within(Duration::from_secs(60), "it is ours", || match rig.value("fought")? {
        text if text == "ours" => Ok(()),
        text => Err(text),
    });
    rig.ready("app");
}

fn two_owners_of_one_object_are_bounded(cluster: &Cluster) {
    let rig = Rig::new(
        cluster,
        "owners",
        &[
            ("one/a.yaml", &config_map("owners", "shared", "one")),
            ("two/a.yaml", &config_map("owners", "shared", "two")),
            ("other/a.yaml", &config_map("owners", "other", "1")),
        ],
    );
    let controller = rig.controller(&[]);
    let all = ["one", "two", "other"].map(|name| rig.kustomization(name, KEPT));
    rig.kubectl.apply(&all.join("---\n")).unwrap();
    for name in ["one", "two", "other"] {
        rig.ready(name);
    }
    let window = |seconds| {
        let before = controller.requests_with("method=\"PATCH\"");
        observe(Duration::from_secs(seconds));
        controller.requests_with("method=\"PATCH\"") - before
    };
    // Each repairs after 0, 2, 4 and 8 s; a repair is a dry-run, an apply and what is written of it.
    let first = window(10);
    assert!(first <= 40, "{first} writes in the first 10 s");
    let second = window(10);
    assert!(second <= first.max(8), "{second} writes in the next 10 s, after {first}");
    rig.kubectl.run(&["delete", "configmap", "-n", "owners", "other"]).unwrap();
    eventually_within(Duration::from_secs(10), "the third one is served", || rig.value("other"));
}

fn an_autoscaler_is_left_alone(cluster: &Cluster) {
    let manifest = |image: &str| {
        deployment("scaler", "web", 1).replace("  replicas: 1\n", "").replace("web:1", &format!("web:{image}"))
    };
    let rig = Rig::new(cluster, "scaler", &[("app/a.yaml", &manifest("1"))]);
    let _controller = rig.controller(&[]);
    rig.kubectl.apply(&rig.kustomization("app", &format!("{KEPT}\nwait: true"))).unwrap();
    rig.ready("app");
    let scale = [
        "patch",
        "deployment",
        "-n",
        "scaler",
        "web",
        "--subresource=scale",
        "--type=merge",
        "--field-manager=autoscaler",
        "-p",
        r#"{"spec":{"replicas":3}}"#,
    ];
    rig.kubectl.run(&scale).unwrap();
    let replicas = || rig.kubectl.run(&["get", "deployment", "-n", "scaler", "web", "-o", "jsonpath={.spec.replicas}"]);
    // A look at every object, and a new revision that changes another field of it.
    rig.request("app", "look");
    assert_eq!(replicas().unwrap(), "3");
    let commit = rig.publish(&[("app/a.yaml", &manifest("2"))], &[], "another image");
    rig.applied("app", &commit);
    assert_eq!(replicas().unwrap(), "3");
}
