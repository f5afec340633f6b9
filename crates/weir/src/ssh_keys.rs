//! The user's own keys for ssh, as OpenSSH finds them without a configuration.

use std::path::{Path, PathBuf};
use weir_base::Secret;
use weir_git::{GitError, SshIdentity, SshKey};

/// Below the home, in the order in which they are shown.
const FILES: [&str; 3] = [".ssh/id_rsa", ".ssh/id_ecdsa", ".ssh/id_ed25519"];
const KNOWN_HOSTS: [&str; 2] = [".ssh/known_hosts", ".ssh/known_hosts2"];
const KNOWN_HOSTS_OF_ALL: &str = "/etc/ssh/ssh_known_hosts";

/// The keys of the agent at `$SSH_AUTH_SOCK` and of the files below `$HOME`, and the hosts that are known there.
pub fn own() -> Result<SshIdentity, GitError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    of(set("HOME").as_deref(), set("SSH_AUTH_SOCK"))
}

fn of(home: Option<&Path>, agent: Option<PathBuf>) -> Result<SshIdentity, GitError> {
    let mut keys: Vec<SshKey> = agent.into_iter().map(SshKey::Agent).collect();
    for file in FILES.iter().filter_map(|file| Some(home?.join(file))) {
        if let Ok(pem) = std::fs::read(&file) {
            keys.push(SshKey::Private { pem: Secret::from(pem), passphrase: None, file: Some(file) });
        }
    }
    if keys.is_empty() {
        let files = FILES.map(|file| format!("~/{file}")).join(", ");
        let message = format!("there is no key for ssh: neither an agent ($SSH_AUTH_SOCK) nor one of {files}");
        return Err(GitError::Credentials(message));
    }
    let known = KNOWN_HOSTS.iter().filter_map(|file| Some(home?.join(file))).chain([KNOWN_HOSTS_OF_ALL.into()]);
    let known_hosts = known.filter_map(|file| std::fs::read_to_string(file).ok()).collect::<Vec<_>>().join("\n");
    Ok(SshIdentity { keys, known_hosts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_hosts_are_those_of_the_home() {
        let home = tempfile::tempdir().expect("a folder");
        let why = of(Some(home.path()), None).expect_err("there is none").to_string();
        assert!(why.contains("$SSH_AUTH_SOCK") && why.contains("~/.ssh/id_ed25519"), "{why}");
        assert!(of(None, None).is_err());
        std::fs::create_dir(home.path().join(".ssh")).expect("a folder");
        for (file, text) in [("id_ed25519", "e"), ("id_rsa", "r"), ("known_hosts", "a b c"), ("id_rsa.pub", "p")] {
            std::fs::write(home.path().join(".ssh").join(file), text).expect("a file");
        }
        let found = of(Some(home.path()), Some("/run/agent".into())).expect("keys");
        let key = |file: &str, text: &str| SshKey::Private {
            pem: Secret::from(text.as_bytes().to_vec()),
            passphrase: None,
            file: Some(home.path().join(".ssh").join(file)),
        };
        assert_eq!(found.keys, [SshKey::Agent("/run/agent".into()), key("id_rsa", "r"), key("id_ed25519", "e")]);
        assert!(found.known_hosts.starts_with("a b c"), "{}", found.known_hosts);
    }
}
