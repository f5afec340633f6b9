//! Many objects in one Kustomization.

use crate::manifests::{config_map, namespace};
use weir_e2e::{Cluster, on_both};
use weir_testkit::GitRepo;

on_both!(three_hundred_objects);

fn three_hundred_objects(cluster: &Cluster) {
    let manifests: Vec<String> = (0..300).map(|n| config_map("many", &format!("cm-{n}"), "1")).collect();
    let repo = GitRepo::new(&[("namespace.yaml", &namespace("many")), ("all.yaml", &manifests.join("---\n"))]);
    let _up = cluster.up(repo.path(), &[]);
    let kustomization = cluster.ready("kustomization", "flux-system", "flux-system", "True");
    assert_eq!(kustomization["status"]["inventory"]["entries"].as_array().unwrap().len(), 301);
    let names = cluster.kubectl().run(&["get", "configmaps", "-n", "many", "-o", "name"]).unwrap();
    assert_eq!(names.lines().filter(|name| name.contains("/cm-")).count(), 300);
    let commit = repo.commit(&[("all.yaml", &manifests[..100].join("---\n"))], &[], "fewer");
    cluster.applied(&commit);
    let names = cluster.kubectl().run(&["get", "configmaps", "-n", "many", "-o", "name"]).unwrap();
    assert_eq!(names.lines().filter(|name| name.contains("/cm-")).count(), 100);
}
