//! Against the real git http-backend, on loopback.

use crate::{
    Access, ClientCertificate, Download, GitError, Limits, Login, Proxy, Reference, Remote, Selection, download,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use weir_base::{Budget, Diagnose};
use weir_testkit::{Answer, Authority, GitHttp, GitRepo, Request, Socks};

const BASIC: &str = "Basic bWU6czNjcjN0"; // me:s3cr3t

fn repo() -> GitRepo {
    GitRepo::new(&[("a/b", "1")])
}

fn basic() -> Access {
    let login = Login::Basic { username: "me".to_owned().into(), password: "s3cr3t".to_owned().into() };
    Access { login: Some(login), ..Access::default() }
}

fn main_branch() -> Reference {
    Reference { branch: Some("main".to_owned()), ..Reference::default() }
}

fn remote(url: &str, access: Access, limits: Limits) -> Remote {
    Remote::new(url, access, limits, Arc::new(AtomicBool::new(false))).expect("a known scheme")
}

fn fetch(url: &str, access: Access, limits: Limits) -> Result<usize, GitError> {
    remote(url, access, limits)
        .fetch(&main_branch(), &Selection::default(), &Budget::standard())
        .map(|(_, files)| files.entries().len())
}

/// The message of a look that fails.
fn told(url: &str, access: Access) -> String {
    let error = remote(url, access, Limits::default()).resolve(&main_branch()).expect_err("fails");
    error.report().to_string()
}

#[test]
fn a_login_comes_from_the_access_or_the_url() {
    let repo = repo();
    let server = GitHttp::guarded(repo.path(), BASIC);
    let url = server.url(".git");
    assert_eq!(fetch(&url, basic(), Limits::default()).expect("fetches"), 1);
    let with_user = url.replace("http://", "http://me:s3cr3t@");
    assert_eq!(fetch(&with_user, Access::default(), Limits::default()).expect("fetches"), 1);
    let expected =
        "answered 401: authentication required or refused (name a Secret with credentials in spec.secretRef)";
    assert!(told(&url, Access::default()).ends_with(expected));
    let wrong = url.replace("http://", "http://me:hunter2@");
    let message = told(&wrong, Access::default());
    assert!(message.ends_with("(check the credentials and their rights)") && !message.contains("hunter2"), "{message}");
    let bearer = GitHttp::guarded(repo.path(), "Bearer t0k3n");
    let access = Access { login: Some(Login::Bearer("t0k3n".to_owned().into())), ..Access::default() };
    assert_eq!(fetch(&bearer.url(".git"), access, Limits::default()).expect("fetches"), 1);
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let repo = repo();
    let other = GitHttp::serve(repo.path());
    let target = other.url(".git");
    let server = GitHttp::start(repo.path(), None, move |request| match request.target.split_once(".git") {
        Some((_, tail)) => Answer::Status("302 Found", vec![("Location", format!("{target}{tail}"))]),
        None => Answer::Git,
    });
    assert_eq!(fetch(&server.url(".git"), basic(), Limits::default()).expect("fetches"), 1);
    assert!(server.seen().iter().all(|request| request.header("authorization") == BASIC));
    assert!(other.requests() >= 2 && other.seen().iter().all(|request| request.header("authorization").is_empty()));
    let guarded = GitHttp::guarded(repo.path(), BASIC);
    let target = guarded.url(".git/info/refs?service=git-upload-pack");
    let server = redirecting(&repo, target);
    let message = told(&server.url(".git"), basic());
    assert!(message.contains("credentials are not sent along a redirect to another host"), "{message}");
    assert!(message.starts_with(&guarded.url(".git")), "{message}");
}

fn redirecting(repo: &GitRepo, target: String) -> GitHttp {
    GitHttp::start(repo.path(), None, move |_| Answer::Status("302 Found", vec![("Location", target.clone())]))
}

#[test]
fn some_redirects_are_refused() {
    let repo = repo();
    let cases = [
        ("file:///etc/info/refs?service=git-upload-pack", "it would leave https"),
        ("http://example.invalid/login", "it does not lead to a Git repository"),
        ("http://169.254.169.254/info/refs?service=git-upload-pack", "the address is for metadata services"),
        ("/x/info/refs?service=git-upload-pack", "there were too many before it"),
    ];
    for (target, why) in cases {
        let server = redirecting(&repo, target.to_owned());
        let message = told(&server.url(".git"), basic());
        assert!(message.contains(why), "{target}: {message}");
    }
}

#[test]
fn what_the_server_answers_is_said() {
    let repo = repo();
    for (status, code) in [("403 Forbidden", 403), ("404 Not Found", 404), ("503 Busy", 503)] {
        let server = GitHttp::start(repo.path(), None, move |_| Answer::Status(status, Vec::new()));
        let message = told(&server.url(".git"), Access::default());
        assert!(message.starts_with(&format!("{} answered {code}", server.url(".git"))), "{message}");
    }
    let server = GitHttp::start(repo.path(), None, |_| {
        Answer::Status("429 Too Many Requests", vec![("Retry-After", "90".to_owned())])
    });
    let error = remote(&server.url(".git"), Access::default(), Limits::default()).resolve(&main_branch());
    assert_eq!(error.expect_err("fails").retry_after(), Some(Duration::from_secs(90)));
    let server = GitHttp::start(repo.path(), None, |_| Answer::Reset);
    assert!(told(&server.url(".git"), Access::default()).starts_with("failed to reach http://127.0.0.1:"));
}

fn is_pack(request: &Request) -> bool {
    // The second POST; the first lists the references.
    request.method == "POST" && request.target.ends_with("git-upload-pack")
}

#[test]
fn a_server_that_hangs_or_lies_about_sizes_is_given_up() {
    let repo = repo();
    let soon = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let server = GitHttp::start(repo.path(), None, |_| Answer::Hang);
    let error = fetch(&server.url(".git"), Access::default(), soon).expect_err("hangs");
    assert_eq!(error.report().to_string(), "the repository did not answer within 1 s (raise spec.timeout)");
    let server = GitHttp::start(repo.path(), None, |request| if is_pack(request) { Answer::Hang } else { Answer::Git });
    let error = fetch(&server.url(".git"), Access::default(), soon).expect_err("hangs");
    assert!(matches!(error, GitError::TimedOut { seconds: 1 }), "{error}");
    let server = GitHttp::start(repo.path(), None, |request| if is_pack(request) { Answer::Half } else { Answer::Git });
    let error = fetch(&server.url(".git"), Access::default(), Limits::default()).expect_err("is cut off");
    assert!(matches!(error, GitError::Remote { .. }), "{error}");
}

#[test]
fn what_is_received_is_bounded() {
    let repo = repo();
    // Does not compress.
    repo.git(&["config", "core.compression", "0"]);
    repo.commit(&[("big", &"0123456789".repeat(10_000))], &[], "big");
    let server = GitHttp::serve(repo.path());
    let limits = Limits { bytes: 50_000, ..Limits::default() };
    let error = fetch(&server.url(".git"), Access::default(), limits).expect_err("too large");
    assert_eq!(error.to_string(), "the pack is larger than 50000 bytes");
    let limits = Limits { refs_bytes: 100, ..Limits::default() };
    let error = fetch(&server.url(".git"), Access::default(), limits).expect_err("too many");
    assert_eq!(error.to_string(), "the list of references is larger than 100 bytes");
}

#[test]
fn a_proxy_is_used_and_shown_its_own_login() {
    let repo = repo();
    let proxy = GitHttp::serve(repo.path());
    let login = Some(("p".to_owned().into(), "w".to_owned().into()));
    let access = Access { proxy: Some(Proxy { address: proxy.url(""), login }), ..basic() };
    assert_eq!(fetch("http://git.invalid/.git", access, Limits::default()).expect("fetches"), 1);
    for request in proxy.seen() {
        assert!(request.target.starts_with("http://git.invalid/.git/"), "{request:?}");
        assert_eq!(request.header("proxy-authorization"), "Basic cDp3");
    }
}

#[test]
fn a_socks_proxy_looks_names_up_itself() {
    let repo = repo();
    let server = GitHttp::serve(repo.path());
    let target = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let proxy = Socks::start(&target, "p", "s3cr3t");
    let through = |password: &str| {
        let login = Some(("p".to_owned().into(), password.to_owned().into()));
        Access { proxy: Some(Proxy { address: proxy.address.clone(), login }), ..Access::default() }
    };
    assert_eq!(fetch("http://git.invalid/.git", through("s3cr3t"), Limits::default()).expect("fetches"), 1);
    assert!(!proxy.asked().is_empty() && proxy.asked().iter().all(|host| host == "git.invalid"));
    let message = told("http://git.invalid/.git", through("hunter2"));
    assert!(
        message.starts_with("failed to reach http://git.invalid/.git") && !message.contains("hunter2"),
        "{message}"
    );
}

#[test]
fn a_proxy_may_be_spoken_to_over_tls() {
    let authority = Authority::new();
    let (certificate, key) = authority.client();
    let client = ClientCertificate { certificate: certificate.into_bytes().into(), key: key.into_bytes().into() };
    let repo = repo();
    let proxy = GitHttp::start(repo.path(), Some(authority.server()), |_| Answer::Git);
    let access = Access {
        authorities: Some(authority.pem.into_bytes().into()),
        certificate: Some(client),
        proxy: Some(Proxy { address: proxy.url(""), login: None }),
        ..Access::default()
    };
    assert_eq!(fetch("http://git.invalid/.git", access, Limits::default()).expect("fetches"), 1);
    assert!(proxy.seen().iter().all(|request| request.target.starts_with("http://git.invalid/.git/")));
}

#[test]
fn tls_trusts_the_authority_and_shows_the_certificate() {
    let authority = Authority::new();
    let (certificate, key) = authority.client();
    let client = ClientCertificate { certificate: certificate.into_bytes().into(), key: key.into_bytes().into() };
    let repo = repo();
    let server = GitHttp::start(repo.path(), Some(authority.server()), |_| Answer::Git);
    let url = server.url(".git");
    let trust = Access { authorities: Some(authority.pem.clone().into_bytes().into()), ..Access::default() };
    let full = Access { certificate: Some(client), ..trust.clone() };
    assert_eq!(fetch(&url, full, Limits::default()).expect("fetches"), 1);
    assert!(told(&url, Access::default()).contains("UnknownIssuer"), "{}", told(&url, Access::default()));
    assert!(told(&url, trust.clone()).starts_with("failed to reach"));
    let garbled = Access { authorities: Some(b"no PEM".to_vec().into()), ..Access::default() };
    assert_eq!(told(&url, garbled), "the certificate authority is not valid PEM");
    let pair = ClientCertificate { certificate: b"x".to_vec().into(), key: b"s3cr3t".to_vec().into() };
    let message = told(&url, Access { certificate: Some(pair), ..trust });
    assert_eq!(message, "the client certificate or its key is not valid PEM");
}

/// A reference of the repository as its server answers it, and the reason why it is not taken.
fn refused(repo: &GitRepo, answer: Answer, limits: Limits) -> String {
    let server = GitHttp::start(repo.path(), None, move |_| answer.clone());
    fetch(&server.url(".git"), Access::default(), limits).expect_err("is refused").report().to_string()
}

#[test]
fn a_pack_without_the_files_is_no_fetch() {
    let repo = repo();
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]).trim().to_owned();
    let message = refused(&repo, Answer::Pack(repo.pack(&[&head])), Limits::default());
    assert!(message.starts_with(&format!("object {head} cannot be read")) && message.contains(&tree), "{message}");
    let message = refused(&repo, Answer::Pack(b"PACK not".to_vec()), Limits::default());
    assert!(message.starts_with("failed to reach http://127.0.0.1"), "{message}");
    let mut cut = repo.pack(&[&head]);
    cut.truncate(40);
    let message = refused(&repo, Answer::Pack(cut), Limits::default());
    assert!(message.starts_with("failed to reach http://127.0.0.1"), "{message}");
}

