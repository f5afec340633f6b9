use super::age::{self, Identity, Recipient};
use super::pgp;
use crate::SopsError;
use ::pgp::composed::{SignedPublicKey, SignedSecretKey};
use zeroize::Zeroizing;

/// Private keys that decrypt without asking anybody, and certificates to encrypt to. Private keys are wiped when it is
/// dropped, and never printed.
#[derive(Default)]
pub struct Keyring {
    age: Vec<Identity>,
    pgp: Vec<SignedSecretKey>,
    certificates: Vec<SignedPublicKey>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.held()).finish()
    }
}

impl Keyring {
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds no private key.
    pub fn is_empty(&self) -> bool {
        self.age.is_empty() && self.pgp.is_empty()
    }

    /// The public names of the private keys that are held.
    pub fn held(&self) -> Vec<String> {
        let age = self.age.iter().map(Identity::recipient);
        age.chain(self.pgp.iter().map(|key| pgp::fingerprint(&key.primary_key))).collect()
    }

    /// Adds the age identities of a key file: one a line, X25519 or post-quantum, between comments and empty lines. A
    /// private SSH key in PEM is taken too. `name` is what an error calls the file. Says how many were added.
    pub fn add_age(&mut self, name: &str, text: &[u8]) -> Result<usize, SopsError> {
        let text = std::str::from_utf8(text).map_err(|_| SopsError::key(name, "it is not text"))?;
        if text.trim_start().starts_with("-----BEGIN") {
            return self.add_ssh(name, text.as_bytes()).map(|()| 1);
        }
        let mut added = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = Identity::parse(line);
            added
                .push(identity.ok_or_else(|| SopsError::key(name, format!("line {} is not an age identity", at + 1)))?);
        }
        if added.is_empty() {
            return Err(SopsError::key(name, "it holds no age identity"));
        }
        let count = added.len();
        self.age.append(&mut added);
        Ok(count)
    }

    /// Adds a private SSH key, ed25519 or RSA, without a passphrase.
    pub fn add_ssh(&mut self, name: &str, text: &[u8]) -> Result<(), SopsError> {
        let text = std::str::from_utf8(text).map_err(|_| SopsError::key(name, "it is not text"))?;
        self.age.push(Identity::parse_ssh(text).map_err(|why| SopsError::key(name, why))?);
        Ok(())
    }

    /// Adds the OpenPGP private keys of a file (`.asc`). Says how many were added.
    pub fn add_pgp(&mut self, name: &str, bytes: &[u8]) -> Result<usize, SopsError> {
        let mut keys = pgp::secret_keys(bytes).map_err(|why| SopsError::key(name, why))?;
        let count = keys.len();
        self.certificates.extend(keys.iter().map(SignedSecretKey::to_public_key));
        self.pgp.append(&mut keys);
        Ok(count)
    }

    /// Adds OpenPGP certificates to encrypt to. Says how many were added.
    pub fn add_pgp_certificate(&mut self, name: &str, bytes: &[u8]) -> Result<usize, SopsError> {
        let mut keys = pgp::certificates(bytes).map_err(|why| SopsError::key(name, why))?;
        let count = keys.len();
        self.certificates.append(&mut keys);
        Ok(count)
    }

    /// What one of the age keys opens.
    pub(crate) fn open_age(&self, enc: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        age::decrypt(enc, self.age.iter())
    }

    /// What one of the OpenPGP keys opens.
    pub(crate) fn open_pgp(&self, enc: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        pgp::decrypt(enc, &self.pgp)
    }

    /// Encrypts a part of a data key to an age recipient.
    pub(crate) fn seal_age(
        recipient: &str,
        part: &[u8],
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<String, SopsError> {
        let error =
            |message: &str| SopsError::Recipient { recipient: recipient.to_owned(), message: message.to_owned() };
        let parsed = Recipient::parse(recipient).ok_or_else(|| error("it is not an age recipient"))?;
        age::encrypt(&parsed, part, random).ok_or_else(|| error("the key leads nowhere"))
    }

    /// Encrypts a part of a data key to the certificate of a fingerprint.
    pub(crate) fn seal_pgp(
        &self,
        fingerprint: &str,
        part: &[u8],
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<String, SopsError> {
        let error =
            |message: &str| SopsError::Recipient { recipient: fingerprint.to_owned(), message: message.to_owned() };
        let bare = fingerprint.replace(' ', "").to_uppercase();
        let found = self.certificates.iter().find(|key| {
            let subkeys = key.public_subkeys.iter().map(|subkey| pgp::fingerprint(&subkey.key));
            // A long key id is the end of a fingerprint.
            subkeys.chain([pgp::fingerprint(&key.primary_key)]).any(|name| bare.len() >= 16 && name.ends_with(&bare))
        });
        let key = found.ok_or_else(|| error("its certificate is not at hand"))?;
        pgp::encrypt(key, part, random).map_err(error)
    }
}
