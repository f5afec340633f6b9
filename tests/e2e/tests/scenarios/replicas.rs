//! Two replicas of which one leads, and a network that fails between them and the API server.

use crate::controller::{objects, request};
use crate::manifests::{config_map, namespace};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use weir_e2e::{Cluster, Controller, free_port, http_get, on_both};
use weir_testkit::{Answer, EventReceiver, GitHttp, GitRepo, Proxy, eventually};

on_both!(
    of_two_replicas_one_reconciles,
    a_frozen_leader_ends_without_writing,
    the_api_server_goes_and_comes_back,
    events_outlive_their_receiver,
);

fn of_two_replicas_one_reconciles(cluster: &Cluster) {
    let _server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("ctl-lease", "a", "1"))]);
    let http = GitHttp::serve(repo.path());
    let data = tempfile::tempdir().unwrap();
    let start = |storage: &str| replica(cluster.kubeconfig(), data.path(), storage, &[]);
    let (one, other) = (address(), address());
    let first = start(&one);
    cluster.kubectl().apply(&namespace("ctl-lease")).unwrap();
    cluster.kubectl().apply(&objects("ctl-lease", &http.url(".git"))).unwrap();
    cluster.ready("gitrepository", "ctl-lease", "repo", "True");
    let second = start(&other);
    second.says("held by another replica");
    let (_, transitions) = holder(cluster);
    let answered = request(cluster, "gitrepository", "ctl-lease", "repo", "1");
    assert!(answered["status"]["artifact"]["url"].as_str().unwrap().contains(&one), "the holder reconciles");
    assert!(http_get(port(&other), "/").is_err(), "a standby serves no artifacts, so that its probe fails");
    assert!(!second.log().iter().any(|line| line.contains("controllerKind")), "{:?}", second.log());
    let began = Instant::now();
    first.kill();
    second.says("successfully acquired lease");
    // The lease lasts for 3 s and is looked at every half second; the rest is for slow machines.
    assert!(began.elapsed() < Duration::from_secs(15), "taken over after {:?}", began.elapsed());
    let answered = request(cluster, "gitrepository", "ctl-lease", "repo", "2");
    assert!(answered["status"]["artifact"]["url"].as_str().unwrap().contains(&other), "the second took over");
    assert_eq!(holder(cluster).1, transitions + 1);

    // Somebody takes the lease away: the process ends rather than to go on beside the new holder.
    let taken = r#"{"spec":{"holderIdentity":"somebody-else"}}"#;
    let lease = ["patch", "lease", "-n", "default", "source-controller-leader-election", "--type=merge", "-p", taken];
    cluster.kubectl().run(&lease).unwrap();
    let (code, log) = second.wait();
    assert_eq!(code, Some(1), "{log:?}");
    assert!(log.iter().any(|line| line.contains("is held by somebody-else now")), "{log:?}");

    for name in ["source-controller-leader-election", "kustomize-controller-leader-election"] {
        cluster.kubectl().run(&["delete", "lease", "-n", "default", name]).unwrap();
    }
    let third = start(&one);
    third.says("acquired lease");
    // The artifact's address is that of a process that is gone; nobody is held up by it for long.
    cluster.kubectl().run(&["delete", "kustomization", "-n", "ctl-lease", "app", "--timeout=45s"]).unwrap();
    cluster.kubectl().run(&["delete", "gitrepository", "-n", "ctl-lease", "repo", "--timeout=45s"]).unwrap();
    assert_eq!(third.terminate(), Some(0));
    assert_eq!(holder(cluster).0, "", "it was given away");
}

/// Holds up what goes through it.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, closed: bool) {
        *self.0.0.lock().unwrap() = closed;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(closed, |closed| *closed).unwrap());
    }
}

/// A Git server that answers only while its gate is open.
fn git(repo: &GitRepo) -> (GitHttp, Gate) {
    let gate = Gate::default();
    let inner = gate.clone();
    let http = GitHttp::start(repo.path(), None, move |_| {
        inner.pass();
        Answer::Git
    });
    (http, gate)
}

