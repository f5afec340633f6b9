//! Against the real sshd and git, on loopback.

use super::{HostKeyAlgorithms, Options};
use crate::{Access, GitError, Limits, Reference, Remote, Selection, SshIdentity};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_base::{Budget, Diagnose, Secret};
use weir_testkit::{GitRepo, SshKey, Sshd, keygen};

/// A server with one key of its own, and the key it lets in.
struct Setup {
    repo: GitRepo,
    server: Sshd,
    host: SshKey,
    key: SshKey,
}

impl Setup {
    fn new() -> Self {
        Self::of(SshKey::new("ed25519"), SshKey::new("ed25519"))
    }

    fn of(host: SshKey, key: SshKey) -> Self {
        let repo = GitRepo::new(&[("a/b", "1")]);
        let server = Sshd::start(repo.path(), &[&host], &[&key]);
        Self { repo, server, host, key }
    }

    fn url(&self) -> String {
        self.server.url(".git")
    }

    fn access(&self) -> Access {
        access(&self.key, None, &self.server.known_hosts())
    }

    fn fetch(&self, access: Access) -> Result<usize, GitError> {
        fetch(&self.url(), access, &main_branch(), Limits::default())
    }

    fn told(&self, access: Access) -> String {
        self.fetch(access).expect_err("fails").report().to_string()
    }
}

fn private(key: &SshKey, passphrase: Option<&str>, file: Option<&str>) -> crate::SshKey {
    crate::SshKey::Private {
        pem: key.private.clone().into_bytes().into(),
        passphrase: passphrase.map(|text| Secret::new(text.to_owned())),
        file: file.map(Into::into),
    }
}

fn access(key: &SshKey, passphrase: Option<&str>, known_hosts: &str) -> Access {
    let identity = SshIdentity { keys: vec![private(key, passphrase, None)], known_hosts: known_hosts.to_owned() };
    Access { ssh: Some(identity), ..Access::default() }
}

fn main_branch() -> Reference {
    Reference { branch: Some("main".to_owned()), ..Reference::default() }
}

fn remote(url: &str, access: Access, limits: Limits) -> Remote {
    Remote::new(url, access, limits, Arc::new(AtomicBool::new(false))).expect("a known scheme")
}

fn fetch(url: &str, access: Access, reference: &Reference, limits: Limits) -> Result<usize, GitError> {
    remote(url, access, limits)
        .fetch(reference, &Selection::default(), &Budget::standard())
        .map(|(_, tree)| tree.entries().len())
}

