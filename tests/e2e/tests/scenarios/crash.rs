//! A killed process loses nothing and leaves nothing.

use crate::manifests::{config_map, namespace};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use weir_e2e::{Cluster, on_both};
use weir_testkit::GitRepo;

on_both!(killed_in_mid_apply);

fn killed_in_mid_apply(cluster: &Cluster) {
    const COUNT: usize = 400;
    let name = |n: usize| format!("cm-{n:03}");
    let manifests: Vec<String> = (0..COUNT).map(|n| config_map("crash", &name(n), "1")).collect();
    let repo = GitRepo::new(&[("ns/namespace.yaml", &namespace("crash")), ("all/none.txt", "")]);
    let up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let kubectl = cluster.kubectl();

    // The first object that appears is the sign that the apply is under way.
    let watch = ["get", "configmaps", "-n", "crash", "--watch-only", "-o", "name"];
    let mut watching = kubectl.command(&watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    repo.commit(&[("all/all.yaml", &manifests.join("---\n"))], &[], "many");
    let first = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("/cm-")));
    up.kill();
    let _ = watching.kill();
    let _ = watching.wait();
    assert!(first.is_some(), "an object appeared");

    // While nobody runs, half of the objects leave the repository.
    let half = manifests[COUNT / 2..].join("---\n");
    let commit = repo.commit(&[("all/all.yaml", &half)], &[], "half");
    let _up = cluster.up(repo.path(), &[]);
    let kustomization = cluster.applied(&commit);
    let wanted: BTreeSet<String> = (COUNT / 2..COUNT).map(name).collect();
    let list = kubectl.run(&["get", "configmaps", "-n", "crash", "-o", "name"]).unwrap();
    let found: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("configmap/cm-")).collect();
    let unique: BTreeSet<String> = found.iter().map(|n| format!("cm-{n}")).collect();
    assert_eq!(unique, wanted, "no orphan is left and nothing is missing");
    assert_eq!(found.len(), wanted.len(), "nothing is there twice");
    let entries = kustomization["status"]["inventory"]["entries"].as_array().unwrap().len();
    assert_eq!(entries, wanted.len() + 1, "the inventory is what is on the cluster");
}
