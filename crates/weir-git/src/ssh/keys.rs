//! Pairs of keys for a repository's host: made, or read from PEM.

use super::identity::{self, Names};
use crate::GitError;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use russh::keys::key::safe_rng;
use russh::keys::pkcs8::decode_pkcs8;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use weir_base::Secret;

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Ed25519,
    /// Of 2048, 3072, 4096 or 8192 bits.
    Rsa(u32),
    Ecdsa(Curve),
}

/// A curve of NIST's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
    P521,
}

/// A pair of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// PEM; OpenSSH's format where it was made here.
    pub private: Secret<String>,
    /// A line of `authorized_keys` without a comment: the deploy key.
    pub public: String,
}

impl KeyPair {
    pub fn generate(kind: KeyKind) -> Result<Self, GitError> {
        let failed = |error: &dyn std::fmt::Display| GitError::Credentials(format!("no key can be made: {error}"));
        let key = match kind {
            KeyKind::Ed25519 => {
                PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| failed(&error))?
            }
            KeyKind::Ecdsa(curve) => {
                let curve = match curve {
                    Curve::P256 => EcdsaCurve::NistP256,
                    Curve::P384 => EcdsaCurve::NistP384,
                    Curve::P521 => EcdsaCurve::NistP521,
                };
                PrivateKey::random(&mut safe_rng(), Algorithm::Ecdsa { curve }).map_err(|error| failed(&error))?
            }
            KeyKind::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    8192 => KeySize::Rsa8192,
                    _ => return Err(failed(&format!("an RSA key has 2048, 3072, 4096 or 8192 bits, not {bits}"))),
                };
                let pair = aws_lc_rs::rsa::KeyPair::generate(size).map_err(|error| failed(&error))?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| failed(&error))?;
                decode_pkcs8(der.as_ref(), None).map_err(|error| failed(&error))?
            }
        };
        let private = key.to_openssh(LineEnding::LF).map_err(|error| failed(&error))?.to_string().into();
        Ok(Self { private, public: public(&key)? })
    }

    /// The pair of a private key in a file, which is named in messages. The key stays as it is.
    pub fn read(pem: Secret<Vec<u8>>, passphrase: Option<&Secret<String>>, file: &str) -> Result<Self, GitError> {
        let (key, passphrase) = (format!("in '{file}'"), passphrase.map(|passphrase| passphrase.expose().as_str()));
        let key = identity::read(pem.expose(), passphrase, Names { key: &key, passphrase: "--password" })?;
        let text = String::from_utf8_lossy(pem.expose()).into_owned();
        Ok(Self { private: text.into(), public: public(&key)? })
    }
}

fn public(key: &PrivateKey) -> Result<String, GitError> {
    let mut public = key.public_key().clone();
    public.set_comment("");
    let line = public.to_openssh().map_err(|error| GitError::Credentials(format!("no public key: {error}")))?;
    Ok(line.trim_end().to_owned())
}
