//! OpenPGP: private keys that decrypt, certificates to encrypt to.

use pgp::composed::{
    ArmorOptions, Deserializable, Message, MessageBuilder, SignedPublicKey, SignedPublicSubKey, SignedSecretKey,
};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{KeyDetails, Password};
use rand::{CryptoRng, RngCore};
use std::io::Read;
use zeroize::Zeroizing;

/// A data key has 32 bytes; what unpacks to more than this is no key.
const MOST: u64 = 4096;
/// The largest file of keys.
const MAX_FILE: usize = 1 << 20;

struct Random<'a>(&'a mut dyn FnMut(&mut [u8]));

impl RngCore for Random<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        (self.0)(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
        (self.0)(dest);
        Ok(())
    }
}

impl CryptoRng for Random<'_> {}

/// As gpg prints it.
pub(crate) fn fingerprint(key: &impl KeyDetails) -> String {
    format!("{:X}", key.fingerprint())
}

/// The private keys of a file, armored or not.
pub(crate) fn secret_keys(bytes: &[u8]) -> Result<Vec<SignedSecretKey>, &'static str> {
    if bytes.len() > MAX_FILE {
        return Err("it is larger than 1 MiB");
    }
    let broken = "it is not an OpenPGP private key";
    let (keys, _) = SignedSecretKey::from_reader_many_buf(bytes).map_err(|_| broken)?;
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|_| broken)?;
    if keys.is_empty() {
        return Err("it holds no OpenPGP private key");
    }
    for key in &keys {
        let subkeys = key.secret_subkeys.iter().map(|subkey| subkey.key.secret_params());
        if subkeys.chain([key.primary_key.secret_params()]).any(|params| params.is_encrypted()) {
            return Err("the private key is protected by a passphrase, which cannot be asked for");
        }
    }
    Ok(keys)
}

/// The certificates of a file, armored or not.
pub(crate) fn certificates(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, &'static str> {
    if bytes.len() > MAX_FILE {
        return Err("it is larger than 1 MiB");
    }
    let broken = "it is not an OpenPGP public key";
    let (keys, _) = SignedPublicKey::from_reader_many_buf(bytes).map_err(|_| broken)?;
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|_| broken)?;
    if keys.is_empty() { Err("it holds no OpenPGP public key") } else { Ok(keys) }
}

/// What an armored message to one of the keys holds.
pub(crate) fn decrypt(text: &str, keys: &[SignedSecretKey]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    if keys.is_empty() {
        return Err("no held key fits");
    }
    let broken = "it is not an armored OpenPGP message";
    let (message, _) = Message::from_armor(text.as_bytes()).map_err(|_| broken)?;
    let empty = Password::empty();
    let opened = message.decrypt_with_keys(vec![&empty], keys.iter().collect());
    let mut opened = opened.map_err(|_| "no held key fits")?;
    let mut depth = 0;
    while opened.is_compressed() {
        depth += 1;
        if depth > 2 {
            return Err("it is packed more than twice");
        }
        opened = opened.decompress().map_err(|_| "it was tampered with or truncated")?;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(64));
    let read = opened.by_ref().take(MOST + 1).read_to_end(&mut plain);
    if read.is_err() {
        return Err("it was tampered with or truncated");
    }
    if plain.len() as u64 > MOST {
        return Err("it is too large for a key");
    }
    Ok(plain)
}

/// An armored message to the newest subkey of a certificate that may encrypt.
pub(crate) fn encrypt(
    key: &SignedPublicKey,
    plain: &[u8],
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<String, &'static str> {
    key.verify_bindings().map_err(|_| "the signatures of its certificate are not right")?;
    let may = |subkey: &&SignedPublicSubKey| {
        subkey.key.algorithm().can_encrypt()
            && subkey.signatures.iter().any(|signature| {
                let flags = signature.key_flags();
                flags.encrypt_comms() || flags.encrypt_storage()
            })
    };
    let newest = key.public_subkeys.iter().filter(may).max_by_key(|subkey| subkey.key.created_at());
    let failed = "the message cannot be made";
    let mut random = Random(random);
    let mut builder =
        MessageBuilder::from_bytes("", plain.to_vec()).seipd_v1(&mut random, SymmetricKeyAlgorithm::AES256);
    match newest {
        Some(subkey) => builder.encrypt_to_key(&mut random, &subkey.key),
        None if key.primary_key.algorithm().can_encrypt() => builder.encrypt_to_key(&mut random, &key.primary_key),
        None => return Err("its certificate has no key that may encrypt"),
    }
    .map_err(|_| failed)?;
    builder.to_armored_string(&mut random, ArmorOptions::default()).map_err(|_| failed)
}
