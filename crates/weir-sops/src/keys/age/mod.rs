//! The age format (age-encryption.org/v1), as far as sops uses it: a small armored file that holds a data key.
//!
//! Written here rather than taken from a library: the one there is for Rust lacks the post-quantum recipients, and
//! brings a second generation of every cryptographic crate in the tree.

pub(crate) mod bech32;
mod header;
mod pq;
mod ssh;
mod x25519;

pub(crate) use header::{decrypt, encrypt};

use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;
use zeroize::Zeroizing;

pub(crate) type FileKey = Zeroizing<[u8; 16]>;

/// One recipient's lines in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stanza {
    pub kind: String,
    pub args: Vec<String>,
    pub body: Vec<u8>,
}

/// The caller's random bytes, as the cryptographic crates want them.
pub(crate) struct Random<'a>(pub &'a mut dyn FnMut(&mut [u8]));

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(dst);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

/// A private key.
pub(crate) enum Identity {
    X25519(x25519::X25519Identity),
    Pq(Box<pq::PqIdentity>),
    Ssh(ssh::SshIdentity),
}

impl Identity {
    /// One line of a key file; `None` for what is no key that is known.
    pub fn parse(line: &str) -> Option<Self> {
        if line.starts_with("AGE-SECRET-KEY-PQ-1") {
            return pq::PqIdentity::parse(line).map(|identity| Identity::Pq(Box::new(identity)));
        }
        x25519::X25519Identity::parse(line).map(Identity::X25519)
    }

    /// A private SSH key in PEM.
    pub fn parse_ssh(text: &str) -> Result<Self, &'static str> {
        ssh::SshIdentity::parse(text).map(Identity::Ssh)
    }

    /// Its public name.
    pub fn recipient(&self) -> String {
        match self {
            Identity::X25519(identity) => identity.recipient().to_string(),
            Identity::Pq(identity) => identity.recipient(),
            Identity::Ssh(identity) => identity.recipient(),
        }
    }

    /// The file key, where a stanza is for this key.
    pub fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        match self {
            Identity::X25519(identity) => identity.unwrap(stanza),
            Identity::Pq(identity) => identity.unwrap(stanza),
            Identity::Ssh(identity) => identity.unwrap(stanza),
        }
    }
}

/// Somebody to encrypt to.
pub(crate) enum Recipient {
    X25519(x25519::X25519Recipient),
    Pq(Box<pq::PqRecipient>),
    Ssh(ssh::SshRecipient),
}

impl Recipient {
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("age1pq1") {
            return pq::PqRecipient::parse(text).map(|recipient| Recipient::Pq(Box::new(recipient)));
        }
        if text.starts_with("ssh-") {
            return ssh::SshRecipient::parse(text).map(Recipient::Ssh);
        }
        x25519::X25519Recipient::parse(text).map(Recipient::X25519)
    }

    pub fn wrap(&self, file_key: &FileKey, random: &mut dyn FnMut(&mut [u8])) -> Option<Stanza> {
        match self {
            Recipient::X25519(recipient) => recipient.wrap(file_key, random),
            Recipient::Pq(recipient) => recipient.wrap(file_key, random),
            Recipient::Ssh(recipient) => recipient.wrap(file_key, random),
        }
    }
}
