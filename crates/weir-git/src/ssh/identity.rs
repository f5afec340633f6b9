use crate::{GitError, SshIdentity};
use russh::keys::{Error, PrivateKey, decode_secret_key};

/// The private key, decrypted. No message quotes what was read.
pub(super) fn private_key(identity: &SshIdentity) -> Result<PrivateKey, GitError> {
    let bad = |message: &str| GitError::Credentials(format!("the private key in 'identity' {message}"));
    let text = std::str::from_utf8(identity.key.expose()).map_err(|_| bad("is not text"))?;
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
    let missing = || bad("is encrypted, and its passphrase, key 'password', is missing");
    let passphrase = identity.passphrase.as_ref().map(|passphrase| passphrase.expose().as_str());
    if is_encrypted && passphrase.is_none() {
        return Err(missing());
    }
    // Only what is encrypted is decrypted; OpenSSH's own format says so inside.
    let tried = passphrase.filter(|_| is_encrypted || is_openssh);
    decode_secret_key(&lines.join("\n"), tried).map_err(|error| match error {
        Error::KeyIsEncrypted => missing(),
        Error::SshKey(russh::keys::ssh_key::Error::Crypto) => wrong_passphrase(),
        _ if is_encrypted => wrong_passphrase(),
        Error::UnknownAlgorithm(_) | Error::UnsupportedKeyType { .. } => {
            bad("is of a kind that is not supported: use an Ed25519, an ECDSA or an RSA key")
        }
        _ => bad("cannot be read: its PEM is damaged or cut off"),
    })
}

fn wrong_passphrase() -> GitError {
    let message = "the private key in 'identity' cannot be decrypted with the passphrase in 'password'";
    GitError::Credentials(message.to_owned())
}
