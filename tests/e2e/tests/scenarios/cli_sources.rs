//! The commands for sources, as the guide shows them.

use crate::manifests::namespace;
use std::path::Path;
use weir_e2e::{Cluster, Controller, free_port, on_both};
use weir_testkit::{GitHttp, GitRepo, SshKey, Sshd};

on_both!(the_guide_works, what_goes_wrong_is_told);

fn controller(cluster: &Cluster, data: &Path) -> Controller {
    let storage = [format!("--storage-path={}", data.display()), format!("--storage-addr=127.0.0.1:{}", free_port())];
    Controller::start(cluster.kubeconfig(), "source", &storage.each_ref().map(String::as_str))
}

fn the_guide_works(cluster: &Cluster) {
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let _controller = controller(cluster, data.path());
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    repo.git(&["tag", "1.2.0"]);
    let server = GitHttp::serve(repo.path());
    let key = SshKey::new("ed25519");
    let sshd = Sshd::start(repo.path(), &[&key], &[&key]);
    cluster.kubectl().apply(&namespace("flux-system")).unwrap();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let mut ended = Vec::new();
    for line in guide.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let local = line
            .replace("ssh://git@git.example.com/podinfo", &sshd.url(".git"))
            .replace("https://git.example.com/podinfo", &server.url(".git"));
        let done = cluster.shell(&local);
        assert_eq!(done.code, Some(0), "{line}: {done:?}");
        ended.push((line.to_owned(), done));
    }
    let of = |start: &str| &ended.iter().find(|(line, _)| line.starts_with(start)).unwrap().1;
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let created = of("weir create source git podinfo --url https://git.example.com/podinfo --branch main");
    let expected = format!(
        "✚ generating GitRepository source\n► applying GitRepository source\n✔ GitRepository source created\n\
         ◎ waiting for GitRepository source reconciliation\n✔ GitRepository source reconciliation completed\n\
         ✔ fetched revision: main@sha1:{head}\n"
    );
    assert_eq!((created.stderr.as_str(), created.stdout.as_str()), (expected.as_str(), ""));
    let row =
        format!("main@sha1:{}\tFalse    \tTrue \tstored artifact for revision 'main@sha1:{}'", &head[..8], &head[..8]);
    let table = &of("weir get sources git").stdout;
    assert!(table.starts_with("NAME   \tREVISION") && table.contains(&format!("podinfo\t{row}")), "{table}");
    let alone = &of("weir get sources git podinfo --status-selector").stdout;
    assert_eq!(alone.lines().count(), 1, "{alone}");
    let watched = &of("weir get sources git --watch").stdout;
    assert!(watched.starts_with("NAME   \tREVISION") && watched.contains(&format!("podinfo\t{row}")), "{watched}");
    let whole = &of("weir get sources git podinfo --output yaml").stdout;
    assert!(whole.starts_with("apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"), "{whole}");
    assert!(whole.contains("\nstatus:\n  artifact:\n"), "{whole}");
    let expected = format!(
        "► annotating GitRepository podinfo in flux-system namespace\n✔ GitRepository annotated\n\
         ◎ waiting for GitRepository reconciliation\n✔ fetched revision main@sha1:{head}\n"
    );
    assert_eq!(of("weir reconcile").stderr, expected);
    assert_eq!(
        of("weir suspend").stderr,
        "► suspending source git podinfo in flux-system namespace\n✔ source git suspended\n"
    );
    assert!(of("weir resume").stderr.contains("✔ GitRepository podinfo reconciliation completed\n"));
    let exported = format!(
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: podinfo\n  \
         namespace: flux-system\nspec:\n  interval: 1m0s\n  ref:\n    branch: main\n  timeout: 60s\n  url: {}\n",
        server.url(".git")
    );
    assert_eq!(of("weir export source git podinfo").stdout, exported);
    let range = of("weir create source git podinfo --url https://git.example.com/podinfo --tag-semver");
    assert!(range.stdout.contains("  ref:\n    semver: '>=1.0.0 <2.0.0'\n"), "{}", range.stdout);
    let deploy = of("weir create secret git deploy --url ssh://git@git.example.com/podinfo --ssh-key-algorithm");
    assert!(deploy.stderr.starts_with("✚ deploy key: ssh-ed25519 AAAA"), "{deploy:?}");
    assert!(!deploy.stderr.contains("PRIVATE KEY"));
    let made = cluster.kubectl().json(&["get", "secret", "-n", "flux-system", "deploy"]).unwrap();
    let keys: Vec<&String> = made["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["identity", "identity.pub", "known_hosts"]);
    assert!(!cluster.exists("gitrepository", "flux-system", "podinfo"), "the last line deletes it");
}

fn what_goes_wrong_is_told(cluster: &Cluster) {
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let _controller = controller(cluster, data.path());
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let server = GitHttp::serve(repo.path());
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace("cli")).unwrap();
    let url = server.url(".git");
    let failing = [
        ("weir get sources git -n cli", "✗ no GitRepository objects found in \"cli\" namespace\n".to_owned()),
        (
            "weir reconcile source git a -n cli",
            "✗ GitRepository object 'a' not found in \"cli\" namespace\n".to_owned(),
        ),
        ("weir export source git --all -n cli", "✗ no objects found in \"cli\" namespace\n".to_owned()),
        (
            "weir create source git a -n cli --url file:///etc --branch main",
            "✗ git URL scheme 'file' not supported, can be: ssh, http and https\n".to_owned(),
        ),
        (
            "weir create secret git a -n cli --url https://git.example.com/a",
            "✗ for Git over HTTP/S the username and password, or a bearer token is required\n".to_owned(),
        ),
    ];
    for (line, expected) in failing {
        let done = cluster.shell(line);
        assert_eq!((done.code, done.stderr), (Some(1), expected), "{line}");
    }
    assert_eq!(cluster.shell(&format!("weir create source git a --url {url}")).code, Some(2), "a reference is needed");

    let created = cluster.shell(&format!("weir create source git a -n cli --url {url} --branch nope --timeout 10s"));
    assert_eq!(created.code, Some(1));
    let expected = "couldn't find remote ref \"refs/heads/nope\" (the repository has refs/heads/main)";
    assert!(created.stderr.contains(expected), "{created:?}");
    let again = cluster.shell("weir reconcile source git a -n cli");
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("✗ GitRepository reconciliation failed: 'failed to checkout"), "{again:?}");
    let kept = cluster.shell("weir delete source git a -n cli");
    assert_eq!((kept.code, kept.stderr.as_str()), (Some(1), "✗ aborting (--silent deletes without asking)\n"));
    assert!(cluster.exists("gitrepository", "cli", "a"));
    let suspended = cluster.shell("weir suspend source git nobody a -n cli");
    assert_eq!(suspended.code, Some(0));
    assert!(
        suspended.stderr.starts_with("✗ GitRepository object 'nobody' not found in \"cli\" namespace\n► suspending")
    );
    let refused = cluster.shell("weir reconcile source git a -n cli");
    assert_eq!(refused.stderr, "✗ resource is suspended\n");
}