#[test]
fn a_pack_that_never_ends_or_unpacks_to_too_much_is_stopped() {
    let repo = repo();
    let limits = Limits { bytes: 4 << 20, ..Limits::default() };
    assert_eq!(refused(&repo, Answer::Zeros(4 << 30), limits), "the pack is larger than 4194304 bytes");
    let zeros = vec![b'0'; 8 << 20];
    std::fs::write(repo.path().join("zeros"), zeros).expect("writes");
    repo.commit(&[], &[], "a bomb");
    let small = Limits { file_bytes: 1 << 20, ..Limits::default() };
    let message = refused(&repo, Answer::Git, small);
    assert_eq!(message, "an object of the repository is larger than 1048576 bytes");
}

#[test]
fn a_million_references_are_bounded_and_do_not_matter_to_one() {
    let repo = repo();
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let mut packed = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    for at in 0..1_000_000 {
        packed.push_str(&format!("{head} refs/tags/v1.{:06}.0\n", at));
    }
    std::fs::write(repo.path().join(".git/packed-refs"), packed).expect("writes");
    let server = GitHttp::serve(repo.path());
    assert_eq!(fetch(&server.url(".git"), Access::default(), Limits::default()).expect("fetches"), 1);
    let newest = Reference { semver: Some("1.x".to_owned()), ..Reference::default() };
    let found = remote(&server.url(".git"), Access::default(), Limits::default()).resolve(&newest);
    let revision = found.expect("fits into the limit").map(|found| found.revision);
    assert_eq!(revision, Some(format!("v1.999999.0@sha1:{head}")));
}

