//! Controllers that are bound to named hosts. 127.0.0.1 and localhost lead to the same servers here, and are two hosts.

use super::{Source, source, told};
use crate::manifests::{config_map, namespace};
use crate::rig::Rig;
use weir_e2e::{Cluster, condition, on_both};
use weir_testkit::{Answer, GitHttp, GitRepo};

on_both!(sources_come_from_named_hosts_only, remote_bases_come_from_named_hosts_only);

const REFUSED: &str = "the host 'localhost' is not among those that this controller may fetch from";

fn by_name(server: &GitHttp) -> String {
    server.url(".git").replace("127.0.0.1", "localhost")
}

fn sources_come_from_named_hosts_only(cluster: &Cluster) {
    let _server = cluster.served();
    let _controller =
        Source::start(cluster, &["--allowed-source-hosts=127.0.0.1,*.example.com", "--min-retry-delay=10m"]);
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let (allowed, other) = (GitHttp::serve(repo.path()), GitHttp::serve(repo.path()));
    let target = format!("{}/info/refs?service=git-upload-pack", by_name(&other));
    let moved =
        GitHttp::start(repo.path(), None, move |_| Answer::Status("302 Found", vec![("Location", target.clone())]));
    let whole = GitRepo::new(&[("a.yaml", "a: 1")]);
    whole.git(&["submodule", "--quiet", "add", &allowed.url(".git"), "sub"]);
    let modules = format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {}\n", by_name(&other));
    whole.commit(&[(".gitmodules", &modules)], &[], "a submodule of another host");
    let whole = GitHttp::serve(whole.path());

    let space = "git-bound";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let branch = "ref: {branch: main}\n";
    for (name, url, more) in [
        ("allowed", allowed.url(".git"), ""),
        ("elsewhere", by_name(&other), ""),
        ("by-ssh", "ssh://git@localhost/a.git".to_owned(), "secretRef: {name: never-read}"),
        ("moved", moved.url(".git"), ""),
        ("whole", whole.url(".git"), "recurseSubmodules: true"),
    ] {
        kubectl.apply(&source(space, name, &url, &format!("{branch}{more}"))).unwrap();
    }
    cluster.ready("gitrepository", space, "allowed", "True");
    for name in ["elsewhere", "by-ssh"] {
        let object = cluster.ready("gitrepository", space, name, "False");
        let stalled = condition(&object, "Stalled").unwrap_or_else(|| panic!("{object}"));
        assert_eq!(stalled["reason"], "AccessDenied", "{object}");
        assert!(stalled["message"].as_str().unwrap().starts_with(&format!("spec.url: {REFUSED}")), "{object}");
    }
    let object = cluster.ready("gitrepository", space, "moved", "False");
    let (_, reason, message) = told(&object, "FetchFailed");
    assert_eq!(reason, "AccessDenied");
    assert!(message.contains("a redirect to http://localhost:") && message.contains("is not followed"), "{message}");
    let object = cluster.ready("gitrepository", space, "whole", "False");
    let (_, reason, message) = told(&object, "FetchFailed");
    assert_eq!(reason, "AccessDenied");
    assert!(message.contains(&format!("submodule 'sub': {REFUSED}")), "{message}");
    assert_eq!(other.requests(), 0, "the other host was asked");
}

fn remote_bases_come_from_named_hosts_only(cluster: &Cluster) {
    let space = "bases-bound";
    let base = GitRepo::new(&[
        ("kustomization.yaml", "resources: [a.yaml]\n"),
        ("a.yaml", &config_map(space, "from-base", "1")),
    ]);
    let server = GitHttp::serve(base.path());
    let with = |url: String| format!("resources: ['{url}']\n");
    let files =
        [("good/kustomization.yaml", with(server.url(".git"))), ("bad/kustomization.yaml", with(by_name(&server)))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let rig = Rig::new(cluster, space, &files);
    let _controller =
        rig.controller(&["--allowed-base-hosts=127.0.0.1", "--remote-reach=anywhere", "--min-retry-delay=10m"]);
    rig.apply(&[rig.kustomization("bad", "interval: 1h")]);
    let message = rig.fails("bad", "BuildFailed");
    assert!(message.contains(REFUSED), "{message}");
    assert_eq!(server.requests(), 0, "the host was asked");
    rig.apply(&[rig.kustomization("good", "interval: 1h")]);
    rig.ready("good");
    rig.has("from-base", "1");
}
