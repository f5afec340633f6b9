use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// An RSA key, and who verifies with its public half.
#[derive(Clone)]
pub struct Rsa(Arc<KeyPair>);

impl Rsa {
    pub fn new() -> Self {
        Self(Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    /// Of a private key in PKCS#8.
    pub fn of(pkcs8: &[u8]) -> Self {
        Self(Arc::new(KeyPair::from_pkcs8(pkcs8).unwrap()))
    }

    pub fn pkcs8(&self) -> Vec<u8> {
        AsDer::<Pkcs8V1Der>::as_der(&*self.0).unwrap().as_ref().to_vec()
    }

    /// The private key as PEM.
    pub fn pem(&self) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(self.pkcs8()))
    }

    pub fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Header and claims of a token that this key has signed and that has not run out.
    pub fn verified(&self, token: &str) -> Option<(Value, Value)> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let read = |part: &str| serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = (read(header)?, read(claims)?);
        let algorithm: &'static dyn aws_lc_rs::signature::VerificationAlgorithm = match header["alg"].as_str()? {
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            "PS256" => &RSA_PSS_2048_8192_SHA256,
            _ => return None,
        };
        let key = UnparsedPublicKey::new(algorithm, self.0.public_key().as_ref());
        key.verify(text.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let is_now = claims["exp"].as_u64()? > now
            && claims["nbf"].as_u64().or(claims["iat"].as_u64()).is_some_and(|begin| begin <= now + 1);
        is_now.then_some((header, claims))
    }
}

impl Default for Rsa {
    fn default() -> Self {
        Self::new()
    }
}

/// The issuer of a cluster's ServiceAccount tokens.
#[derive(Clone, Default)]
pub struct Issuer(Rsa);

impl Issuer {
    pub fn new() -> Self {
        Self::default()
    }

    /// As a TokenRequest gives it, for an hour.
    pub fn token(&self, namespace: &str, name: &str, audiences: &[String]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let subject = format!("system:serviceaccount:{namespace}:{name}");
        self.0.sign(&json!({"sub": subject, "aud": audiences, "nbf": now, "iat": now, "exp": now + 3600}))
    }

    /// The subject of a token that it has issued for an audience.
    pub fn subject(&self, token: &str, audience: &str) -> Option<String> {
        let (_, claims) = self.0.verified(token)?;
        let is_for = claims["aud"].as_array()?.iter().any(|own| own == audience);
        is_for.then(|| claims["sub"].as_str().unwrap_or_default().to_owned())
    }
}
