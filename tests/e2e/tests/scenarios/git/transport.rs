//! Certificates, logins, proxies.

use super::{Source, request, revision, secret, source, told};
use crate::manifests::namespace;
use weir_e2e::{Cluster, on_both};
use weir_testkit::{Answer, Authority, GitHttp, GitRepo};

on_both!(tls_with_client_certificates_through_a_proxy, a_private_repository_is_read_with_a_secret);

/// `me:s3cr3t-canary`
const AUTHORIZATION: &str = "Basic bWU6czNjcjN0LWNhbmFyeQ==";

fn tls_with_client_certificates_through_a_proxy(cluster: &Cluster) {
    let _server = cluster.served();
    let source_controller = Source::start(cluster, &[]);
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let authority = Authority::new();
    let (certificate, key) = authority.client();
    let server = GitHttp::start(repo.path(), Some(authority.server()), |_| Answer::Git);
    let proxy = GitHttp::guarded_proxy(repo.path(), "Basic cHJveHk6czNjcjN0LWNhbmFyeQ==");
    let space = "git-tls";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    kubectl.apply(&secret(space, "ca", &[("ca.crt", &authority.pem)])).unwrap();
    let all = [("ca.crt", authority.pem.as_str()), ("tls.crt", &certificate), ("tls.key", &key)];
    kubectl.apply(&secret(space, "all", &all)).unwrap();
    let login =
        [("address", proxy.url("")), ("username", "proxy".to_owned()), ("password", "s3cr3t-canary".to_owned())];
    let login: Vec<(&str, &str)> = login.iter().map(|(key, value)| (*key, value.as_str())).collect();
    kubectl.apply(&secret(space, "proxy", &login)).unwrap();
    kubectl.apply(&secret(space, "no-proxy", &[("address", "ftp://nowhere")])).unwrap();
    let url = server.url(".git");
    let branch = "ref: {branch: main}\n";
    for (name, url, more) in [
        ("untrusted", url.as_str(), String::new()),
        ("unknown", &url, "secretRef: {name: ca}".to_owned()),
        ("full", &url, "secretRef: {name: all}".to_owned()),
        ("proxied", "http://git.invalid/.git", "proxySecretRef: {name: proxy}".to_owned()),
        ("misled", &url, "proxySecretRef: {name: no-proxy}".to_owned()),
    ] {
        kubectl.apply(&source(space, name, url, &format!("{branch}{more}"))).unwrap();
    }
    for name in ["full", "proxied"] {
        assert!(revision(&cluster.ready("gitrepository", space, name, "True")).starts_with("main@sha1:"));
    }
    assert!(proxy.seen().iter().all(|request| request.target.starts_with("http://git.invalid/.git/")));
    let failed = cluster.ready("gitrepository", space, "untrusted", "False");
    assert!(told(&failed, "FetchFailed").2.contains("UnknownIssuer"), "{failed}");
    let failed = cluster.ready("gitrepository", space, "unknown", "False");
    let (_, reason, message) = told(&failed, "FetchFailed");
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.starts_with("failed to checkout and determine revision: failed to reach https://127.0.0.1"));
    let failed = cluster.ready("gitrepository", space, "misled", "False");
    let (_, reason, message) = told(&failed, "FetchFailed");
    assert_eq!(reason, "AuthenticationFailed");
    let expected = "failed to configure proxy options: Secret 'git-tls/no-proxy': key 'address' is not an http";
    assert!(message.starts_with(expected), "{message}");
    no_canary(cluster, space, &source_controller);
}

fn a_private_repository_is_read_with_a_secret(cluster: &Cluster) {
    let _server = cluster.served();
    let source_controller = Source::start(cluster, &["--min-retry-delay=10m"]);
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let server = GitHttp::guarded(repo.path(), AUTHORIZATION);
    let space = "git-login";
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(space)).unwrap();
    let url = server.url(".git");
    let branch = "ref: {branch: main}\n";
    kubectl.apply(&source(space, "with", &url, &format!("{branch}secretRef: {{name: login}}"))).unwrap();
    kubectl.apply(&source(space, "without", &url, branch)).unwrap();
    let failed = cluster.ready("gitrepository", space, "with", "False");
    let (_, reason, message) = told(&failed, "FetchFailed");
    assert_eq!(reason, "AuthenticationFailed");
    assert_eq!(message, "failed to get secret 'git-login/login': Secret 'git-login/login' not found");
    let failed = cluster.ready("gitrepository", space, "without", "False");
    assert!(told(&failed, "Ready").2.ends_with("(name a Secret with credentials in spec.secretRef)"), "{failed}");

    let login = |password: &str| secret(space, "login", &[("username", "me"), ("password", password)]);
    kubectl.apply(&login("wrong-canary")).unwrap();
    let failed = request(cluster, space, "with", "1");
    assert!(told(&failed, "Ready").2.ends_with("(check the credentials and their rights)"), "{failed}");
    kubectl.apply(&login("s3cr3t-canary")).unwrap();
    request(cluster, space, "with", "2");
    let ready = cluster.ready("gitrepository", space, "with", "True");
    assert!(told(&ready, "FetchFailed").0.is_empty(), "{ready}");
    no_canary(cluster, space, &source_controller);
}

/// Nothing that a Secret holds is anywhere else.
fn no_canary(cluster: &Cluster, space: &str, source: &Source) {
    let kubectl = cluster.kubectl();
    let objects = kubectl.run(&["get", "gitrepositories,events", "-n", space, "-o", "yaml"]).unwrap();
    let log = source.controller.log().join("\n");
    for text in [objects, log] {
        assert!(!text.contains("canary") && !text.contains("PRIVATE KEY"), "{text}");
    }
}
