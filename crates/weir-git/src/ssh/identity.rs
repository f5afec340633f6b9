use crate::{GitError, SshIdentity, SshKey};
use russh::keys::{Error, PrivateKey, decode_secret_key};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a key and its passphrase come from, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub key: &'a str,
    pub passphrase: &'a str,
}

/// As they are called in a Secret.
const SECRET: Names<'_> = Names { key: "in 'identity'", passphrase: "'password'" };

/// What can be shown to a server.
pub(super) enum Key {
    Private(Arc<PrivateKey>),
    Agent(PathBuf),
}

/// Those keys that can be read; an error where there is none.
pub(super) fn keys(identity: &SshIdentity) -> Result<Vec<Key>, GitError> {
    let mut failure = None;
    let mut keys = Vec::new();
    for key in &identity.keys {
        match key {
            SshKey::Agent(socket) => keys.push(Key::Agent(socket.clone())),
            SshKey::Private { pem, passphrase, file } => {
                let passphrase = passphrase.as_ref().map(|passphrase| passphrase.expose().as_str());
                let place = file.as_ref().map(|file| format!("in '{}'", file.display()));
                let names = match &place {
                    Some(place) => Names { key: place, passphrase: "which `ssh-add` gives to an agent" },
                    None => SECRET,
                };
                match read(pem.expose(), passphrase, names) {
                    Ok(key) => keys.push(Key::Private(Arc::new(key))),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
    }
    match failure {
        Some(failure) if keys.is_empty() => Err(failure),
        _ => Ok(keys),
    }
}

/// The private key, decrypted. No message quotes what was read.
pub(super) fn read(pem: &[u8], passphrase: Option<&str>, names: Names<'_>) -> Result<PrivateKey, GitError> {
    let bad = |message: &str| GitError::Credentials(format!("the private key {} {message}", names.key));
    let text = std::str::from_utf8(pem).map_err(|_| bad("is not text"))?;
    // Editors and templates leave blanks at the ends of lines.
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begin = lines.iter().find(|line| line.starts_with("-----BEGIN "));
    let Some(begin) = begin else { return Err(bad("is not in PEM: no line begins with '-----BEGIN'")) };
    if begin.contains("PUBLIC KEY") {
        return Err(bad("is a public key"));
    }
    let cipher = lines.iter().find_map(|line| line.strip_prefix("DEK-Info: ")?.split(',').next());
    if let Some(cipher) = cipher.filter(|cipher| *cipher != "AES-128-CBC") {
        return Err(bad(&format!("is encrypted with {cipher}, which is not supported; `ssh-keygen -p` rewrites it")));
    }
    let is_encrypted = cipher.is_some() || begin.contains("ENCRYPTED");
    let is_openssh = begin.contains("OPENSSH");
    let missing = || bad(&format!("is encrypted, and its passphrase, {}, is missing", names.passphrase));
    let wrong = || bad(&format!("cannot be decrypted with the passphrase in {}", names.passphrase));
    if is_encrypted && passphrase.is_none() {
        return Err(missing());
    }
    // Only what is encrypted is decrypted; OpenSSH's own format says so inside.
    let tried = passphrase.filter(|_| is_encrypted || is_openssh);
    decode_secret_key(&lines.join("\n"), tried).map_err(|error| match error {
        Error::KeyIsEncrypted => missing(),
        Error::SshKey(russh::keys::ssh_key::Error::Crypto) => wrong(),
        _ if is_encrypted => wrong(),
        Error::UnknownAlgorithm(_) | Error::UnsupportedKeyType { .. } => {
            bad("is of a kind that is not supported: use an Ed25519, an ECDSA or an RSA key")
        }
        _ => bad("cannot be read: its PEM is damaged or cut off"),
    })
}