#[test]
fn kinds_and_formats_of_keys_are_read() {
    let setup = Setup::new();
    let keys: [&[&str]; 8] = [
        &["-t", "ed25519", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", ""],
        &["-t", "ecdsa", "-b", "256", "-N", ""],
        &["-t", "ecdsa", "-b", "384", "-m", "PEM", "-N", ""],
        &["-t", "ecdsa", "-b", "384", "-m", "PKCS8", "-N", ""],
        &["-t", "ecdsa", "-b", "521", "-N", ""],
    ];
    for args in keys {
        let key = SshKey::with(args);
        let server = Sshd::start(setup.repo.path(), &[&setup.host], &[&key]);
        // A passphrase that is not needed does no harm.
        for passphrase in [None, Some("unused")] {
            let access = access(&key, passphrase, &server.known_hosts());
            let fetched = fetch(&server.url(".git"), access, &main_branch(), Limits::default());
            assert_eq!(fetched.map_err(|error| error.to_string()), Ok(1), "{args:?}");
        }
    }
}

#[test]
fn encrypted_keys_need_their_passphrase() {
    let repo = GitRepo::new(&[("a", "1")]);
    let host = SshKey::new("ed25519");
    let keys: [&[&str]; 4] = [
        &["-t", "ed25519", "-N", "s3cr3t"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "s3cr3t"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "s3cr3t"],
        &["-t", "ecdsa", "-m", "PKCS8", "-N", "s3cr3t"],
    ];
    for args in keys {
        let key = SshKey::with(args);
        let server = Sshd::start(repo.path(), &[&host], &[&key]);
        let with = |passphrase| {
            let access = access(&key, passphrase, &server.known_hosts());
            let fetched = fetch(&server.url(".git"), access, &main_branch(), Limits::default());
            fetched.map_err(|error| (error.reason(), error.report().to_string()))
        };
        assert_eq!(with(Some("s3cr3t")), Ok(1), "{args:?}");
        let missing = "the private key in 'identity' is encrypted, and its passphrase, 'password', is missing";
        assert_eq!(with(None), Err(("AuthenticationFailed", missing.to_owned())), "{args:?}");
        let wrong = "the private key in 'identity' cannot be decrypted with the passphrase in 'password'";
        assert_eq!(with(Some("hunter2")), Err(("AuthenticationFailed", wrong.to_owned())), "{args:?}");
    }
}

#[test]
fn what_is_no_key_is_explained() {
    let setup = Setup::new();
    let told = |text: &str| {
        let key = SshKey { private: text.to_owned(), public: String::new() };
        setup.told(access(&key, None, &setup.server.known_hosts()))
    };
    let cut: String = setup.key.private.lines().take(3).map(|line| format!("{line}\n")).collect();
    for (text, expect) in [
        ("", "is not in PEM: no line begins with '-----BEGIN'"),
        (&setup.key.public, "is not in PEM: no line begins with '-----BEGIN'"),
        ("-----BEGIN PUBLIC KEY-----\n", "is a public key"),
        (&cut, "cannot be read: its PEM is damaged or cut off"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nAAAA\n",
            "is encrypted with DES-EDE3-CBC, which is not supported; `ssh-keygen -p` rewrites it",
        ),
    ] {
        assert_eq!(told(text), format!("the private key in 'identity' {expect}"));
    }
    let message = setup.told(Access::default());
    assert_eq!(message, "an ssh URL needs a private key ('identity') and 'known_hosts'");
}

#[test]
fn a_key_that_the_server_does_not_know_is_named() {
    let setup = Setup::new();
    for kind in ["ed25519", "rsa"] {
        let stranger = SshKey::new(kind);
        let message = setup.told(access(&stranger, None, &setup.server.known_hosts()));
        let expect = format!(
            "{} refused the key {} of user '{}' (give this key read access to the repository)",
            setup.url().replace(&format!("{}@", setup.server.user()), ""),
            stranger.fingerprint(),
            setup.server.user()
        );
        assert_eq!(message, expect);
    }
}

#[test]
fn hosts_are_known_or_refused() {
    let setup = Setup::new();
    let offered = format!("ssh-ed25519 {}", setup.host.fingerprint());
    let told = |known_hosts: &str| setup.told(access(&setup.key, None, known_hosts));
    let host = format!("[127.0.0.1]:{}", setup.server.port());
    let start = format!("the host key of {host} is not trusted: it offered {offered}; known for it: ");
    assert_eq!(told(""), format!("{start}none (put the host's key into known_hosts once you have made sure of it)"));
    let (other, rsa) = (SshKey::new("ed25519"), SshKey::new("rsa"));
    let message = told(&format!("{host} {}\n{host} {}\n", other.public, rsa.public));
    let expect = format!("{start}ssh-ed25519 {}, ssh-rsa {} (if the change", other.fingerprint(), rsa.fingerprint());
    assert!(message.starts_with(&expect), "{message}");
    let revoked = format!("{}@revoked * {}", setup.server.known_hosts(), setup.host.public);
    assert!(told(&revoked).contains("known for it: this key as @revoked, in line 2"));
    let without_port = setup.server.known_hosts().replace(&host, "127.0.0.1");
    assert!(told(&without_port).contains("known for it: none (line 1 is for port 22)"));
}

#[test]
fn hashed_known_hosts_are_read() {
    let setup = Setup::new();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("known_hosts");
    let lines = format!("other.example.com {}\n{}", SshKey::new("ed25519").public, setup.server.known_hosts());
    std::fs::write(&file, lines).expect("is written");
    keygen(&["-H", "-f", file.to_str().expect("a path")]);
    let hashed = std::fs::read_to_string(file).expect("is read");
    assert!(hashed.lines().all(|line| line.starts_with("|1|")), "{hashed}");
    assert_eq!(setup.fetch(access(&setup.key, None, &hashed)).expect("fetches"), 1);
}

#[test]
fn the_kind_of_host_key_that_is_known_is_asked_for() {
    let setup = Setup::new();
    let hosts = [SshKey::new("ed25519"), SshKey::new("ecdsa"), SshKey::new("rsa")];
    setup.server.set_host_keys(&[&hosts[0], &hosts[1], &hosts[2]]);
    for (line, host) in setup.server.known_hosts().lines().zip(&hosts) {
        assert!(line.ends_with(&host.public));
        assert_eq!(setup.fetch(access(&setup.key, None, line)).expect("fetches"), 1, "{line}");
    }
    // Only what the operator allows is agreed on.
    let host_keys: HostKeyAlgorithms = "rsa-sha2-256,ecdsa-sha2-nistp256".parse().expect("known names");
    let options = Options { host_keys, ..Options::default() };
    let limited = Access { ssh_options: options.clone(), ..setup.access() };
    assert_eq!(setup.fetch(limited).expect("fetches"), 1);
    setup.server.set_host_keys(&[&hosts[0]]);
    let message = setup.told(Access { ssh_options: options, ..setup.access() });
    let expect = "no common kind of host key: ours are rsa-sha2-256, ecdsa-sha2-nistp256; the server's are ssh-ed25519";
    assert!(message.ends_with(expect), "{message}");
}

#[test]
fn key_exchanges_are_agreed_on_or_named() {
    let setup = Setup::new();
    for kex in ["curve25519-sha256", "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256"] {
        setup.server.configure(&format!("KexAlgorithms {kex}"));
        assert_eq!(setup.fetch(setup.access()).expect("fetches"), 1, "{kex}");
    }
    let kex = "curve25519-sha256".parse().expect("a known name");
    let message = setup.told(Access { ssh_options: Options { kex, ..Options::default() }, ..setup.access() });
    let expect = "no common key exchange: ours are curve25519-sha256; the server's are diffie-hellman-group14-sha256";
    assert!(message.contains(expect), "{message}");
}

#[test]
fn what_git_says_is_passed_on() {
    let setup = Setup::new();
    let told = |path: &str| {
        let url = setup.server.url(path);
        fetch(&url, setup.access(), &main_branch(), Limits::default()).expect_err("fails").report().to_string()
    };
    let message = told("no'such");
    let expect = format!(
        "git-upload-pack ended with status 128: fatal: '{}/no'such' does not appear",
        setup.repo.path().display()
    );
    assert!(message.contains(&expect), "{message}");
    setup.server.configure("ForceCommand echo 'no entry for you' >&2; exit 1");
    assert!(told(".git").ends_with("git-upload-pack ended with status 1: no entry for you"));
    setup.server.configure("ForceCommand exit 0");
    assert!(told(".git").starts_with("failed to reach ssh://127.0.0.1:"));
}

#[test]
fn references_are_resolved_and_fetched() {
    let setup = Setup::new();
    let first = setup.repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    setup.repo.git(&["tag", "-a", "v1", "-m", "one"]);
    let second = setup.repo.commit(&[("c", "2")], &[], "second");
    let references = [
        (main_branch(), format!("main@sha1:{second}"), 2),
        (Reference { tag: Some("v1".to_owned()), ..Reference::default() }, format!("v1@sha1:{first}"), 1),
        (Reference { commit: Some(first.clone()), ..Reference::default() }, format!("sha1:{first}"), 1),
        (Reference { commit: Some(first.clone()), ..main_branch() }, format!("main@sha1:{first}"), 1),
        (
            Reference { name: Some("refs/heads/main".to_owned()), ..Reference::default() },
            format!("refs/heads/main@sha1:{second}"),
            2,
        ),
    ];
    // The second time the server knows the oldest version of the protocol only.
    for config in ["", "SetEnv GIT_PROTOCOL=version=0"] {
        setup.server.configure(config);
        let remote = remote(&setup.url(), setup.access(), Limits::default());
        assert_eq!(remote.head_branch().expect("is told").as_deref(), Some("main"));
        for (reference, revision, files) in &references {
            if reference.commit.is_none() {
                let resolved = remote.resolve(reference).expect("resolves").expect("is named");
                assert_eq!(&resolved.revision, revision, "{config}");
            }
            let (resolved, tree) =
                remote.fetch(reference, &Selection::default(), &Budget::standard()).expect("fetches");
            assert_eq!((&resolved.revision, tree.entries().len()), (revision, *files), "{config}");
        }
        let error = remote.resolve(&Reference::default()).expect_err("has no master");
        assert_eq!(error.to_string(), "couldn't find remote ref \"refs/heads/master\"");
    }
}

#[test]
fn an_empty_repository_has_no_commits() {
    let setup = Setup::new();
    setup.repo.git(&["init", "-q", "--bare", "empty.git"]);
    let url = setup.server.url("empty.git");
    let error = fetch(&url, setup.access(), &main_branch(), Limits::default()).expect_err("is empty");
    assert_eq!(error.to_string(), "the repository has no commits");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let setup = Setup::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("ssh://{}/a", silent.local_addr().expect("an address"));
    let soon = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let error = fetch(&url, setup.access(), &main_branch(), soon).expect_err("is silent");
    assert_eq!(error.report().to_string(), "the repository did not answer within 1 s (raise spec.timeout)");
    setup.server.configure("ForceCommand read line");
    let error = fetch(&setup.url(), setup.access(), &main_branch(), soon).expect_err("is silent");
    assert!(matches!(error, GitError::TimedOut { seconds: 1 }), "{error}");
    // The port of a listener that ends is soon another test's; nobody listens on this one.
    let error = fetch("ssh://127.0.0.1:1/a", setup.access(), &main_branch(), soon).expect_err("is closed");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn a_transfer_is_stopped_from_outside() {
    let setup = Setup::new();
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("ssh://{}/a", silent.local_addr().expect("an address"));
    let stop = Arc::new(AtomicBool::new(false));
    let remote = Remote::new(&url, setup.access(), Limits::default(), stop.clone()).expect("a known scheme");
    let began = Instant::now();
    let waiting = std::thread::spawn(move || remote.resolve(&main_branch()));
    let _connected = silent.accept().expect("connects");
    stop.store(true, Ordering::Relaxed);
    let error = waiting.join().expect("ends").expect_err("is stopped");
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < Limits::default().time);
}

#[test]
fn what_is_received_is_bounded_and_whole() {
    let setup = Setup::new();
    // Does not compress.
    setup.repo.git(&["config", "core.compression", "0"]);
    setup.repo.commit(&[("big", &"0123456789".repeat(100_000))], &[], "big");
    let limited = |limits| fetch(&setup.url(), setup.access(), &main_branch(), limits);
    assert_eq!(limited(Limits::default()).expect("fetches"), 2);
    let error = limited(Limits { bytes: 500_000, ..Limits::default() }).expect_err("too large");
    assert_eq!(error.to_string(), "the pack is larger than 500000 bytes");
    let error = limited(Limits { refs_bytes: 100, ..Limits::default() }).expect_err("too many");
    assert_eq!(error.to_string(), "the list of references is larger than 100 bytes");
    setup.server.cut_after(500_000);
    let error = limited(Limits::default()).expect_err("is cut off");
    assert!(error.to_string().ends_with("the server closed the connection"), "{error}");
}

#[test]
fn a_host_that_is_not_allowed_is_not_connected_to() {
    // Nobody takes a connection here: one that was tried would wait in the backlog.
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.set_nonblocking(true).expect("is set");
    let port = listener.local_addr().expect("has one").port();
    let key = SshKey::new("ed25519");
    let bound = Access { hosts: "*.example.com".parse().expect("a list"), ..access(&key, None, "") };
    let url = format!("ssh://git@127.0.0.1:{port}/a.git");
    let error = fetch(&url, bound, &main_branch(), Limits::default()).expect_err("refused");
    assert_eq!(error, GitError::Host { host: "127.0.0.1".to_owned() });
    let waiting = listener.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(waiting, Err(std::io::ErrorKind::WouldBlock));
    let setup = Setup::new();
    let allowed = Access { hosts: "127.0.0.1".parse().expect("a list"), ..setup.access() };
    assert_eq!(setup.fetch(allowed), Ok(1));
}
