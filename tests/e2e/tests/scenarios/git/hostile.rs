//! Servers and repositories that mean harm: a clear condition each, bounded memory, and nobody else
//! is held up.

use super::{Source, request, revision, source, told};
use crate::manifests::namespace;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_e2e::{Cluster, on_both};
use weir_testkit::{Answer, GitHttp, GitRepo, eventually};

on_both!(what_is_hostile_is_told_and_bounded, a_busy_server_is_left_alone, what_cannot_be_read_stops_nothing);

/// Resident bytes that the controller may ever have had: an eighth of what one of them sends.
const MEMORY: u64 = 512 << 20;

fn what_is_hostile_is_told_and_bounded(cluster: &Cluster) {
    let _server = cluster.served();
    let args = ["--git-max-size=256Mi", "--concurrent=4", "--min-retry-delay=10m"];
    let source_controller = Source::start(cluster, &args);
    let space = "git-hostile";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let good = GitRepo::new(&[("a.yaml", "a: 1")]);
    let head = good.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let answering = |answer: Answer| GitHttp::start(good.path(), None, move |_| answer.clone());
    let server = GitHttp::serve(good.path());
    kubectl.apply(&source(space, "good", &server.url(".git"), "ref: {branch: main}")).unwrap();
    cluster.ready("gitrepository", space, "good", "True");

    let reach = "failed to reach http://127.0.0.1:";
    let repositories = [
        ("hang", good.path(), Answer::Hang, "the repository did not answer within 2 s (raise spec.timeout)".to_owned()),
        ("reset", good.path(), Answer::Reset, reach.to_owned()),
        ("half", good.path(), Answer::Half, reach.to_owned()),
        ("garbage", good.path(), Answer::Pack(b"PACK of lies".to_vec()), reach.to_owned()),
        ("missing", good.path(), Answer::Pack(good.pack(&[&head])), format!("object {head} cannot be read: ")),
        ("broken", good.path(), Answer::Status("500 Oops", Vec::new()), "http://127.0.0.1:".to_owned()),
        ("endless", good.path(), Answer::Zeros(4 << 30), "the pack is larger than 268435456 bytes".to_owned()),
    ];
    let servers: Vec<GitHttp> = repositories.iter().map(|(_, _, answer, _)| answering(answer.clone())).collect();
    for ((name, ..), server) in repositories.iter().zip(&servers) {
        let timeout = if *name == "hang" { "2s" } else { "5m" };
        let more = format!("timeout: {timeout}\nref: {{branch: main}}");
        kubectl.apply(&source(space, name, &server.url(".git"), &more)).unwrap();
    }
    let trees = [
        (
            "dot-git",
            evil(".GIT"),
            "the tree has an entry '.GIT', which no checkout may have (remove the entry from the repository)",
        ),
        (
            "up",
            evil(".."),
            "the tree has an entry '..', which no checkout may have (remove the entry from the repository)",
        ),
        ("bomb", zeros(3), "the checkout stopped: the work needed more than 268435456 bytes"),
        (
            "submodule",
            with_submodule("file:///etc"),
            "submodule 'sub' has the URL 'file:///etc': only http, https and ssh URLs are fetched",
        ),
        ("metadata", with_submodule("http://169.254.169.254/latest"), "the address is for metadata services"),
    ];
    let tree_servers: Vec<GitHttp> = trees.iter().map(|(_, repo, _)| GitHttp::serve(repo.path())).collect();
    for ((name, ..), server) in trees.iter().zip(&tree_servers) {
        let more = "timeout: 5m\nrecurseSubmodules: true\nref: {branch: main}";
        kubectl.apply(&source(space, name, &server.url(".git"), more)).unwrap();
    }
    let refs = GitRepo::new(&[("a.yaml", "a: 1")]);
    many_tags(&refs, 1_200_000);
    let refs_server = GitHttp::serve(refs.path());
    kubectl.apply(&source(space, "refs", &refs_server.url(".git"), "timeout: 5m\nref: {semver: 1.x}")).unwrap();

    // A single large file is no harm.
    let large = zeros(1);
    let large_server = GitHttp::serve(large.path());
    kubectl.apply(&source(space, "large", &large_server.url(".git"), "timeout: 5m\nref: {branch: main}")).unwrap();

    // While they are at work, everybody else's work goes on.
    good.commit(&[("a.yaml", "a: 2")], &[], "next");
    let next = request(cluster, space, "good", "1");
    assert!(!revision(&next).ends_with(&head), "{next}");

    let expected = repositories.iter().map(|(name, _, _, expected)| (*name, expected.as_str()));
    let expected = expected.chain(trees.iter().map(|(name, _, expected)| (*name, *expected)));
    let refs_message = "the list of references is larger than 67108864 bytes";
    for (name, expected) in expected.chain([("refs", refs_message)]) {
        let failed = cluster.ready("gitrepository", space, name, "False");
        let (status, reason, message) = told(&failed, "FetchFailed");
        assert_eq!((status.as_str(), reason.as_str()), ("True", "GitOperationFailed"), "{name}: {message}");
        assert!(message.contains(expected), "{name}: {message}");
        assert!(failed["status"].get("artifact").is_none(), "{failed}");
        assert_eq!(source_controller.files(space, name).len(), 0, "{name}");
    }
    cluster.ready("gitrepository", space, "large", "True");
    let peak = source_controller.controller.process().peak_memory();
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    request(cluster, space, "good", "2");
}

