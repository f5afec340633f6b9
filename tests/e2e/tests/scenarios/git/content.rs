//! References, what is taken of a repository, and the artifact's life.

use super::{Source, paths, request, revision, run, source, told};
use crate::manifests::namespace;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{EventReceiver, GitHttp, GitRepo, eventually};

on_both!(references_move, files_are_chosen_and_included, an_artifact_lives_on_disk);

fn references_move(cluster: &Cluster) {
    let _server = cluster.served();
    let _source = Source::start(cluster, &["--min-retry-delay=10m"]);
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    repo.git(&["tag", "v1.0.0"]);
    let server = GitHttp::serve(repo.path());
    let url = server.url(".git");
    let space = "git-refs";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let first = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    for (name, reference) in [
        ("branch", "branch: main"),
        ("tag", "tag: v1.0.0"),
        ("range", "semver: '>=1.0.0 <2.0.0'"),
        ("name", "name: refs/heads/main"),
        ("commit", &format!("commit: {first}")),
    ] {
        kubectl.apply(&source(space, name, &url, &format!("ref: {{{reference}}}"))).unwrap();
    }
    let expected = [
        ("branch", format!("main@sha1:{first}")),
        ("tag", format!("v1.0.0@sha1:{first}")),
        ("range", format!("v1.0.0@sha1:{first}")),
        ("name", format!("refs/heads/main@sha1:{first}")),
        ("commit", format!("sha1:{first}")),
    ];
    for (name, expected) in &expected {
        let ready = cluster.ready("gitrepository", space, name, "True");
        assert_eq!(revision(&ready), expected);
        let message = format!("stored artifact for revision '{expected}'");
        assert_eq!(told(&ready, "Ready"), ("True".to_owned(), "Succeeded".to_owned(), message.clone()));
        assert_eq!(told(&ready, "ArtifactInStorage").2, message);
    }

    // What does not move is not fetched again: one look, and for the range one.
    let asked = server.requests();
    for (name, _) in &expected {
        request(cluster, space, name, "1");
    }
    let looks = server.requests() - asked;
    assert_eq!(looks, 2 * expected.len(), "a look is a handshake and a list");

    // A forced push, a moved tag, a newer version.
    let second = repo.commit(&[("a.yaml", "a: 2")], &[], "second");
    repo.git(&["tag", "-f", "v1.0.0"]);
    repo.git(&["tag", "-am", "note", "v1.1.0"]);
    repo.git(&["branch", "-f", "old", &first]);
    let moved = [
        ("branch", format!("main@sha1:{second}")),
        ("tag", format!("v1.0.0@sha1:{second}")),
        ("range", format!("v1.1.0@sha1:{second}")),
        ("name", format!("refs/heads/main@sha1:{second}")),
        ("commit", format!("sha1:{first}")),
    ];
    for (name, expected) in &moved {
        request(cluster, space, name, "2");
        assert_eq!(revision(&cluster.ready("gitrepository", space, name, "True")), expected);
    }
    repo.git(&["reset", "-q", "--hard", &first]);
    request(cluster, space, "branch", "3");
    assert_eq!(revision(&cluster.ready("gitrepository", space, "branch", "True")), format!("main@sha1:{first}"));

    // A deleted branch: the last artifact stays.
    repo.git(&["checkout", "-q", "old"]);
    repo.git(&["branch", "-D", "main"]);
    let gone = request(cluster, space, "branch", "4");
    let (status, reason, message) = told(&gone, "FetchFailed");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "GitOperationFailed"));
    let expected = "failed to checkout and determine revision: couldn't find remote ref \"refs/heads/main\" \
                    (the repository has refs/heads/old, refs/tags/v1.0.0, refs/tags/v1.1.0)";
    assert_eq!(message, expected);
    assert_eq!(told(&gone, "Ready"), ("False".to_owned(), reason, message));
    assert_eq!(revision(&gone), format!("main@sha1:{first}"));
    assert_eq!(told(&gone, "ArtifactInStorage").0, "True");

    let none = kubectl.apply(&source(space, "empty", &GitHttp::serve(empty().path()).url(".git"), ""));
    none.unwrap();
    let empty = cluster.ready("gitrepository", space, "empty", "False");
    assert_eq!(told(&empty, "FetchFailed").1, "EmptyGitRepository");
}

