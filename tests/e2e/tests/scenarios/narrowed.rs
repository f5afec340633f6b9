//! `weir install --namespaces`: controllers that may look at some namespaces only, and do.

use crate::manifests::{config_map, namespace};
use crate::replicas::address;
use serde_json::Value;
use weir_e2e::installed::{self, Audit};
use weir_e2e::{Cluster, Controller, on_kube_apiserver};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_kube_apiserver!(named_namespaces_are_all_that_is_looked_at);

const HOME: &str = "flux-system";

fn named_namespaces_are_all_that_is_looked_at(cluster: &Cluster) {
    cluster.bare();
    let kubectl = cluster.kubectl();
    for space in ["narrow-a", "narrow-b", "narrow-c"] {
        kubectl.apply(&namespace(space)).unwrap();
    }
    let manifests = cluster.shell("weir install --export --namespaces=narrow-a,narrow-b");
    assert_eq!(manifests.code, Some(0), "{}", manifests.stderr);
    kubectl.run_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &manifests.stdout).unwrap();
    // What another installation has left must not be what is used here.
    for controller in ["source-controller", "kustomize-controller"] {
        let wide = format!("{controller}-{HOME}");
        kubectl.run(&["delete", "clusterrolebinding", &wide, "--ignore-not-found"]).unwrap();
    }
    for space in ["narrow-a", "narrow-b"] {
        let line = format!("weir create tenant {space} --with-namespace={space} --cluster-role=admin --label=e2e=1");
        let tenant = cluster.shell(&line);
        assert_eq!(tenant.code, Some(0), "{}", tenant.stderr);
    }
    let files = ["narrow-a", "narrow-b"].map(|space| (format!("{space}/a.yaml"), config_map(space, "app", "1")));
    let files = files.each_ref().map(|(path, text)| (path.as_str(), text.as_str()));
    let repo = GitRepo::new(&files);
    let http = GitHttp::serve(repo.path());
    let objects = |space: &str| {
        let object = format!(
            "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: repo, namespace: {space}}}
spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: app, namespace: {space}}}
spec: {{interval: 1h, path: {space}, prune: true, serviceAccountName: {space}, sourceRef: {{kind: GitRepository, name: repo}}}}
",
            http.url(".git")
        );
        eventually("the objects are taken", || kubectl.apply(&object));
    };
    // One before the controllers look, the other two after.
    objects("narrow-a");
    let noted = Audit::open(cluster.kubeconfig());
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let storage =
        [format!("--storage-path={}", dir.path().join("data").display()), format!("--storage-addr={}", address())];
    let places = "--watch-namespaces=narrow-a,narrow-b";
    let start = |name: &str, kind: &str, more: &[&str]| {
        let account = installed::as_account(cluster.kubeconfig(), dir.path(), name);
        Controller::start_in(HOME, &account, kind, &[&[places, "--enable-leader-election"], more].concat())
    };
    let source = start("source-controller", "source", &[&storage[0], &storage[1]]);
    let kustomize = start("kustomize-controller", "kustomize", &["--require-service-account"]);
    cluster.ready("kustomization", "narrow-a", "app", "True");
    objects("narrow-c");
    objects("narrow-b");
    cluster.ready("kustomization", "narrow-b", "app", "True");
    // A change of each: the streams go on, in both.
    let more = ["narrow-a", "narrow-b"].map(|space| config_map(space, "more", "1"));
    let files = [("narrow-a/b.yaml", more[0].as_str()), ("narrow-b/b.yaml", more[1].as_str())];
    let commit = repo.commit(&files, &["narrow-b/a.yaml"], "more");
    for space in ["narrow-a", "narrow-b"] {
        crate::controller::request(cluster, "gitrepository", space, "repo", &commit);
    }
    eventually("both have the commit", || {
        match (cluster.exists("configmap", "narrow-a", "more"), cluster.exists("configmap", "narrow-b", "app")) {
            (true, false) => Ok(()),
            other => Err(format!("{other:?}: {}", kubectl.run(&["get", "kustomization", "-A"])?)),
        }
    });
    let foreign = kubectl.json(&["get", "kustomization", "-n", "narrow-c", "app"]).unwrap();
    assert_eq!((&foreign["status"]["conditions"], &foreign["metadata"]["finalizers"]), (&Value::Null, &Value::Null));
    for space in ["narrow-a", "narrow-b"] {
        kubectl.run(&["delete", "kustomization", "-n", space, "app", "--timeout=60s"]).unwrap();
    }
    assert!(!cluster.exists("configmap", "narrow-a", "more"));
    assert_eq!(kustomize.terminate(), Some(0));
    let events = noted.events();
    let denied: Vec<&Value> = events.iter().filter(|event| event["responseStatus"]["code"] == 403).collect();
    assert!(denied.is_empty(), "{denied:#?}");
    // And one that was not given is refused at the start, since it would keep the others waiting.
    let account = installed::as_account(cluster.kubeconfig(), dir.path(), "kustomize-controller");
    cluster.attacks("in the namespace \"narrow-c\"");
    let stranger = Controller::start_in(HOME, &account, "kustomize", &["--watch-namespaces=narrow-a,narrow-c"]);
    let (code, log) = stranger.wait();
    assert_eq!(code, Some(1));
    assert!(log.join("\n").contains("(weir install --namespaces writes the rights)"), "{log:#?}");
    drop(source);
    crate::uninstall::uninstalled(cluster);
}