fn a_frozen_leader_ends_without_writing(cluster: &Cluster) {
    const COUNT: usize = 200;
    let all = |value: &str| {
        let maps: Vec<String> = (0..COUNT).map(|n| config_map("rep-ice", &format!("cm-{n}"), value)).collect();
        maps.join("---\n")
    };
    let _server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &all("1"))]);
    let http = GitHttp::serve(repo.path());
    let (data, proxy) = (tempfile::tempdir().unwrap(), Proxy::before(cluster.kubeconfig()));
    let (one, other) = (address(), address());
    let first = replica(proxy.kubeconfig(), data.path(), &one, &[]);
    cluster.kubectl().apply(&namespace("rep-ice")).unwrap();
    cluster.kubectl().apply(&objects("rep-ice", &http.url(".git"))).unwrap();
    cluster.ready("kustomization", "rep-ice", "app", "True");
    let second = replica(cluster.kubeconfig(), data.path(), &other, &[]);
    second.says("held by another replica");
    let (_, transitions) = holder(cluster);

    // The leader is frozen in the middle of an apply, which goes on as soon as it is thawed.
    proxy.slow(Duration::from_millis(20));
    let watch = ["get", "configmaps", "-n", "rep-ice", "--watch-only", "-o", "jsonpath={.data.value}{'\\n'}"];
    let mut watching = cluster.kubectl().command(&watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    repo.commit(&[("deploy/a.yaml", &all("2"))], &[], "second");
    annotate(cluster, "rep-ice", "1");
    assert!(lines.any(|line| line.is_ok_and(|line| line == "2")), "the leader applies");
    first.freeze();
    let _ = (watching.kill(), watching.wait());
    assert!(values(cluster).contains(&"1".to_owned()), "it was not done");

    let commit = repo.commit(&[("deploy/a.yaml", &all("3"))], &[], "third");
    let answered = request(cluster, "gitrepository", "rep-ice", "repo", "2");
    assert!(answered["status"]["artifact"]["url"].as_str().unwrap().contains(&other), "the second took over");
    eventually("the second applies", || {
        let app = cluster.ready("kustomization", "rep-ice", "app", "True");
        let applied = app["status"]["lastAppliedRevision"].as_str().unwrap().to_owned();
        if applied.ends_with(&commit) { Ok(()) } else { Err(applied) }
    });
    assert_eq!(values(cluster), ["3"]);

    // From here on nothing is left to do, so that whatever is written comes from the one that was frozen.
    let before = eventually("the second has told it", || {
        let (before, after) = (written(cluster, "rep-ice"), written(cluster, "rep-ice"));
        let events = cluster.kubectl().run(&["get", "events", "-n", "rep-ice", "-o", "yaml"])?;
        if before == after && events.contains(&commit) { Ok(before) } else { Err(events) }
    });
    first.thaw();
    let (code, log) = first.wait();
    assert_eq!(code, Some(1), "{log:?}");
    assert!(log.iter().any(|line| line.contains("was not renewed within")), "{log:?}");
    assert_eq!(values(cluster), ["3"]);
    assert_eq!(written(cluster, "rep-ice"), before, "{log:?}");
    assert_eq!(holder(cluster).1, transitions + 1);
    finish(cluster, "rep-ice", second);
}

