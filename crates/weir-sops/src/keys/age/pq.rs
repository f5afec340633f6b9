//! Hybrid post-quantum keys: ML-KEM-768 with X25519 (X-Wing) in HPKE, `age1pq1...` and `AGE-SECRET-KEY-PQ-1...`.

use super::header::{to_unpadded, unpadded};
use super::{FileKey, Random, Stanza, bech32, x25519};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use curve25519_dalek::MontgomeryPoint;
use hkdf::Hkdf;
use ml_kem::kem::{Decapsulate, Encapsulate, Key, KeyExport};
use ml_kem::{DecapsulationKey, EncapsulationKey, MlKem768, Seed};
use sha2::Sha256;
use sha3::{Digest, Sha3_256};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

const KIND: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const XWING: &[u8] = b"\\./\n/^\\";
const PQ_PUBLIC: usize = 1184;
const PQ_CIPHERTEXT: usize = 1088;
/// HPKE: MLKEM768-X25519, HKDF-SHA256, ChaCha20-Poly1305.
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

pub(crate) struct PqIdentity {
    pq: DecapsulationKey<MlKem768>,
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

pub(crate) struct PqRecipient {
    pq: EncapsulationKey<MlKem768>,
    public: [u8; 32],
}

fn combine(pq: &[u8], shared: &[u8; 32], ciphertext: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let label: Vec<u8> = XWING.iter().copied().filter(|b| *b != b'\n').collect();
    let mut hash = Sha3_256::new();
    for part in [pq, shared, ciphertext, public, &label] {
        Digest::update(&mut hash, part);
    }
    Zeroizing::new(hash.finalize().into())
}

fn extract(salt: &[u8], label: &[u8], secret: &[u8]) -> Hkdf<Sha256> {
    let labeled = Zeroizing::new([b"HPKE-v1".as_slice(), SUITE, label, secret].concat());
    Hkdf::<Sha256>::new(Some(salt), &labeled)
}

fn extract_bytes(label: &[u8], secret: &[u8]) -> Vec<u8> {
    let labeled = [b"HPKE-v1".as_slice(), SUITE, label, secret].concat();
    Hkdf::<Sha256>::extract(Some(b""), &labeled).0.to_vec()
}

fn expand<const N: usize>(prk: &Hkdf<Sha256>, label: &[u8], context: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    let info = [&(N as u16).to_be_bytes()[..], b"HPKE-v1", SUITE, label, context].concat();
    prk.expand(&info, out.as_mut_slice()).expect("a key is within the limit");
    out
}

/// The key and nonce of the first message in HPKE's base mode.
fn schedule(shared: &[u8; 32]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 12]>) {
    let context = [vec![0], extract_bytes(b"psk_id_hash", b""), extract_bytes(b"info_hash", INFO)].concat();
    let secret = extract(shared, b"secret", b"");
    (expand(&secret, b"key", &context), expand(&secret, b"base_nonce", &context))
}

impl PqIdentity {
    pub fn parse(text: &str) -> Option<Self> {
        let seed = bech32::decode("AGE-SECRET-KEY-PQ-", text)?;
        if seed.len() != 32 {
            return None;
        }
        let mut expanded = Zeroizing::new([0; 96]);
        let mut shake = Shake256::default();
        shake.update(&seed);
        shake.finalize_xof().read(expanded.as_mut_slice());
        let pq = DecapsulationKey::from_seed(Seed::try_from(&expanded[..64]).ok()?);
        let secret = Zeroizing::new(<[u8; 32]>::try_from(&expanded[64..]).ok()?);
        let public = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
        Some(Self { pq, secret, public })
    }

    pub fn recipient(&self) -> String {
        let pq = self.pq.encapsulation_key().to_bytes();
        bech32::encode("age1pq", &[pq.as_slice(), &self.public[..]].concat())
    }

    pub fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        if stanza.kind != KIND || stanza.args.len() != 1 || stanza.body.len() != 32 {
            return None;
        }
        let enc = unpadded(&stanza.args[0])?;
        let (pq, point) = enc.split_at_checked(PQ_CIPHERTEXT)?;
        let point = <[u8; 32]>::try_from(point).ok()?;
        let pq_shared = self.pq.decapsulate(&pq.try_into().ok()?);
        let shared = combine(&pq_shared, &*x25519::shared(&self.secret, &point)?, &point, &self.public);
        let (key, nonce) = schedule(&shared);
        let (data, tag) = stanza.body.split_at_checked(16)?;
        let mut plain: FileKey = Zeroizing::new(data.try_into().ok()?);
        let cipher = ChaCha20Poly1305::new(&(*key).into());
        let tag = Tag::try_from(tag).ok()?;
        cipher.decrypt_inout_detached(&Nonce::from(*nonce), &[], plain.as_mut_slice().into(), &tag).ok()?;
        Some(plain)
    }
}

impl PqRecipient {
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = bech32::decode("age1pq", text)?;
        let (pq, point) = bytes.split_at_checked(PQ_PUBLIC)?;
        let encoded = Key::<EncapsulationKey<MlKem768>>::try_from(pq).ok()?;
        Some(Self { pq: EncapsulationKey::new(&encoded).ok()?, public: point.try_into().ok()? })
    }

    pub fn wrap(&self, file_key: &FileKey, random: &mut dyn FnMut(&mut [u8])) -> Option<Stanza> {
        let mut secret = Zeroizing::new([0; 32]);
        random(secret.as_mut_slice());
        let point = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
        let (pq, pq_shared) = self.pq.encapsulate_with_rng(&mut Random(random));
        let shared = combine(&pq_shared, &*x25519::shared(&secret, &self.public)?, &point, &self.public);
        let (key, nonce) = schedule(&shared);
        let enc = [pq.as_slice(), &point[..]].concat();
        let body = super::header::seal_with(&key, &nonce, file_key.as_slice());
        Some(Stanza { kind: KIND.to_owned(), args: vec![to_unpadded(&enc)], body })
    }
}
