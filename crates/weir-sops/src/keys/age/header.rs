//! Armor, header and payload.

use super::{FileKey, Identity, Recipient, Stanza};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const VERSION: &str = "age-encryption.org/v1";
/// Data keys are of 32 bytes; parts of one of 33. More than one chunk is never met.
const CHUNK: usize = 64 * 1024;
const MAX_STANZAS: usize = 64;

pub(super) fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, key.as_mut_slice()).expect("32 bytes are within the limit");
    key
}

/// Opens a wrapped file key, which is sealed under a nonce of zeros.
pub(super) fn open(key: &[u8; 32], body: &[u8]) -> Option<FileKey> {
    let plain = open_with(key, &[0; 12], body)?;
    <[u8; 16]>::try_from(plain.as_slice()).ok().map(Zeroizing::new)
}

pub(super) fn seal(key: &[u8; 32], plain: &[u8]) -> Vec<u8> {
    seal_with(key, &[0; 12], plain)
}

fn open_with(key: &[u8; 32], nonce: &[u8; 12], body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (data, tag) = body.split_at_checked(body.len().checked_sub(16)?)?;
    let mut plain = Zeroizing::new(data.to_vec());
    let tag = Tag::try_from(tag).ok()?;
    let cipher = ChaCha20Poly1305::new(&(*key).into());
    cipher.decrypt_inout_detached(&Nonce::from(*nonce), &[], plain.as_mut_slice().into(), &tag).ok()?;
    Some(plain)
}

pub(super) fn seal_with(key: &[u8; 32], nonce: &[u8; 12], plain: &[u8]) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(&(*key).into());
    let mut body = plain.to_vec();
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(*nonce), &[], body.as_mut_slice().into())
        .expect("a key is far below the cipher's limit");
    body.extend_from_slice(&tag);
    body
}

/// Base64 without padding, in its only form.
pub(super) fn unpadded(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

pub(super) fn to_unpadded(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

fn dearmor(text: &str) -> Option<Vec<u8>> {
    let mut lines = text.trim().lines();
    if lines.next()? != BEGIN {
        return None;
    }
    let mut base64 = String::with_capacity(text.len());
    for line in lines.by_ref() {
        if line == END {
            return if lines.next().is_none() { STANDARD.decode(base64).ok() } else { None };
        }
        base64.push_str(line);
    }
    None
}

fn armor(bytes: &[u8]) -> String {
    let base64 = STANDARD.encode(bytes);
    let mut text = format!("{BEGIN}\n");
    for at in (0..base64.len()).step_by(64) {
        text.push_str(&base64[at..base64.len().min(at + 64)]);
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}

struct Header<'a> {
    stanzas: Vec<Stanza>,
    /// What the MAC is over.
    covered: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(file: &'a [u8]) -> Option<Self> {
        let mut at = 0;
        let mut line = || {
            let rest = &file[at..];
            let end = rest.iter().position(|b| *b == b'\n')?;
            at += end + 1;
            std::str::from_utf8(&rest[..end]).ok().map(|line| (line, at))
        };
        if line()?.0 != VERSION {
            return None;
        }
        let mut stanzas = Vec::new();
        loop {
            let (text, end) = line()?;
            if let Some(mac) = text.strip_prefix("--- ") {
                let covered = &file[..end - text.len() - 1 + "---".len()];
                return Some(Self { stanzas, covered, mac: unpadded(mac)?, payload: &file[end..] });
            }
            let mut words = text.strip_prefix("-> ")?.split(' ').map(str::to_owned);
            let kind = words.next()?;
            let mut body = String::new();
            loop {
                let (text, _) = line()?;
                body.push_str(text);
                if text.len() < 64 {
                    break;
                }
                if text.len() > 64 {
                    return None;
                }
            }
            stanzas.push(Stanza { kind, args: words.collect(), body: unpadded(&body)? });
            if stanzas.len() > MAX_STANZAS {
                return None;
            }
        }
    }
}

fn mac_of(file_key: &FileKey, covered: &[u8]) -> Hmac<Sha256> {
    let key = hkdf(b"", file_key.as_slice(), b"header");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length is a key");
    mac.update(covered);
    mac
}

/// What an armored file holds. The error says what is wrong with it, or that no key fits.
pub(crate) fn decrypt<'i>(
    text: &str,
    identities: impl Iterator<Item = &'i Identity> + Clone,
) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let file = dearmor(text).ok_or("it is not an armored age file")?;
    let header = Header::parse(&file).ok_or("its age header is broken")?;
    let found =
        header.stanzas.iter().find_map(|stanza| identities.clone().find_map(|identity| identity.unwrap(stanza)));
    let file_key = found.ok_or("no held key fits")?;
    if mac_of(&file_key, header.covered).verify_slice(&header.mac).is_err() {
        return Err("its age header was tampered with");
    }
    let (nonce, payload) = header.payload.split_at_checked(16).ok_or("its age payload is truncated")?;
    let key = hkdf(nonce, file_key.as_slice(), b"payload");
    if payload.len() > CHUNK + 16 {
        return Err("its age payload is too large for a key");
    }
    // The counter of the first chunk, which is the last.
    let last = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    open_with(&key, &last, payload).ok_or("its age payload was tampered with or truncated")
}

/// An armored file for one recipient.
pub(crate) fn encrypt(recipient: &Recipient, plain: &[u8], random: &mut dyn FnMut(&mut [u8])) -> Option<String> {
    let mut file_key: FileKey = Zeroizing::new([0; 16]);
    random(file_key.as_mut_slice());
    let stanza = recipient.wrap(&file_key, random)?;
    let mut file = format!("{VERSION}\n-> {}", stanza.kind);
    for arg in &stanza.args {
        file.push(' ');
        file.push_str(arg);
    }
    file.push('\n');
    let body = to_unpadded(&stanza.body);
    for at in (0..=body.len()).step_by(64) {
        // The last line is shorter than 64, so that its end is seen; it may be empty.
        file.push_str(&body[at..body.len().min(at + 64)]);
        file.push('\n');
    }
    file.push_str("---");
    let mac = mac_of(&file_key, file.as_bytes()).finalize().into_bytes();
    let mut file = format!("{file} {}\n", to_unpadded(&mac)).into_bytes();
    let mut nonce = [0; 16];
    random(&mut nonce);
    file.extend_from_slice(&nonce);
    let key = hkdf(&nonce, file_key.as_slice(), b"payload");
    file.extend(seal_with(&key, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], plain));
    Some(armor(&file))
}
