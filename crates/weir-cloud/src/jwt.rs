//! JSON web tokens: signed by an RSA key, or read without trust.

use crate::identity::SecretText;
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};
use weir_base::{Secret, hex};
use zeroize::Zeroizing;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alg {
    Rs256,
    Ps256,
}

/// An RSA key from PEM: PKCS#8 or PKCS#1, under either name, as Go's libraries take it.
pub(crate) fn rsa_key(pem: &[u8]) -> Result<KeyPair, String> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "there is no private key in it".to_owned())?;
    let der = key.secret_der();
    KeyPair::from_pkcs8(der)
        .or_else(|_| KeyPair::from_der(der))
        .map_err(|_| "it is not an RSA key of 2048 to 8192 bits".to_owned())
}

/// A token with further entries of its header.
pub(crate) fn signed(
    key: &KeyPair,
    alg: Alg,
    mut header: Map<String, Value>,
    claims: &Value,
) -> Result<SecretText, String> {
    header.insert("alg".to_owned(), if alg == Alg::Rs256 { "RS256" } else { "PS256" }.into());
    header.insert("typ".to_owned(), "JWT".into());
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header.into()), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    let padding = if alg == Alg::Rs256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
    key.sign(padding, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| "it cannot sign".to_owned())?;
    Ok(Secret::new(Zeroizing::new(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))))
}

pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Sixteen random bytes, as a text.
pub(crate) fn nonce() -> Result<String, String> {
    let mut bytes = [0; 16];
    fill(&mut bytes).map_err(|_| "there is no randomness".to_owned())?;
    Ok(hex(&bytes))
}

/// The claims of a token, unverified: whoever takes the token verifies it.
fn claims(token: &str) -> Result<Value, String> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("not a JWT".to_owned());
    };
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .map_err(|_| "failed to decode token payload".to_owned())?;
    serde_json::from_slice(&payload).map_err(|_| "failed to unmarshal token payload".to_owned())
}

/// Namespace and name of the ServiceAccount that a token of Kubernetes is for. The token is not verified.
pub fn own_account(token: &str) -> Result<(String, String), String> {
    let claims = claims(token.trim())?;
    let subject = claims["sub"].as_str().unwrap_or_default();
    match subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(format!("unexpected token subject '{subject}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A token that nobody verifies.
    fn unsigned(claims: &Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn the_account_of_a_token_is_its_subject() {
        let of = |subject: &str| own_account(&unsigned(&json!({"sub": subject})));
        assert_eq!(of("system:serviceaccount:apps:deploy"), Ok(("apps".to_owned(), "deploy".to_owned())));
        for bad in ["system:serviceaccount:apps", "system:serviceaccount::x", "user", ""] {
            assert_eq!(of(bad), Err(format!("unexpected token subject '{bad}'")));
        }
        assert_eq!(own_account("a.b"), Err("not a JWT".to_owned()));
        assert_eq!(own_account("a.!.b"), Err("failed to decode token payload".to_owned()));
    }
}
