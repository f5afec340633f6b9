//! The age format (age-encryption.org/v1), as far as sops uses it: a small armored file that holds a data key.
//!
//! Written here rather than taken from a library: the one there is for Rust lacks the post-quantum recipients, and
//! brings a second generation of every cryptographic crate in the tree.

pub(crate) mod bech32;
mod header;
mod x25519;

pub(crate) use header::{decrypt, encrypt};
pub(crate) use x25519::{X25519Identity, X25519Recipient};

use zeroize::Zeroizing;

pub(crate) type FileKey = Zeroizing<[u8; 16]>;

/// One recipient's lines in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stanza {
    pub kind: String,
    pub args: Vec<String>,
    pub body: Vec<u8>,
}

/// A private key.
pub(crate) enum Identity {
    X25519(X25519Identity),
}

impl Identity {
    /// One line of a key file; `None` for what is no key that is known.
    pub fn parse(line: &str) -> Option<Self> {
        X25519Identity::parse(line).map(Identity::X25519)
    }

    /// Its public name.
    pub fn recipient(&self) -> String {
        match self {
            Identity::X25519(identity) => identity.recipient().to_string(),
        }
    }

    /// The file key, where a stanza is for this key.
    pub fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        match self {
            Identity::X25519(identity) => identity.unwrap(stanza),
        }
    }
}

/// Somebody to encrypt to.
pub(crate) enum Recipient {
    X25519(X25519Recipient),
}

impl Recipient {
    pub fn parse(text: &str) -> Option<Self> {
        X25519Recipient::parse(text).map(Recipient::X25519)
    }

    pub fn wrap(&self, file_key: &FileKey, random: &mut dyn FnMut(&mut [u8])) -> Option<Stanza> {
        match self {
            Recipient::X25519(recipient) => recipient.wrap(file_key, random),
        }
    }
}
