//! Keys of Curve25519: `age1...` and `AGE-SECRET-KEY-1...`.

use super::header::{hkdf, open, seal, unpadded};
use super::{FileKey, Stanza, bech32};
use curve25519_dalek::MontgomeryPoint;
use std::fmt;
use zeroize::Zeroizing;

const LABEL: &[u8] = b"age-encryption.org/v1/X25519";

pub(crate) struct X25519Identity {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

pub(crate) struct X25519Recipient([u8; 32]);

fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
}

/// A shared secret; `None` for a point that leads nowhere.
pub(super) fn shared(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(MontgomeryPoint(*public).mul_clamped(*secret).to_bytes());
    (*shared != [0; 32]).then_some(shared)
}

fn wrapping_key(shared: &[u8; 32], ephemeral: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    hkdf(&[&ephemeral[..], &public[..]].concat(), shared, LABEL)
}

impl X25519Identity {
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = bech32::decode("AGE-SECRET-KEY-", text)?;
        let secret = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
        let public = public_of(&secret);
        Some(Self { secret, public })
    }

    pub fn recipient(&self) -> X25519Recipient {
        X25519Recipient(self.public)
    }

    pub fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        if stanza.kind != "X25519" || stanza.args.len() != 1 {
            return None;
        }
        let ephemeral = <[u8; 32]>::try_from(unpadded(&stanza.args[0])?).ok()?;
        let shared = shared(&self.secret, &ephemeral)?;
        open(&wrapping_key(&shared, &ephemeral, &self.public), &stanza.body)
    }
}

impl X25519Recipient {
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = bech32::decode("age", text)?;
        <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Self)
    }

    pub fn wrap(&self, file_key: &FileKey, random: &mut dyn FnMut(&mut [u8])) -> Option<Stanza> {
        let mut secret = Zeroizing::new([0; 32]);
        random(secret.as_mut_slice());
        let ephemeral = public_of(&secret);
        let shared = shared(&secret, &self.0)?;
        let body = seal(&wrapping_key(&shared, &ephemeral, &self.0), file_key.as_slice());
        Some(Stanza { kind: "X25519".to_owned(), args: vec![super::header::to_unpadded(&ephemeral)], body })
    }
}

impl fmt::Display for X25519Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode("age", &self.0))
    }
}
