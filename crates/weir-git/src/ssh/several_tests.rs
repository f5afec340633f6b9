//! Several keys, and those of an agent, against the real sshd and ssh-agent.

use crate::{Access, Limits, Reference, Remote, Selection, SshIdentity, SshKey as Own};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_base::{Budget, Diagnose};
use weir_testkit::{GitRepo, SshAgent, SshKey, Sshd};

fn file(key: &SshKey, name: &str) -> Own {
    Own::Private { pem: key.private.clone().into_bytes().into(), passphrase: None, file: Some(name.into()) }
}

/// The number of files, or what is said.
fn fetched(server: &Sshd, keys: Vec<Own>) -> Result<usize, String> {
    let ssh = Some(SshIdentity { keys, known_hosts: server.known_hosts() });
    let access = Access { ssh, ..Access::default() };
    let stop = Arc::new(AtomicBool::new(false));
    let remote = Remote::new(&server.url(".git"), access, Limits::default(), stop).expect("a known scheme");
    let main = Reference { branch: Some("main".to_owned()), ..Reference::default() };
    let fetched = remote.fetch(&main, &Selection::default(), &Budget::standard());
    fetched.map(|(_, files)| files.entries().len()).map_err(|error| error.report().to_string())
}

#[test]
fn keys_are_shown_until_one_is_taken() {
    let repo = GitRepo::new(&[("a", "1")]);
    let (host, key, other) = (SshKey::new("ed25519"), SshKey::new("ed25519"), SshKey::new("ed25519"));
    let encrypted = SshKey::with(&["-t", "ed25519", "-N", "s3cr3t"]);
    let server = Sshd::start(repo.path(), &[&host], &[&key]);
    let all = vec![file(&encrypted, "id_a"), file(&other, "id_b"), file(&key, "id_c")];
    assert_eq!(fetched(&server, all), Ok(1));
    let refused = fetched(&server, vec![file(&other, "id_b"), file(&other, "id_c")]).expect_err("nobody is let in");
    assert!(refused.contains("refused the key SHA256:") && refused.contains(", SHA256:"), "{refused}");
    let unreadable = fetched(&server, vec![file(&encrypted, "/home/me/id_a")]).expect_err("there is no passphrase");
    let expect = "the private key in '/home/me/id_a' is encrypted, and its passphrase, which `ssh-add` gives to an agent, is missing";
    assert_eq!(unreadable, expect);
}

#[test]
fn an_agent_signs() {
    let repo = GitRepo::new(&[("a", "1")]);
    let host = SshKey::new("ed25519");
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let (key, other) = (SshKey::new(kind), SshKey::new("ed25519"));
        let server = Sshd::start(repo.path(), &[&host], &[&key]);
        let agent = SshAgent::start();
        let ours = || Own::Agent(agent.socket().to_owned());
        let empty = fetched(&server, vec![ours()]).expect_err("it has no keys");
        assert_eq!(empty, "the agent has no keys: `ssh-add` gives it some");
        agent.add(&other);
        let refused = fetched(&server, vec![ours()]).expect_err("it has another key");
        assert!(refused.contains("refused the key SHA256:"), "{refused}");
        agent.add(&key);
        assert_eq!(fetched(&server, vec![ours()]), Ok(1), "{kind}");
        // A key of a file is taken where there is no agent any more.
        let gone = Own::Agent(agent.socket().with_file_name("none"));
        assert_eq!(fetched(&server, vec![gone.clone(), file(&key, "id")]), Ok(1));
        let silent = fetched(&server, vec![gone]).expect_err("nobody answers");
        assert!(silent.starts_with("the agent at ") && silent.contains("does not answer"), "{silent}");
    }
}
