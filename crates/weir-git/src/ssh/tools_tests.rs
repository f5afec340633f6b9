//! Keys and host keys, compared with what ssh-keygen and sshd make of them.

use super::{Curve, HostKeyAlgorithms, KeyKind, KeyPair, Options, host_of, scan};
use crate::{Access, Limits, Reference, Remote, Selection, SshIdentity};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use weir_base::{Budget, Diagnose};
use weir_testkit::{GitRepo, SshKey, Sshd, keygen};

const TIME: Duration = Duration::from_secs(30);

#[test]
fn made_keys_are_what_ssh_keygen_reads_and_the_server_takes() {
    let repo = GitRepo::new(&[("a", "1")]);
    let host = SshKey::new("ed25519");
    let cases = [
        (KeyKind::Ed25519, "256 ", "(ED25519)"),
        (KeyKind::Rsa(2048), "2048 ", "(RSA)"),
        (KeyKind::Rsa(4096), "4096 ", "(RSA)"),
        (KeyKind::Ecdsa(Curve::P256), "256 ", "(ECDSA)"),
        (KeyKind::Ecdsa(Curve::P384), "384 ", "(ECDSA)"),
        (KeyKind::Ecdsa(Curve::P521), "521 ", "(ECDSA)"),
    ];
    for (kind, bits, name) in cases {
        let pair = KeyPair::generate(kind).expect("a pair");
        let key = SshKey { private: pair.private.expose().clone(), public: pair.public.clone() };
        assert!(key.private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "{kind:?}");
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("key");
        key.write(&file);
        let file = file.to_str().expect("a path");
        assert_eq!(keygen(&["-y", "-f", file]).trim(), pair.public, "{kind:?}");
        let shown = keygen(&["-l", "-f", file]);
        assert!(shown.starts_with(bits) && shown.trim().ends_with(name), "{kind:?}: {shown}");
        let server = Sshd::start(repo.path(), &[&host], &[&key]);
        let identity = SshIdentity {
            keys: vec![crate::SshKey::Private { pem: key.private.into_bytes().into(), passphrase: None, file: None }],
            known_hosts: server.known_hosts(),
        };
        let access = Access { ssh: Some(identity), ..Access::default() };
        let stop = Arc::new(AtomicBool::new(false));
        let remote = Remote::new(&server.url(".git"), access, Limits::default(), stop).expect("a known scheme");
        let reference = Reference { branch: Some("main".to_owned()), ..Reference::default() };
        let (_, tree) = remote.fetch(&reference, &Selection::default(), &Budget::standard()).expect("fetches");
        assert_eq!(tree.entries().len(), 1, "{kind:?}");
    }
}

#[test]
fn sizes_that_are_not_secure_are_refused() {
    let error = KeyPair::generate(KeyKind::Rsa(1024)).expect_err("is too small");
    assert_eq!(error.to_string(), "no key can be made: an RSA key has 2048, 3072, 4096 or 8192 bits, not 1024");
}

#[test]
fn the_public_key_of_a_file_is_found() {
    let cases: [&[&str]; 4] = [
        &["-t", "ed25519", "-N", "s3cr3t"],
        &["-t", "ecdsa", "-m", "PEM", "-N", ""],
        &["-t", "rsa", "-m", "PKCS8", "-N", "s3cr3t"],
        &["-t", "rsa", "-m", "PEM", "-N", ""],
    ];
    for args in cases {
        let key = SshKey::with(args);
        let passphrase = args.last().map(|text| (*text).to_owned()).filter(|text| !text.is_empty()).map(Into::into);
        let pair = KeyPair::read(key.private.clone().into_bytes().into(), passphrase.as_ref(), "id");
        let pair = pair.expect("a pair");
        assert_eq!((pair.private.expose(), &pair.public), (&key.private, &key.public), "{args:?}");
    }
    let key = SshKey::with(cases[0]);
    let told = |passphrase: Option<&str>| {
        let passphrase = passphrase.map(|text| text.to_owned().into());
        let read = KeyPair::read(key.private.clone().into_bytes().into(), passphrase.as_ref(), "id");
        read.expect_err("is encrypted").report().to_string()
    };
    assert_eq!(told(None), "the private key in 'id' is encrypted, and its passphrase, --password, is missing");
    assert_eq!(told(Some("x")), "the private key in 'id' cannot be decrypted with the passphrase in --password");
}

#[test]
fn a_scan_finds_every_kind_of_host_key() {
    let repo = GitRepo::new(&[("a", "1")]);
    let hosts = [SshKey::new("ed25519"), SshKey::new("ecdsa"), SshKey::new("rsa")];
    let server = Sshd::start(repo.path(), &[&hosts[0], &hosts[1], &hosts[2]], &[]);
    assert_eq!(host_of(&server.url("a")).expect("an address"), ("127.0.0.1".to_owned(), server.port()));
    let lines = scan("127.0.0.1", server.port(), &Options::default(), TIME).expect("finds");
    assert_eq!(lines.join("\n"), server.known_hosts().trim());
    let host_keys: HostKeyAlgorithms = "rsa-sha2-256,rsa-sha2-512".parse().expect("known names");
    let lines = scan("127.0.0.1", server.port(), &Options { host_keys: host_keys.clone(), ..Options::default() }, TIME);
    assert_eq!(lines.expect("finds"), [format!("[127.0.0.1]:{} {}", server.port(), hosts[2].public)]);
    server.set_host_keys(&[&hosts[0]]);
    let error = scan("127.0.0.1", server.port(), &Options { host_keys, ..Options::default() }, TIME);
    assert!(error.expect_err("has none").to_string().ends_with("it has no kind of host key that is known here"));
}

#[test]
fn a_scan_of_what_is_no_server_ends() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let scanned = |port, time| scan("127.0.0.1", port, &Options::default(), time).expect_err("fails").to_string();
    let start = format!("failed to reach ssh://127.0.0.1:{port}: ");
    assert_eq!(scanned(port, Duration::from_secs(1)), format!("{start}it did not answer within 1 s"));
    // Nobody listens there.
    let message = scanned(1, TIME);
    assert!(message.starts_with("failed to reach ssh://127.0.0.1:1: ") && message.contains("refused"), "{message}");
}
