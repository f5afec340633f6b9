//! A controller that is killed at any of its requests forgets no object, and its successor ends where one that was
//! left in peace does.
//!
//! `WEIR_KILLS` says how often it is killed (10), `WEIR_SEED` where: a number or the id of a commit.

use crate::manifests::{config_map, deployment};
use crate::rig::{Rig, inventory};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{Proxy, eventually};

on_both!(killed_at_any_request);

const SPACE: &str = "kill";
const KINDS: &str = "configmaps,deployments";

fn killed_at_any_request(cluster: &Cluster) {
    let kills: u64 = std::env::var("WEIR_KILLS").map_or(10, |text| text.parse().unwrap());
    let seed = std::env::var("WEIR_SEED").unwrap_or_else(|_| "7302e59".to_owned());
    let mut random = Random::new(&seed);
    let rig = Rig::new(cluster, SPACE, &[("app/none.txt", "")]);
    let proxy = Proxy::before(&rig.access());
    let start = || rig.controller_at(proxy.kubeconfig());
    let mut controller = start();
    rig.kubectl.apply(&rig.kustomization("app", "interval: 1h\nretryInterval: 1s\nprune: true\nwait: true")).unwrap();
    rig.ready("app");

    // Undisturbed: what each phase leaves, and how many requests it makes.
    let peace: Vec<(State, u64)> = PHASES
        .iter()
        .map(|phase| {
            let before = proxy.sent();
            let commit = rig.publish(&[("app/all.yaml", &phase())], &[], "in peace");
            rig.applied("app", &commit);
            (State::of(&rig), proxy.sent() - before)
        })
        .collect();

    for round in 0..kills {
        let at = usize::try_from(round).unwrap() % PHASES.len();
        let (wanted, requests) = &peace[at];
        let last = 1 + random.below(*requests);
        let arrives = random.below(2) == 0;
        let what = format!("seed {seed}, round {round}, phase {at}, request {last} of {requests}, arrives: {arrives}");
        proxy.hold_at(last);
        let commit = rig.publish(&[("app/all.yaml", &PHASES[at]())], &[], &what);
        eventually(&format!("{what}: it is reached, or there were fewer"), || match proxy.is_held() {
            true => Ok(()),
            false => is_applied(&rig, &commit),
        });
        controller.kill();
        if arrives {
            // The request was on its way when the process died.
            proxy.restore();
        } else {
            proxy.cut();
            proxy.restore();
        }
        assert_nothing_is_forgotten(&rig, &what);
        controller = start();
        rig.applied("app", &commit);
        assert_eq!(&State::of(&rig), wanted, "{what}");
    }
}

/// Install, upgrade and prune; the next install follows on the last.
const PHASES: [fn() -> String; 3] =
    [|| objects(0..8, "1", 1), || objects(4..12, "2", 2), || config_map(SPACE, "cm-0", "3")];

fn objects(maps: std::ops::Range<u32>, value: &str, replicas: u32) -> String {
    let mut all: Vec<String> = maps.map(|n| config_map(SPACE, &format!("cm-{n}"), value)).collect();
    all.push(deployment(SPACE, "web", replicas));
    all.join("---\n")
}

fn is_applied(rig: &Rig, commit: &str) -> Result<(), String> {
    let object = rig.get("app")?;
    let revision = object["status"]["lastAppliedRevision"].as_str().unwrap_or_default();
    if revision.ends_with(commit) { Ok(()) } else { Err(object["status"].to_string()) }
}

/// Everything that carries our labels.
fn labelled(rig: &Rig) -> Vec<Value> {
    let label = format!("kustomize.toolkit.fluxcd.io/name=app,kustomize.toolkit.fluxcd.io/namespace={SPACE}");
    let list = rig.kubectl.json(&["get", KINDS, "-n", SPACE, "-l", &label, "--show-managed-fields"]).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// The inventory names every object that carries our labels.
fn assert_nothing_is_forgotten(rig: &Rig, what: &str) {
    let objects = labelled(rig);
    let known: BTreeSet<String> = inventory(&rig.get("app").unwrap()).into_iter().collect();
    for object in objects {
        let group = if object["kind"] == "Deployment" { "apps" } else { "" };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let id = format!("{SPACE}_{}_{group}_{}", text(&object["metadata"]["name"]), text(&object["kind"]));
        assert!(known.contains(&id), "{what}: {id} is not in {known:?}");
    }
}

/// What a phase leaves, but for what differs from run to run.
#[derive(Debug, PartialEq)]
struct State {
    objects: Vec<Value>,
    inventory: Vec<String>,
}

impl State {
    fn of(rig: &Rig) -> Self {
        let mut objects = labelled(rig);
        for object in &mut objects {
            let object = object.as_object_mut().unwrap();
            object.remove("status");
            let metadata = object["metadata"].as_object_mut().unwrap();
            for key in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
                metadata.remove(key);
            }
            let ours = |entry: &&Value| entry["manager"] == "kustomize-controller";
            let fields = metadata.remove("managedFields").unwrap();
            let fields: Vec<Value> =
                fields.as_array().unwrap().iter().filter(ours).map(|e| e["fieldsV1"].clone()).collect();
            metadata.insert("ours".to_owned(), json!(fields));
        }
        Self { objects, inventory: inventory(&rig.get("app").unwrap()) }
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    /// FNV-1a of the seed's text.
    fn new(seed: &str) -> Self {
        Self(
            seed.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
