//! SSH keys as age takes them: `ssh-ed25519` and `ssh-rsa`, private ones without a passphrase.

use super::header::{hkdf, open, seal, to_unpadded, unpadded};
use super::{FileKey, Random, Stanza, x25519};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::MontgomeryPoint;
use curve25519_dalek::edwards::CompressedEdwardsY;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Oaep, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

const ED_LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
const RSA_LABEL: &[u8] = b"age-encryption.org/v1/ssh-rsa";
/// Smaller keys are refused, larger ones cost too much.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=16_384;

pub(crate) struct SshIdentity {
    recipient: SshRecipient,
    secret: Secret,
}

enum Secret {
    Ed25519(Zeroizing<[u8; 32]>),
    Rsa(Box<RsaPrivateKey>),
}

pub(crate) struct SshRecipient {
    /// The public key in SSH's own encoding.
    wire: Vec<u8>,
    public: Public,
}

enum Public {
    /// As a point of Curve25519.
    Ed25519([u8; 32]),
    Rsa(Box<RsaPublicKey>),
}

/// Strings with their length before them.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn number(&mut self) -> Option<BoxedUint> {
        let bytes = self.bytes()?;
        let bytes = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
        (bytes.len() <= 2048).then(|| BoxedUint::from_be_slice_vartime(bytes))
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A number with a zero before it, where it would be negative.
fn put_number(out: &mut Vec<u8>, number: &BoxedUint) {
    let bytes = number.to_be_bytes();
    let bytes = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
    let padded = if bytes.first().is_some_and(|b| b & 0x80 != 0) { [&[0], bytes].concat() } else { bytes.to_vec() };
    put(out, &padded);
}

impl SshRecipient {
    /// A line of `authorized_keys`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (kind, base64) = (words.next()?, words.next()?);
        let wire = STANDARD.decode(base64).ok()?;
        let found = Self::of_wire(wire)?;
        (found.kind() == kind).then_some(found)
    }

    fn of_wire(wire: Vec<u8>) -> Option<Self> {
        let mut at = Wire(&wire);
        let public = match at.bytes()? {
            b"ssh-ed25519" => {
                let point = CompressedEdwardsY(at.bytes()?.try_into().ok()?).decompress()?;
                Public::Ed25519(point.to_montgomery().to_bytes())
            }
            b"ssh-rsa" => {
                let (e, n) = (at.number()?, at.number()?);
                let key = RsaPublicKey::new(n, e).ok()?;
                Public::Rsa(Box::new(key)).sized()?
            }
            _ => return None,
        };
        Some(Self { wire, public })
    }

    fn kind(&self) -> &'static str {
        match self.public {
            Public::Ed25519(_) => "ssh-ed25519",
            Public::Rsa(_) => "ssh-rsa",
        }
    }

    fn fingerprint(&self) -> String {
        to_unpadded(&Sha256::digest(&self.wire)[..4])
    }

    fn tweaked(&self, shared: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        x25519::shared(&hkdf(&self.wire, b"", ED_LABEL), shared)
    }

    pub fn wrap(&self, file_key: &FileKey, random: &mut dyn FnMut(&mut [u8])) -> Option<Stanza> {
        let mut args = vec![self.fingerprint()];
        let body = match &self.public {
            Public::Ed25519(public) => {
                let mut secret = Zeroizing::new([0; 32]);
                random(secret.as_mut_slice());
                let ephemeral = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
                let shared = self.tweaked(&*x25519::shared(&secret, public)?)?;
                args.push(to_unpadded(&ephemeral));
                let key = hkdf(&[&ephemeral[..], &public[..]].concat(), shared.as_slice(), ED_LABEL);
                seal(&key, file_key.as_slice())
            }
            Public::Rsa(public) => {
                let padding = Oaep::<Sha256>::new_with_label(RSA_LABEL);
                public.encrypt(&mut Random(random), padding, file_key.as_slice()).ok()?
            }
        };
        Some(Stanza { kind: self.kind().to_owned(), args, body })
    }
}

impl std::fmt::Display for SshRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), STANDARD.encode(&self.wire))
    }
}

impl Public {
    fn sized(self) -> Option<Self> {
        match &self {
            Public::Rsa(key) if !RSA_BITS.contains(&key.n().bit_width()) => None,
            _ => Some(self),
        }
    }
}

