//! A GitRepository over ssh: the host is known, becomes somebody else, and is known again.

use crate::manifests::namespace;
use serde_json::Value;
use weir_e2e::{Cluster, Controller, free_port, on_both};
use weir_testkit::{GitRepo, SshKey, Sshd, eventually};

on_both!(a_changed_host_key_stops_the_source);

fn secret(server: &Sshd, key: &SshKey) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: git-ssh}}\nstringData:\n  identity: |\n{}  \
         known_hosts: |\n{}",
        indented(&key.private),
        indented(&server.known_hosts())
    )
}

fn repository(url: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: repo, namespace: git-ssh}}
spec: {{interval: 1h, url: '{url}', ref: {{branch: main}}, secretRef: {{name: login}}}}
"
    )
}

fn condition(object: &Value, kind: &str) -> (String, String) {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("message"))
}

/// Asks for a pass, and waits for what becomes of it.
fn after_request(cluster: &Cluster, at: &str) -> Value {
    let annotation = format!("reconcile.fluxcd.io/requestedAt={at}");
    let kubectl = cluster.kubectl();
    kubectl.run(&["annotate", "--overwrite", "gitrepository", "-n", "git-ssh", "repo", &annotation]).unwrap();
    eventually("the request is handled", || {
        let object = kubectl.json(&["get", "gitrepository", "-n", "git-ssh", "repo"])?;
        if object["status"]["lastHandledReconcileAt"] == at { Ok(object) } else { Err(object["status"].to_string()) }
    })
}

fn a_changed_host_key_stops_the_source(cluster: &Cluster) {
    let _served = cluster.served();
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let (key, host, other) = (SshKey::new("ed25519"), SshKey::new("ed25519"), SshKey::new("ecdsa"));
    let server = Sshd::start(repo.path(), &[&host], &[&key]);
    let data = tempfile::tempdir().unwrap();
    let storage = [
        format!("--storage-path={}", data.path().display()),
        format!("--storage-addr=127.0.0.1:{}", free_port()),
        "--ssh-hostkey-algos=ssh-ed25519,ecdsa-sha2-nistp256".to_owned(),
    ];
    let controller = Controller::start(cluster.kubeconfig(), "source", &storage.each_ref().map(String::as_str));
    cluster.kubectl().apply(&namespace("git-ssh")).unwrap();
    cluster.kubectl().apply(&secret(&server, &key)).unwrap();
    cluster.kubectl().apply(&repository(&server.url(".git"))).unwrap();
    let ready = cluster.ready("gitrepository", "git-ssh", "repo", "True");
    assert!(ready["status"]["artifact"]["revision"].as_str().unwrap().starts_with("main@sha1:"), "{ready}");

    server.set_host_keys(&[&other]);
    repo.commit(&[("a.yaml", "a: 2")], &[], "second");
    let failed = after_request(cluster, "1");
    let expect = format!(
        "failed to checkout and determine revision: the host key of [127.0.0.1]:{} is not trusted: it offered \
         ecdsa-sha2-nistp256 {}; known for it: ssh-ed25519 {} (if the change is meant, put the offered key \
         into known_hosts; else somebody is in between)",
        server.port(),
        other.fingerprint(),
        host.fingerprint()
    );
    assert_eq!(condition(&failed, "Ready"), ("False".to_owned(), expect.clone()));
    assert_eq!(condition(&failed, "FetchFailed"), ("True".to_owned(), expect));
    assert_eq!(failed["status"]["artifact"], ready["status"]["artifact"], "what was there stays");

    cluster.kubectl().apply(&secret(&server, &key)).unwrap();
    let recovered = after_request(cluster, "2");
    assert_eq!(condition(&recovered, "Ready").0, "True", "{recovered}");
    assert_eq!(condition(&recovered, "FetchFailed").0, "", "{recovered}");
    assert_ne!(recovered["status"]["artifact"]["revision"], ready["status"]["artifact"]["revision"]);
    let log = controller.log().join("\n");
    assert!(!log.contains("PRIVATE KEY"), "no key is in the log");
    cluster.kubectl().run(&["delete", "gitrepository", "-n", "git-ssh", "repo"]).unwrap();
    cluster.kubectl().run(&["delete", "secret", "-n", "git-ssh", "login"]).unwrap();
}