/// The different values that the objects have.
fn values(cluster: &Cluster) -> Vec<String> {
    let list = cluster.kubectl().json(&["get", "configmaps", "-n", "rep-ice"]).unwrap();
    let maps = list["items"].as_array().unwrap().iter();
    let values = maps.filter_map(|map| map["data"]["value"].as_str().map(str::to_owned));
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

fn the_api_server_goes_and_comes_back(cluster: &Cluster) {
    let mut server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("rep-net", "a", "0"))]);
    let (http, gate) = git(&repo);
    let (data, receiver, proxy) =
        (tempfile::tempdir().unwrap(), EventReceiver::start(), Proxy::before(cluster.kubeconfig()));
    let events = format!("--events-addr={}", receiver.url);
    // Long enough that a slow machine does not lose it by itself.
    let timing = [
        events.as_str(),
        "--leader-election-lease-duration=12s",
        "--leader-election-renew-deadline=10s",
        "--min-retry-delay=100ms",
        "--max-retry-delay=1s",
    ];
    let (one, other) = (address(), address());
    let first = replica(proxy.kubeconfig(), data.path(), &one, &timing);
    cluster.kubectl().apply(&namespace("rep-net")).unwrap();
    cluster.kubectl().apply(&objects("rep-net", &http.url(".git"))).unwrap();
    cluster.ready("kustomization", "rep-net", "app", "True");
    let second = replica(proxy.kubeconfig(), data.path(), &other, &timing);
    second.says("held by another replica");
    let led = holder(cluster);

    // The server goes while a pass is under way, and is back before the lease has run out.
    gate.set(true);
    let commit = repo.commit(&[("deploy/a.yaml", &config_map("rep-net", "a", "1"))], &[], "first");
    let asked = http.requests();
    annotate(cluster, "rep-net", "1");
    eventually("the pass is under way", || if http.requests() > asked { Ok(()) } else { Err("not yet") });
    proxy.cut();
    if let Some(server) = server.take() {
        server.kill();
    }
    gate.set(false);
    first.says("the status was not written");
    first.says("the lease was not renewed yet");
    let _server = cluster.served();
    proxy.restore();
    is_applied(cluster, &receiver, &commit);
    assert_eq!(holder(cluster), led, "the leader keeps its lease");

    // The server's disk is slow: everything takes longer and nothing else happens.
    proxy.slow(Duration::from_millis(150));
    let commit = repo.commit(&[("deploy/a.yaml", &config_map("rep-net", "a", "2"))], &[], "second");
    annotate(cluster, "rep-net", "2");
    is_applied(cluster, &receiver, &commit);
    assert_eq!(holder(cluster), led, "the leader keeps its lease");

    // The network is gone for longer than the lease lasts: the leader ends, and the other one takes over.
    proxy.hold();
    let commit = repo.commit(&[("deploy/a.yaml", &config_map("rep-net", "a", "3"))], &[], "third");
    annotate(cluster, "rep-net", "3");
    let (code, log) = first.wait();
    assert_eq!(code, Some(1), "{log:?}");
    assert!(log.iter().any(|line| line.contains("was not renewed within 10 s")), "{log:?}");
    proxy.restore();
    is_applied(cluster, &receiver, &commit);
    assert_eq!(holder(cluster).1, led.1 + 1, "the second took over");
    let live = cluster.kubectl().json(&["get", "configmap", "-n", "rep-net", "a"]).unwrap();
    assert_eq!(live["data"]["value"], "3");
    finish(cluster, "rep-net", second);
}

/// Waits until a commit is published and applied, and both were told to the receiver.
fn is_applied(cluster: &Cluster, receiver: &EventReceiver, commit: &str) {
    eventually("the commit is applied", || {
        let app = cluster.kubectl().json(&["get", "kustomization", "-n", "rep-net", "app"])?;
        let applied = app["status"]["lastAppliedRevision"].as_str().unwrap_or_default().to_owned();
        if applied.ends_with(commit) { Ok(()) } else { Err(app["status"].to_string()) }
    });
    for (kind, reason, key) in [
        ("GitRepository", "NewArtifact", "source.toolkit.fluxcd.io/revision"),
        ("Kustomization", "ReconciliationSucceeded", "kustomize.toolkit.fluxcd.io/revision"),
    ] {
        eventually(&format!("{reason} of {commit} is posted"), || {
            let events = receiver.events();
            let told = events.iter().any(|event| {
                event["involvedObject"]["kind"] == kind
                    && event["reason"] == reason
                    && event["metadata"][key].as_str().unwrap_or_default().ends_with(commit)
            });
            if told { Ok(()) } else { Err(format!("{events:?}")) }
        });
    }
    // The same is in the cluster's own Events.
    eventually("the Event is written", || {
        let events = cluster.kubectl().json(&["get", "events", "-n", "rep-net"])?;
        let told = events["items"].as_array().into_iter().flatten().any(|event| {
            let revision = &event["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/revision"];
            event["reason"] == "ReconciliationSucceeded" && revision.as_str().unwrap_or_default().ends_with(commit)
        });
        if told { Ok(()) } else { Err(events.to_string()) }
    });
}

