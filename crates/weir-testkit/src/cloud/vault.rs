use super::http::{Asked, CloudServer, Said};
use super::jwt::Issuer;
use crate::Authority;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct State {
    /// Tokens, and the path that each may be used for.
    tokens: Vec<(String, String)>,
    /// Roles: name, the account's subject, the path that its tokens may be used for.
    roles: Vec<(String, String, String)>,
    namespace: String,
    logins: usize,
}

/// Vault or OpenBao: logins by a token of Kubernetes at `auth/kubernetes/login`, and transit engines at any path.
pub struct Vault {
    pub server: CloudServer,
    state: Arc<Mutex<State>>,
}

impl Vault {
    /// Over TLS with a certificate of the authority, if one is given. Tokens of Kubernetes have the server's own address
    /// as their audience.
    pub fn start(issuer: &Issuer, authority: Option<&Authority>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, issuer) = (state.clone(), issuer.clone());
        let scheme = if authority.is_some() { "https" } else { "http" };
        let server = CloudServer::start(authority.map(Authority::open_server), move |asked| {
            let mut state = shared.lock().unwrap();
            if asked.method != "PUT" || asked.header("x-vault-request") != "true" {
                return refuse(405, "unsupported operation");
            }
            if asked.header("x-vault-namespace") != state.namespace {
                return refuse(404, "no handler for route");
            }
            match asked.path().strip_prefix("/v1/") {
                Some("auth/kubernetes/login") => {
                    state.login(asked, &format!("{scheme}://{}", asked.header("host")), &issuer)
                }
                Some(path) => state.decrypt(asked, path),
                None => refuse(404, "no handler for route"),
            }
        });
        Self { server, state }
    }

    /// A token for one path, such as `transit/decrypt/sops`.
    pub fn token(&self, path: &str) -> String {
        self.state.lock().unwrap().give(path)
    }

    pub fn role(&self, name: &str, subject: &str, path: &str) {
        self.state.lock().unwrap().roles.push((name.to_owned(), subject.to_owned(), path.to_owned()));
    }

    /// The one namespace that there is.
    pub fn in_namespace(&self, namespace: &str) {
        self.state.lock().unwrap().namespace = namespace.to_owned();
    }

    pub fn revoke_all(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    pub fn logins(&self) -> usize {
        self.state.lock().unwrap().logins
    }

    /// What a SOPS file would have for a data key; `path` as in [`Self::token`].
    pub fn encrypt(&self, path: &str, plain: &[u8]) -> String {
        format!("vault:v1:{}", BASE64_STANDARD.encode(json!({"path": path, "plain": plain}).to_string()))
    }
}

fn refuse(status: u16, why: &str) -> Said {
    Said::json(status, &json!({"errors": [why]}))
}

impl State {
    fn give(&mut self, path: &str) -> String {
        let token = format!("hvs.{}-{path}", self.tokens.len() + self.logins * 100);
        self.tokens.push((token.clone(), path.to_owned()));
        token
    }

    fn login(&mut self, asked: &Asked, address: &str, issuer: &Issuer) -> Said {
        self.logins += 1;
        let body = asked.json();
        let jwt = body["jwt"].as_str().unwrap_or_default();
        let subject = issuer.subject(jwt, address);
        let role = self.roles.iter().find(|(name, own, _)| body["role"] == **name && subject.as_ref() == Some(own));
        let Some((_, _, path)) = role.cloned() else {
            return refuse(400, &format!("invalid role name or token {jwt}"));
        };
        let token = self.give(&path);
        Said::json(200, &json!({"auth": {"client_token": token, "lease_duration": 3600, "renewable": true}}))
    }

    fn decrypt(&mut self, asked: &Asked, path: &str) -> Said {
        let token = asked.header("x-vault-token");
        if !self.tokens.iter().any(|(own, of)| own == token && of == path) {
            return refuse(403, &format!("permission denied for {token}"));
        }
        let ciphertext = asked.json()["ciphertext"].as_str().unwrap_or_default().to_owned();
        let blob = BASE64_STANDARD.decode(ciphertext.strip_prefix("vault:v1:").unwrap_or_default()).unwrap_or_default();
        match serde_json::from_slice::<Value>(&blob) {
            Ok(inner) if inner["path"] == path => {
                let plain: Vec<u8> = serde_json::from_value(inner["plain"].clone()).unwrap();
                Said::json(200, &json!({"data": {"plaintext": BASE64_STANDARD.encode(plain)}}))
            }
            _ => refuse(400, "cipher: message authentication failed"),
        }
    }
}