/// A repository without a commit; it stays until the process ends.
fn empty() -> &'static GitRepo {
    Box::leak(Box::new(GitRepo::empty()))
}

fn files_are_chosen_and_included(cluster: &Cluster) {
    let _server = cluster.served();
    let source_controller = Source::start(cluster, &["--requeue-dependency=1s"]);
    let lib = GitRepo::new(&[("l.yaml", "l: 1")]);
    let libs = GitHttp::serve(lib.path());
    let repo = GitRepo::new(&[("apps/a.yaml", "a: 1"), ("infra/b.yaml", "b: 1"), ("docs/c.md", "c")]);
    repo.git(&["submodule", "--quiet", "add", &libs.url(".git"), "vendor"]);
    repo.commit(&[], &[], "a submodule");
    let server = GitHttp::serve(repo.path());
    let url = server.url(".git");
    let space = "git-files";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let branch = "ref: {branch: main}\n";
    let archive = |name: &str| paths(source_controller.files(space, name).last().unwrap());
    for (name, more, expected) in [
        ("plain", "", &["apps/a.yaml", "docs/c.md", "infra/b.yaml"][..]),
        ("ignore", "ignore: |\n  *.md\n  infra\n", &["apps/a.yaml"]),
        ("sparse", "sparseCheckout: [./apps, docs]", &["apps/a.yaml", "docs/c.md"]),
        ("deep", "recurseSubmodules: true", &["apps/a.yaml", "docs/c.md", "infra/b.yaml", "vendor/l.yaml"]),
    ] {
        kubectl.apply(&source(space, name, &url, &format!("{branch}{more}"))).unwrap();
        let ready = cluster.ready("gitrepository", space, name, "True");
        assert_eq!(archive(name), expected, "{name}");
        let spec = &ready["spec"];
        let observed = |key: &str| ready["status"].get(key).cloned().unwrap_or_default();
        assert_eq!(observed("observedIgnore"), spec.get("ignore").cloned().unwrap_or_default());
        assert_eq!(observed("observedSparseCheckout"), spec.get("sparseCheckout").cloned().unwrap_or_default());
        assert_eq!(observed("observedRecurseSubmodules"), spec.get("recurseSubmodules").cloned().unwrap_or_default());
    }
    // The same commit by other rules is another artifact.
    let before = cluster.ready("gitrepository", space, "plain", "True")["status"]["artifact"]["digest"].clone();
    kubectl.apply(&source(space, "plain", &url, &format!("{branch}ignore: docs"))).unwrap();
    let after = cluster.ready("gitrepository", space, "plain", "True");
    assert_ne!(after["status"]["artifact"]["digest"], before);
    assert_eq!(archive("plain"), ["apps/a.yaml", "infra/b.yaml"]);
    kubectl.apply(&source(space, "sparse", &url, &format!("{branch}sparseCheckout: [nothing]"))).unwrap();
    let failed = cluster.ready("gitrepository", space, "sparse", "False");
    assert!(told(&failed, "FetchFailed").2.contains("sparse checkout dir 'nothing' does not exist in repository"));

    let include = "include:\n- {repository: {name: lib}, fromPath: ., toPath: third/party}\n- {repository: {name: plain}, fromPath: apps}\n";
    kubectl.apply(&source(space, "whole", &url, &format!("{branch}{include}"))).unwrap();
    let waits = cluster.ready("gitrepository", space, "whole", "False");
    let (status, reason, message) = told(&waits, "IncludeUnavailable");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "NotFound"));
    assert!(message.starts_with("could not get resource for include 'lib'"), "{message}");
    kubectl.apply(&source(space, "lib", &libs.url(".git"), branch)).unwrap();
    let ready = cluster.ready("gitrepository", space, "whole", "True");
    let expected = ["apps/a.yaml", "docs/c.md", "infra/b.yaml", "plain/a.yaml", "third/party/l.yaml"];
    assert_eq!(archive("whole"), expected);
    assert_eq!(ready["status"]["observedInclude"], ready["spec"]["include"]);
    assert_eq!(ready["status"]["includedArtifacts"].as_array().map(Vec::len), Some(2));
    lib.commit(&[("m.yaml", "m: 1")], &[], "more");
    request(cluster, space, "lib", "1");
    eventually("a change of the include is followed", || {
        let found = archive("whole");
        if found.iter().any(|path| path == "third/party/m.yaml") { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let taken = "include:\n- {repository: {name: lib}, toPath: apps}\n";
    kubectl.apply(&source(space, "whole", &url, &format!("{branch}{taken}"))).unwrap();
    let failed = cluster.fails("gitrepository", space, "whole", "CopyFailure");
    assert_eq!(failed, "failed to copy 'lib' include from . to apps: 'apps' exists in the repository");
}

fn an_artifact_lives_on_disk(cluster: &Cluster) {
    let _server = cluster.served();
    let receiver = EventReceiver::start();
    let events = format!("--events-addr={}", receiver.url);
    let first = Source::start(cluster, &["--artifact-retention-ttl=1h", "--artifact-digest-algo=sha512", &events]);
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let server = GitHttp::serve(repo.path());
    let space = "git-disk";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    kubectl.apply(&source(space, "repo", &server.url(".git"), "ref: {branch: main}")).unwrap();
    let ready = cluster.ready("gitrepository", space, "repo", "True");
    assert!(ready["status"]["artifact"]["digest"].as_str().unwrap().starts_with("sha512:"));
    for at in 2..5 {
        repo.commit(&[("a.yaml", &format!("a: {at}"))], &[], "next");
        request(cluster, space, "repo", &at.to_string());
    }
    // The newest two stay for whoever is still reading; the look that finds them old is the next one.
    request(cluster, space, "repo", "5");
    assert_eq!(first.files(space, "repo").len(), 2);

    // Somebody changes the file: it is never served for what it is not.
    let ready = cluster.ready("gitrepository", space, "repo", "True");
    let path = first.data.path().join(ready["status"]["artifact"]["path"].as_str().unwrap());
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"other").unwrap();
    request(cluster, space, "repo", "6");
    let again = cluster.ready("gitrepository", space, "repo", "True");
    assert_eq!(again["status"]["artifact"]["digest"], ready["status"]["artifact"]["digest"]);
    assert_eq!(std::fs::read(&path).unwrap(), good);
    let event = eventually("the change is told", || {
        let found = receiver.events().into_iter().find(|event| event["reason"] == "ArtifactVerificationFailed");
        found.ok_or_else(|| format!("{:?}", receiver.events()))
    });
    assert_eq!(event["severity"], "error");
    assert!(event["message"].as_str().unwrap().starts_with("failed to verify integrity of artifact: "), "{event}");
    // And when it is gone, it is built again too.
    std::fs::remove_file(&path).unwrap();
    request(cluster, space, "repo", "7");
    cluster.ready("gitrepository", space, "repo", "True");
    assert_eq!(std::fs::read(&path).unwrap(), good);

    // Another address: the status follows without a new artifact.
    let Source { controller, data } = first;
    assert_eq!(controller.terminate(), Some(0));
    let second = run(cluster, data.path(), &["--storage-adv-addr=artifacts.example.com"]);
    let renamed = request(cluster, space, "repo", "8");
    let artifact = &renamed["status"]["artifact"];
    let expected = format!("http://artifacts.example.com/{}", artifact["path"].as_str().unwrap());
    assert_eq!(artifact["url"], expected);
    assert_eq!(
        artifact["lastUpdateTime"],
        cluster.ready("gitrepository", space, "repo", "True")["status"]["artifact"]["lastUpdateTime"]
    );

    // Suspended: nothing happens, but a deletion does.
    kubectl
        .run(&["patch", "gitrepository", "-n", space, "repo", "--type=merge", "-p", r#"{"spec":{"suspend":true}}"#])
        .unwrap();
    kubectl.run(&["delete", "gitrepository", "-n", space, "repo", "--timeout=45s"]).unwrap();
    assert!(!data.path().join("gitrepository").join(space).join("repo").exists());
    assert_eq!(second.terminate(), Some(0));
}