/// A repository whose tree has a folder of this name.
fn evil(name: &str) -> GitRepo {
    let repo = GitRepo::new(&[("a", "1")]);
    let inner = repo.git(&["rev-parse", "HEAD^{tree}"]).trim().to_owned();
    let tree = repo.hash_tree(&format!("040000 tree {inner}\t{name}\n"));
    let commit = repo.git(&["commit-tree", &tree, "-m", "evil"]).trim().to_owned();
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    repo
}

/// So many files of 100 MiB, a hundred kilobytes each in the pack.
fn zeros(files: u8) -> GitRepo {
    let repo = GitRepo::new(&[]);
    // Nobody looks for what they have in common.
    repo.git(&["config", "core.bigFileThreshold", "1m"]);
    for at in 0..files {
        let mut zeros = vec![0; 100 << 20];
        zeros.push(at);
        std::fs::write(repo.path().join(format!("zeros-{at}")), zeros).unwrap();
    }
    repo.commit(&[], &[], "a bomb");
    repo
}

fn with_submodule(url: &str) -> GitRepo {
    let modules = format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {url}\n");
    let repo = GitRepo::new(&[(".gitmodules", &modules)]);
    let id = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
    repo.git(&["commit", "-q", "-m", "a submodule"]);
    repo
}

fn many_tags(repo: &GitRepo, count: usize) {
    use std::fmt::Write as _;
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let mut packed = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    for at in 0..count {
        writeln!(packed, "{head} refs/tags/v1.{at:07}.0").unwrap();
    }
    std::fs::write(repo.path().join(".git/packed-refs"), packed).unwrap();
}

fn a_busy_server_is_left_alone(cluster: &Cluster) {
    let _server = cluster.served();
    let _source = Source::start(cluster, &["--min-retry-delay=200ms", "--max-retry-delay=400ms"]);
    let space = "git-busy";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let busy = |after: &'static str, times: usize| {
        let left = AtomicUsize::new(times);
        GitHttp::start(repo.path(), None, move |_| {
            if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                return Answer::Git;
            }
            Answer::Status("429 Too Many Requests", vec![("Retry-After", after.to_owned())])
        })
    };
    let (long, short) = (busy("3600", usize::MAX), busy("1", 1));
    kubectl.apply(&source(space, "long", &long.url(".git"), "ref: {branch: main}")).unwrap();
    kubectl.apply(&source(space, "short", &short.url(".git"), "ref: {branch: main}")).unwrap();
    let failed = cluster.ready("gitrepository", space, "long", "False");
    assert!(told(&failed, "FetchFailed").2.ends_with("answered 429, retry after 3600 s"), "{failed}");
    cluster.ready("gitrepository", space, "short", "True");
    // Long after its backoff, the first server was asked once.
    let begun = std::time::Instant::now();
    eventually("more than the longest backoff has passed", || {
        if begun.elapsed().as_secs() >= 2 { Ok(()) } else { Err("not yet") }
    });
    assert_eq!(long.requests(), 1);
}

/// The schema refuses such objects; one that came in before it did stops nothing.
fn what_cannot_be_read_stops_nothing(cluster: &Cluster) {
    let _server = cluster.served();
    let source_controller = Source::start(cluster, &[]);
    let space = "git-unread";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let server = GitHttp::serve(repo.path());
    let url = server.url(".git");
    let loose = r#"[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/interval/pattern"}]"#;
    let definition = "gitrepositories.source.toolkit.fluxcd.io";
    kubectl.run(&["patch", "crd", definition, "--type=json", "-p", loose]).unwrap();
    let invalid = source(space, "invalid", &url, "ref: {branch: main}").replace("interval: 1h", "interval: soon");
    eventually("the schema is loose", || kubectl.apply(&invalid));
    let unknown = source(space, "unknown", &url, "ref: {branch: main}\nfuture: {field: true}");
    kubectl.run_with_input(&["apply", "--validate=false", "-f", "-"], &unknown).unwrap();
    kubectl.apply(&source(space, "good", &url, "ref: {branch: main}")).unwrap();
    for name in ["good", "unknown"] {
        cluster.ready("gitrepository", space, name, "True");
    }
    let event = eventually("an event says why", || {
        let events = kubectl.json(&["get", "events", "-n", space])?;
        let items = events["items"].as_array().cloned().unwrap_or_default();
        let found = items.into_iter().find(|event| event["involvedObject"]["name"] == "invalid");
        found.ok_or_else(|| events.to_string())
    });
    assert_eq!((&event["type"], &event["reason"]), (&"Warning".into(), &"InvalidObject".into()));
    assert!(event["message"].as_str().unwrap().contains("soon"), "{event}");
    request(cluster, space, "good", "1");
    let log = source_controller.controller.log();
    assert!(log.iter().any(|line| line.contains("the object cannot be read") && line.contains("invalid")), "{log:?}");
    // Once it is right, it is reconciled as any other.
    let right = r#"{"spec":{"interval":"1h"}}"#;
    kubectl.run(&["patch", "gitrepository", "-n", space, "invalid", "--type=merge", "-p", right]).unwrap();
    cluster.ready("gitrepository", space, "invalid", "True");
}
