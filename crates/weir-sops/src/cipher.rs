//! Single values: AES-256-GCM with a nonce of 32 bytes, the path as additional data, the type beside it.

use crate::number;
use crate::time::Time;
use crate::tree::{Comment, Text, Value};
use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadCore, AesGcm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The key that the values of one file are encrypted with; emptied when it is dropped.
#[derive(Clone)]
pub struct DataKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// How much of the stack is emptied with a key: ciphers are made and moved below whoever holds the key, and what is moved
/// is not emptied where it was. Decryption goes less deep, also without optimisation.
const STACK: usize = 64 << 10;

impl Drop for DataKey {
    fn drop(&mut self) {
        #[inline(never)]
        fn empty() {
            let mut below = [0_u8; STACK];
            std::hint::black_box(&mut below);
        }
        empty();
    }
}

impl DataKey {
    /// Of 32 bytes, else `None`. They are on the heap: what is moved on the stack is not emptied where it was.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 32).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The key itself; each call is a place to look at in a review.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.as_slice().try_into().expect("there are 32 bytes since it was made")
    }

    /// Decrypts `ENC[...]`; nothing stands for nothing. The error names no content.
    pub(crate) fn decrypt(&self, text: &[u8], path: &[u8]) -> Result<Value, &'static str> {
        if text.is_empty() {
            return Ok(Value::text(""));
        }
        let sealed = Sealed::parse(text).ok_or("it is not in the form ENC[AES256_GCM,...] that sops writes")?;
        let plain = sealed.open(self, path).ok_or("it does not belong to this data key at this place")?;
        sealed.typed(plain)
    }

    /// Encrypts a value; `nonce` has to be random and new. `None` for what has no form: null and collections.
    pub(crate) fn encrypt(&self, value: &Value, path: &[u8], nonce: &[u8; 32]) -> Option<String> {
        let (kind, plain) = match value {
            Value::Str(text) => ("str", text.clone()),
            Value::Comment(comment) => ("comment", comment.text.clone()),
            Value::Int(_) => ("int", bytes_of(value)?),
            Value::Float(_) => ("float", bytes_of(value)?),
            Value::Bool(_) => ("bool", bytes_of(value)?),
            Value::Time(_) => ("time", bytes_of(value)?),
            Value::Null | Value::Uint(_) | Value::Map(_) | Value::Seq(_) => return None,
        };
        if plain.is_empty() {
            return Some(String::new());
        }
        let mut data = plain;
        let cipher = AesGcm::<Aes256, U32>::new_from_slice(self.expose()).ok()?;
        let nonce_array = Nonce::<AesGcm<Aes256, U32>>::try_from(&nonce[..]).ok()?;
        let tag = cipher.encrypt_inout_detached(&nonce_array, path, data.as_mut_slice().into()).ok()?;
        let (data, nonce, tag) = (STANDARD.encode(&*data), STANDARD.encode(nonce), STANDARD.encode(tag));
        Some(format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:{kind}]"))
    }
}

struct Sealed {
    data: Vec<u8>,
    nonce: Vec<u8>,
    tag: Vec<u8>,
    kind: Vec<u8>,
}

/// Go's decoder passes over line breaks.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return STANDARD.decode(text).ok();
    }
    STANDARD.decode(text.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect::<Vec<u8>>()).ok()
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..found], &text[found + at.len()..]))
}

impl Sealed {
    fn parse(text: &[u8]) -> Option<Self> {
        let rest = text.strip_prefix(b"ENC[AES256_GCM,data:")?;
        let (data, rest) = split(rest, b",iv:")?;
        let (nonce, rest) = split(rest, b",tag:")?;
        let (tag, rest) = split(rest, b",type:")?;
        let kind = &rest[..rest.iter().rposition(|b| *b == b']')?];
        if [data, nonce, tag, kind].iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(Self { data: base64(data)?, nonce: base64(nonce)?, tag: base64(tag)?, kind: kind.to_vec() })
    }

    fn open(&self, key: &DataKey, path: &[u8]) -> Option<Text> {
        match self.nonce.len() {
            32 => self.open_with::<AesGcm<Aes256, U32>>(key, path),
            16 => self.open_with::<AesGcm<Aes256, U16>>(key, path),
            12 => self.open_with::<AesGcm<Aes256, U12>>(key, path),
            _ => None,
        }
    }

    fn open_with<C: AeadInOut + KeyInit + AeadCore>(&self, key: &DataKey, path: &[u8]) -> Option<Text> {
        let cipher = C::new_from_slice(key.expose()).ok()?;
        let mut data = Zeroizing::new(self.data.clone());
        let nonce = Nonce::<C>::try_from(self.nonce.as_slice()).ok()?;
        let tag = Tag::<C>::try_from(self.tag.as_slice()).ok()?;
        cipher.decrypt_inout_detached(&nonce, path, data.as_mut_slice().into(), &tag).ok()?;
        Some(data)
    }

    fn typed(&self, plain: Text) -> Result<Value, &'static str> {
        let text = || std::str::from_utf8(&plain).ok();
        let value = match self.kind.as_slice() {
            b"str" | b"bytes" => return Ok(Value::Str(plain)),
            b"comment" => return Ok(Value::Comment(Comment { text: plain, inline: false })),
            b"int" => text().and_then(|text| text.parse().ok()).map(Value::Int),
            b"float" => text().and_then(number::float_or_special).map(Value::Float),
            b"bool" => match text() {
                Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Some(Value::Bool(true)),
                Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Some(Value::Bool(false)),
                _ => None,
            },
            b"time" => text().and_then(Time::of_rfc3339).map(Value::Time),
            _ => return Err("its type is not known"),
        };
        value.ok_or("its content is not of the type that it says")
    }
}

/// What the MAC takes of a value; `None` for what has no bytes.
pub(crate) fn bytes_of(value: &Value) -> Option<Text> {
    let text = match value {
        Value::Str(text) => return Some(text.clone()),
        Value::Comment(comment) => return Some(comment.text.clone()),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => number::fixed(*n),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Time(time) => time.nanos(),
        Value::Null | Value::Uint(_) | Value::Map(_) | Value::Seq(_) => return None,
    };
    Some(Zeroizing::new(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let key = DataKey::new(&[7; 32]).expect("32 bytes");
        for value in [Value::text("a"), Value::Int(-3), Value::Float(2.5), Value::Bool(true)] {
            let sealed = key.encrypt(&value, b"a:", &[1; 32]).expect("has a form");
            assert_eq!(key.decrypt(sealed.as_bytes(), b"a:"), Ok(value));
            assert!(key.decrypt(sealed.as_bytes(), b"b:").is_err());
        }
        assert_eq!(key.encrypt(&Value::text(""), b"a:", &[1; 32]), Some(String::new()));
        assert_eq!(format!("{key:?}"), "<secret>");
    }
}