impl SshIdentity {
    /// A private key in PEM; the error says why it cannot be used.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (label, der) = pem(text).ok_or("it is not a private key in PEM")?;
        let broken = "the private key is broken";
        match label {
            "OPENSSH PRIVATE KEY" => Self::of_openssh(&der),
            "RSA PRIVATE KEY" => Self::of_rsa(RsaPrivateKey::from_pkcs1_der(&der).map_err(|_| broken)?),
            "PRIVATE KEY" => match ed25519_of_pkcs8(&der) {
                Some(seed) => Self::of_ed25519(&seed).ok_or(broken),
                None => Self::of_rsa(RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| broken)?),
            },
            "ENCRYPTED PRIVATE KEY" => Err("the private key is protected by a passphrase, which cannot be asked for"),
            _ => Err("the private key is of a kind that age does not take; ed25519 and RSA are"),
        }
    }

    fn of_openssh(bytes: &[u8]) -> Result<Self, &'static str> {
        let broken = "the private key is broken";
        let mut at = Wire(bytes.strip_prefix(b"openssh-key-v1\0").ok_or(broken)?);
        let (cipher, _kdf, _options) = (at.bytes().ok_or(broken)?, at.bytes(), at.bytes());
        if cipher != b"none" {
            return Err("the private key is protected by a passphrase, which cannot be asked for");
        }
        let (_count, rest) = at.0.split_at_checked(4).ok_or(broken)?;
        let mut at = Wire(rest);
        let _public = at.bytes().ok_or(broken)?;
        let secret = at.bytes().ok_or(broken)?;
        let (checks, rest) = secret.split_at_checked(8).ok_or(broken)?;
        if checks[..4] != checks[4..] {
            return Err(broken);
        }
        let mut at = Wire(rest);
        match at.bytes().ok_or(broken)? {
            b"ssh-ed25519" => {
                let _public = at.bytes().ok_or(broken)?;
                let pair = at.bytes().filter(|pair| pair.len() == 64).ok_or(broken)?;
                Self::of_ed25519(&pair[..32]).ok_or(broken)
            }
            b"ssh-rsa" => {
                let mut number = || at.number().ok_or(broken);
                let (n, e, d, _inverse, p, q) = (number()?, number()?, number()?, number()?, number()?, number()?);
                Self::of_rsa(RsaPrivateKey::from_components(n, e, d, vec![p, q]).map_err(|_| broken)?)
            }
            _ => Err("the private key is of a kind that age does not take; ed25519 and RSA are"),
        }
    }

    fn of_ed25519(seed: &[u8]) -> Option<Self> {
        let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed)));
        let secret = Zeroizing::new(<[u8; 32]>::try_from(&hash[..32]).ok()?);
        let point = curve25519_dalek::EdwardsPoint::mul_base_clamped(*secret);
        let mut wire = Vec::new();
        put(&mut wire, b"ssh-ed25519");
        put(&mut wire, point.compress().as_bytes());
        Some(Self { recipient: SshRecipient::of_wire(wire)?, secret: Secret::Ed25519(secret) })
    }

    fn of_rsa(key: RsaPrivateKey) -> Result<Self, &'static str> {
        let mut wire = Vec::new();
        put(&mut wire, b"ssh-rsa");
        put_number(&mut wire, key.e());
        put_number(&mut wire, key.n());
        let recipient = SshRecipient::of_wire(wire).ok_or("the RSA key has less than 2048 bits, or far too many")?;
        Ok(Self { recipient, secret: Secret::Rsa(Box::new(key)) })
    }

    pub fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    pub fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        if stanza.kind != self.recipient.kind() || stanza.args.first() != Some(&self.recipient.fingerprint()) {
            return None;
        }
        match (&self.secret, &self.recipient.public) {
            (Secret::Ed25519(secret), Public::Ed25519(public)) => {
                let ephemeral = <[u8; 32]>::try_from(unpadded(stanza.args.get(1)?)?).ok()?;
                let shared = self.recipient.tweaked(&*x25519::shared(secret, &ephemeral)?)?;
                let key = hkdf(&[&ephemeral[..], &public[..]].concat(), shared.as_slice(), ED_LABEL);
                open(&key, &stanza.body)
            }
            (Secret::Rsa(key), _) => {
                let plain = Zeroizing::new(key.decrypt(Oaep::<Sha256>::new_with_label(RSA_LABEL), &stanza.body).ok()?);
                plain.as_slice().try_into().ok().map(Zeroizing::new)
            }
            _ => None,
        }
    }
}

/// The label and the content of the first block.
fn pem(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    // An old key that is encrypted says so in a header.
    if body.contains("Proc-Type:") {
        return Some(("ENCRYPTED PRIVATE KEY", Zeroizing::default()));
    }
    let base64: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(base64.as_bytes()).ok().map(|der| (label, Zeroizing::new(der)))
}

/// The seed of an Ed25519 key in PKCS #8, which has one form.
fn ed25519_of_pkcs8(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let oid = [0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let at = der.windows(oid.len()).position(|window| window == oid)?;
    der.get(at + oid.len()..at + oid.len() + 32).map(|seed| Zeroizing::new(seed.to_vec()))
}