#[test]
fn names_of_another_format_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let git = |args: &[&str]| {
        let status = std::process::Command::new("git").args(args).current_dir(dir.path()).status().expect("runs");
        assert!(status.success());
    };
    git(&["init", "-q", "--object-format=sha256", "-b", "main", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one"]);
    let server = GitHttp::serve(dir.path());
    let message = told(&server.url(".git"), Access::default());
    let expected =
        "the repository names its objects by sha256, which is not supported (use a repository with SHA-1 object names)";
    assert_eq!(message, expected);
}

#[test]
fn submodules_are_fetched_where_they_may_be() {
    let lib = GitRepo::new(&[("l", "1")]);
    let libs = GitHttp::guarded(lib.path(), BASIC);
    let repo = repo();
    let url = libs.url(".git");
    repo.git(&[
        "-c",
        &format!("http.{url}.extraHeader=Authorization: {BASIC}"),
        "submodule",
        "--quiet",
        "add",
        &url,
        "sub",
    ]);
    repo.commit(&[], &[], "a submodule");
    let server = GitHttp::serve(repo.path());
    let recursive = Selection { submodules: true, ..Selection::default() };
    let fetch = |url: &str, access: Access| {
        let fetched = remote(url, access, Limits::default()).fetch(&main_branch(), &recursive, &Budget::standard());
        fetched.map(|(_, files)| files.entries().len()).map_err(|error| error.report().to_string())
    };
    // Another port is another host: its server is not shown what is meant for the first.
    let message = fetch(&server.url(".git"), basic()).expect_err("no login for it");
    assert!(message.starts_with(&format!("submodule 'sub': {url} answered 401")), "{message}");
    assert!(
        libs.seen()
            .iter()
            .all(|request| request.header("user-agent").starts_with("git/2")
                || request.header("authorization").is_empty())
    );
    let local = "[submodule \"sub\"]\n\tpath = sub\n\turl = /etc\n";
    for (url, why) in [
        ("/etc", "a path on this machine is not read"),
        ("file:///etc", "only http, https and ssh URLs are fetched"),
        ("http://169.254.169.254/latest", "the address is for metadata services"),
    ] {
        repo.commit(&[(".gitmodules", &local.replace("/etc", url))], &[], "elsewhere");
        let message = fetch(&server.url(".git"), Access::default()).expect_err("refused");
        let remedy = "correct .gitmodules, or leave spec.recurseSubmodules out";
        assert_eq!(message, format!("submodule 'sub' has the URL '{url}': {why} ({remedy})"));
    }
}

/// Bound to these hosts.
fn bound(hosts: &str) -> Access {
    Access { hosts: hosts.parse().expect("a list"), ..Access::default() }
}

/// The same server by another name of loopback: another host for a list.
fn by_name(server: &GitHttp, path: &str) -> String {
    server.url(path).replace("127.0.0.1", "localhost")
}

#[test]
fn a_host_that_is_not_allowed_is_never_asked() {
    let repo = repo();
    let server = GitHttp::serve(repo.path());
    let message = told(&by_name(&server, ".git"), bound("127.0.0.1,*.example.com"));
    let remedy = "(the list is the administrator's: ask for the host to be added to it)";
    let expected = "the host 'localhost' is not among those that this controller may fetch from";
    assert_eq!(message, format!("{expected} {remedy}"));
    // Neither through a proxy, whose own host is the administrator's.
    let access = Access { proxy: Some(Proxy { address: server.url(""), login: None }), ..bound("git.example.com") };
    let error = fetch("http://git.invalid/.git", access.clone(), Limits::default()).expect_err("refused");
    assert_eq!((error.reason(), server.requests()), ("AccessDenied", 0), "{error}");
    assert_eq!(fetch("http://git.example.com/.git", access, Limits::default()), Ok(1));
    assert_eq!(fetch(&server.url(".git"), bound("127.0.0.1"), Limits::default()), Ok(1));
}

#[test]
fn a_redirect_to_a_host_that_is_not_allowed_is_not_followed() {
    let repo = repo();
    let other = GitHttp::serve(repo.path());
    let target = by_name(&other, ".git/info/refs?service=git-upload-pack");
    let server = redirecting(&repo, target);
    let error = fetch(&server.url(".git"), bound("127.0.0.1"), Limits::default()).expect_err("refused");
    let to = by_name(&other, ".git/info/refs");
    let expected = "is not followed: the host is not among those that this controller may fetch from";
    assert_eq!((error.reason(), error.to_string()), ("AccessDenied", format!("a redirect to {to} {expected}")));
    assert_eq!((server.requests(), other.requests()), (1, 0));
    assert_eq!(fetch(&server.url(".git"), bound("127.0.0.1,localhost"), Limits::default()), Ok(1));
}

#[test]
fn a_submodule_of_a_host_that_is_not_allowed_is_not_fetched() {
    let lib = GitRepo::new(&[("l", "1")]);
    let libs = GitHttp::serve(lib.path());
    let repo = repo();
    repo.git(&["submodule", "--quiet", "add", &libs.url(".git"), "sub"]);
    let elsewhere = format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {}\n", by_name(&libs, ".git"));
    repo.commit(&[(".gitmodules", &elsewhere)], &[], "a submodule");
    let before = libs.requests();
    let server = GitHttp::serve(repo.path());
    let recursive = Selection { submodules: true, ..Selection::default() };
    let fetch = |access: Access| {
        let remote = remote(&server.url(".git"), access, Limits::default());
        remote.fetch(&main_branch(), &recursive, &Budget::standard()).map(|(_, files)| files.entries().len())
    };
    let error = fetch(bound("127.0.0.1")).expect_err("refused");
    let expected = "submodule 'sub': the host 'localhost' is not among those that this controller may fetch from";
    assert_eq!((error.reason(), error.to_string().as_str()), ("AccessDenied", expected));
    assert_eq!(libs.requests(), before, "the other host was not asked");
    assert_eq!(fetch(bound("127.0.0.1,localhost")), Ok(3));
}

#[test]
fn a_file_is_downloaded_from_hosts_that_are_allowed_only() {
    let repo = repo();
    let other = GitHttp::start(repo.path(), None, |_| Answer::Status("404 Not Found", Vec::new()));
    let server = redirecting(&repo, by_name(&other, "a.yaml"));
    let get = |url: &str, hosts: &str| download(url, &bound(hosts), Limits::default());
    let refused = get(&by_name(&server, "a.yaml"), "127.0.0.1");
    assert_eq!(refused, Err(GitError::Host { host: "localhost".to_owned() }));
    assert_eq!(server.requests(), 0);
    let refused = get(&server.url("a.yaml"), "127.0.0.1");
    assert_eq!(refused, Err(GitError::RedirectHost { to: by_name(&other, "a.yaml") }));
    assert_eq!((server.requests(), other.requests()), (1, 0));
    assert_eq!(get(&server.url("a.yaml"), "127.0.0.1,localhost"), Ok(Download::Status(404)));
}