fn events_outlive_their_receiver(cluster: &Cluster) {
    let _server = cluster.served();
    let repo = GitRepo::new(&[("deploy/a.yaml", &config_map("rep-ev", "a", "1"))]);
    let http = GitHttp::serve(repo.path());
    let data = tempfile::tempdir().unwrap();
    let port = free_port();
    let controller = Controller::start(
        cluster.kubeconfig(),
        "run",
        &[
            &format!("--events-addr=http://127.0.0.1:{port}/"),
            &format!("--source.storage-path={}", data.path().display()),
            &format!("--source.storage-addr={}", address()),
        ],
    );
    cluster.kubectl().apply(&namespace("rep-ev")).unwrap();
    cluster.kubectl().apply(&objects("rep-ev", &http.url(".git"))).unwrap();
    cluster.ready("kustomization", "rep-ev", "app", "True");
    let receiver = EventReceiver::on(port);
    let told = |receiver: &EventReceiver, commit: &str, reason: &str| {
        receiver
            .events()
            .iter()
            .any(|event| event["reason"] == reason && event["metadata"].to_string().contains(commit))
    };
    let first = published(cluster);
    eventually("what was said while nobody listened arrives", || {
        let all = ["NewArtifact", "ReconciliationSucceeded"].iter().all(|reason| told(&receiver, &first, reason));
        if all { Ok(()) } else { Err(format!("{:?}", receiver.events())) }
    });

    // The receiver fails when the last events are said; they are posted once more before the end.
    drop(receiver);
    let commit = repo.commit(&[("deploy/a.yaml", &config_map("rep-ev", "a", "2"))], &[], "second");
    annotate(cluster, "rep-ev", "1");
    eventually("the commit is applied", || {
        let app = cluster.ready("kustomization", "rep-ev", "app", "True");
        let applied = app["status"]["lastAppliedRevision"].as_str().unwrap().to_owned();
        if applied.ends_with(&commit) { Ok(()) } else { Err(applied) }
    });
    let receiver = EventReceiver::on(port);
    assert_eq!(controller.terminate(), Some(0));
    for reason in ["NewArtifact", "ReconciliationSucceeded"] {
        assert!(told(&receiver, &commit, reason), "{reason}: {:?}", receiver.events());
    }

    // Without a receiver the end takes no longer than it has to.
    let last = replica(cluster.kubeconfig(), data.path(), &address(), &[&format!("--events-addr={}", dead())]);
    finish(cluster, "rep-ev", last);
}

fn published(cluster: &Cluster) -> String {
    let repo = cluster.ready("gitrepository", "rep-ev", "repo", "True");
    repo["status"]["artifact"]["revision"].as_str().unwrap().to_owned()
}

fn dead() -> String {
    format!("http://127.0.0.1:{}/", free_port())
}

pub(crate) fn replica(kubeconfig: &Path, data: &Path, storage: &str, args: &[&str]) -> Controller {
    let (path, storage) =
        (format!("--source.storage-path={}", data.display()), format!("--source.storage-addr={storage}"));
    let mut all = vec![path.as_str(), &storage, "--enable-leader-election", "--leader-election-retry-period=500ms"];
    if !args.iter().any(|arg| arg.contains("lease-duration")) {
        all.extend(["--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s"]);
    }
    Controller::start(kubeconfig, "run", &[&all[..], args].concat())
}

/// Deletes the objects and ends the replica.
fn finish(cluster: &Cluster, space: &str, replica: Controller) {
    cluster.kubectl().run(&["delete", "kustomization", "-n", space, "app", "--timeout=60s"]).unwrap();
    cluster.kubectl().run(&["delete", "gitrepository", "-n", space, "repo", "--timeout=60s"]).unwrap();
    assert_eq!(replica.terminate(), Some(0));
    let leases = ["source-controller-leader-election", "kustomize-controller-leader-election"];
    cluster.kubectl().run(&["delete", "lease", "-n", "default", leases[0], leases[1]]).unwrap();
}

fn annotate(cluster: &Cluster, space: &str, at: &str) {
    let annotation = format!("reconcile.fluxcd.io/requestedAt={at}");
    cluster.kubectl().run(&["annotate", "--overwrite", "gitrepository", "-n", space, "repo", &annotation]).unwrap();
}

/// Who holds the lease of the source controller, and how often it changed hands.
fn holder(cluster: &Cluster) -> (String, i64) {
    let lease = ["get", "lease", "-n", "default", "source-controller-leader-election"];
    let lease = cluster.kubectl().json(&lease).unwrap();
    let spec = &lease["spec"];
    (spec["holderIdentity"].as_str().unwrap_or_default().to_owned(), spec["leaseTransitions"].as_i64().unwrap_or(0))
}

/// Every object of a namespace at its version: whatever is written shows.
fn written(cluster: &Cluster, space: &str) -> String {
    let kinds = "gitrepositories,kustomizations,configmaps,events";
    let list: Value = cluster.kubectl().json(&["get", kinds, "-n", space]).unwrap();
    let versions = list["items"].as_array().unwrap().iter().map(|item| {
        let meta = &item["metadata"];
        format!("{} {} {}", item["kind"], meta["name"], meta["resourceVersion"])
    });
    versions.collect::<Vec<_>>().join("\n")
}

pub(crate) fn address() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}
