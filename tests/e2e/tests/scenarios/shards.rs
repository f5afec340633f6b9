//! Who reconciles which objects: shards by label, and controllers of one namespace.

use crate::controller::{objects, request};
use crate::manifests::{config_map, namespace};
use crate::replicas::{address, replica};
use serde_json::Value;
use weir_e2e::{Cluster, Controller, on_both};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_both!(a_shard_reconciles_only_its_own, one_namespace_is_watched);

const KEY: &str = "sharding.fluxcd.io/key";

fn a_shard_reconciles_only_its_own(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let mut repos = Vec::new();
    for (space, shard) in [("shard-none", ""), ("shard-one", "shard1"), ("shard-nine", "shard9")] {
        let repo = GitRepo::new(&[("deploy/a.yaml", &config_map(space, "a", "1"))]);
        let http = GitHttp::serve(repo.path());
        kubectl.apply(&namespace(space)).unwrap();
        kubectl.apply(&labelled(&objects(space, &http.url(".git")), shard)).unwrap();
        repos.push((repo, http));
    }
    let (data, main, one) = (tempfile::tempdir().unwrap(), address(), address());
    let start = |storage: &str, selector: &str| {
        let selector = format!("--watch-label-selector={selector}");
        replica(cluster.kubeconfig(), &data.path().join(storage), storage, &[&selector])
    };
    let unlabelled = start(&main, &format!("!{KEY}"));
    let shard = start(&one, &format!("{KEY}=shard1"));
    for (space, storage) in [("shard-none", &main), ("shard-one", &one)] {
        cluster.ready("kustomization", space, "app", "True");
        assert!(cluster.exists("configmap", space, "a"));
        let repo = request(cluster, "gitrepository", space, "repo", "1");
        assert!(repo["status"]["artifact"]["url"].as_str().unwrap().contains(storage.as_str()), "{repo}");
    }

    // A new revision reaches the consumers of its own shard.
    let (repo, _) = &repos[1];
    let commit = repo.commit(&[("deploy/a.yaml", &config_map("shard-one", "a", "2"))], &[], "second");
    request(cluster, "gitrepository", "shard-one", "repo", "2");
    eventually("the commit is applied", || {
        let app = cluster.ready("kustomization", "shard-one", "app", "True");
        let applied = app["status"]["lastAppliedRevision"].as_str().unwrap().to_owned();
        if applied.ends_with(&commit) { Ok(()) } else { Err(applied) }
    });

    // Nobody has touched what belongs to a shard that does not run; it is taken over when its label goes.
    is_untouched(cluster, "shard-nine");
    let remove = format!("{KEY}-");
    kubectl.run(&["label", "gitrepository,kustomization", "-n", "shard-nine", "--all", &remove]).unwrap();
    cluster.ready("kustomization", "shard-nine", "app", "True");

    // The first eight digits of sha256("!sharding.fluxcd.io/key"), and of the other selector.
    for controller in ["source", "kustomize"] {
        for suffix in ["42da7484", "73fdc1be"] {
            let name = format!("{controller}-controller-leader-election-{suffix}");
            let lease = kubectl.json(&["get", "lease", "-n", "default", &name]).unwrap();
            assert_ne!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "{name}");
        }
    }
    for space in ["shard-none", "shard-one", "shard-nine"] {
        kubectl.run(&["delete", "kustomization", "-n", space, "app", "--timeout=60s"]).unwrap();
        kubectl.run(&["delete", "gitrepository", "-n", space, "repo", "--timeout=60s"]).unwrap();
    }
    for controller in [unlabelled, shard] {
        assert_eq!(controller.terminate(), Some(0));
    }
    kubectl.run(&["delete", "lease", "-n", "default", "--all"]).unwrap();
}

fn one_namespace_is_watched(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("ns-own", "a", "1"))]);
    let http = GitHttp::serve(repo.path());
    for space in ["ns-own", "ns-other"] {
        kubectl.apply(&namespace(space)).unwrap();
        kubectl.apply(&objects(space, &http.url(".git"))).unwrap();
    }
    let (data, storage) = (tempfile::tempdir().unwrap(), address());
    let (path, addr) =
        (format!("--source.storage-path={}", data.path().display()), format!("--source.storage-addr={storage}"));
    let args = [path.as_str(), &addr, "--watch-all-namespaces=false"];
    let controller = Controller::start_in("ns-own", cluster.kubeconfig(), "run", &args);
    cluster.ready("kustomization", "ns-own", "app", "True");
    request(cluster, "gitrepository", "ns-own", "repo", "1");
    request(cluster, "kustomization", "ns-own", "app", "1");
    is_untouched(cluster, "ns-other");
    kubectl.run(&["delete", "kustomization", "-n", "ns-own", "app", "--timeout=60s"]).unwrap();
    kubectl.run(&["delete", "gitrepository", "-n", "ns-own", "repo", "--timeout=60s"]).unwrap();
    assert_eq!(controller.terminate(), Some(0));
}

fn labelled(objects: &str, shard: &str) -> String {
    match shard {
        "" => objects.to_owned(),
        shard => objects.replace("metadata: {", &format!("metadata: {{labels: {{{KEY}: {shard}}}, ")),
    }
}

/// Nobody has written a status or a finalizer.
fn is_untouched(cluster: &Cluster, space: &str) {
    let list = cluster.kubectl().json(&["get", "gitrepositories,kustomizations", "-n", space]).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!(item["metadata"]["finalizers"], Value::Null, "{item}");
        assert_eq!(item["status"]["conditions"], Value::Null, "{item}");
    }
}
