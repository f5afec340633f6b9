use crate::clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use weir_base::Secret;
use weir_doc::{Map, Node};

/// The administrator's token, and the key that signs the tokens of service accounts.
pub(crate) struct Keys {
    admin: Secret<String>,
    signing: Secret<[u8; 32]>,
}

/// What a service account's token says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub expires: i64,
    pub audiences: Vec<String>,
}

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";

impl Keys {
    pub fn generate() -> Self {
        let token = BASE64.encode(clock::random::<32>());
        Keys { admin: Secret::new(token), signing: Secret::new(clock::random()) }
    }

    pub fn from_parts(admin: String, signing: [u8; 32]) -> Self {
        Keys { admin: Secret::new(admin), signing: Secret::new(signing) }
    }

    pub fn admin_token(&self) -> &str {
        self.admin.expose()
    }

    pub fn signing_key(&self) -> &[u8; 32] {
        self.signing.expose()
    }

    pub fn is_admin(&self, token: &str) -> bool {
        same(token.as_bytes(), self.admin.expose().as_bytes())
    }

    /// A JWT (HS256) that only this sandbox accepts.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut body = Map::new();
        body.insert("aud", claims.audiences.iter().map(|aud| Node::string(aud.as_str())).collect::<Vec<Node>>());
        body.insert("exp", claims.expires);
        body.insert("iss", ISSUER);
        let mut account = Node::map();
        account.set("namespace", claims.namespace.as_str());
        account.ensure_map(&["serviceaccount"]).insert("name", claims.name.as_str());
        account.ensure_map(&["serviceaccount"]).insert("uid", claims.uid.as_str());
        body.insert("kubernetes.io", account);
        body.insert("sub", format!("system:serviceaccount:{}:{}", claims.namespace, claims.name));
        let header = BASE64.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let text = format!("{header}.{}", BASE64.encode(weir_doc::to_json(&Node::from(body))));
        let signature = hmac(self.signing.expose(), text.as_bytes());
        format!("{text}.{}", BASE64.encode(signature))
    }

    /// The claims of a token of ours that has not expired.
    pub fn verify(&self, token: &str, now: i64) -> Option<Claims> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        if !same(&signature, &hmac(self.signing.expose(), text.as_bytes())) {
            return None;
        }
        let body = weir_doc::from_json(&BASE64.decode(text.split_once('.')?.1).ok()?).ok()?;
        let account = body.get("kubernetes.io")?;
        let claims = Claims {
            namespace: account.get("namespace")?.as_str()?.to_owned(),
            name: account.path(&["serviceaccount", "name"])?.as_str()?.to_owned(),
            uid: account.path(&["serviceaccount", "uid"])?.as_str()?.to_owned(),
            expires: body.get("exp")?.as_i64()?,
            audiences: body.get("aud")?.as_seq()?.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
        };
        (claims.expires > now).then_some(claims)
    }
}

/// Compares without telling by the time where the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// HMAC-SHA-256 (RFC 2104) with a key of one block or less.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_matches_rfc_4231() {
        // Test case 2 of RFC 4231: a key padded with zeros is the same key.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hex = weir_base::hex(&hmac(&key, b"what do ya want for nothing?"));
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn tokens_are_verified() {
        let keys = Keys::generate();
        let claims = || Claims {
            namespace: "a".into(),
            name: "b".into(),
            uid: "c".into(),
            expires: 100,
            audiences: vec!["x".into()],
        };
        let token = keys.sign(&claims());
        assert_eq!(keys.verify(&token, 99), Some(claims()));
        assert_eq!(keys.verify(&token, 100), None);
        assert_eq!(Keys::generate().verify(&token, 99), None);
        assert_eq!(keys.verify(&token[1..], 99), None);
    }
}
