//! HashiCorp Vault and OpenBao: keys of the transit engine.
//!
//! The address of a server comes from a tenant's file. Which token is sent to it:
//!
//! | token | whose | goes to |
//! | --- | --- | --- |
//! | `sops.vault-token` of the decryption Secret | the tenant's | any address in the file, but none of this machine or of a metadata server |
//! | that of a login with a token of Kubernetes | the account's | the addresses in the operator's list |
//! | `VAULT_TOKEN` | the controller's | `VAULT_ADDR`, and what begins as an entry of `SOPS_HC_VAULT_ALLOWLIST` |
//!
//! Flux sends `VAULT_TOKEN` to any address that a file names, where there is no list.

mod instances;

pub use instances::VaultInstances;

use crate::cache::{Key, Token};
use crate::http::{Ask, encoded, seconds, take, take_base64};
use crate::identity::Identity;
use crate::keys::{Held, Keys};
use crate::{Cloud, CloudError, Env};
use bytes::Bytes;
use http::{Request, header};
use serde_json::json;
use std::sync::Arc;
use weir_base::Secret;
use weir_net::HttpClient;
use zeroize::Zeroizing;

const VAULT: &str = "Vault";
const ALLOWED: &str = "SOPS_HC_VAULT_ALLOWLIST";

/// A data key that a key of a transit engine decrypts.
pub(crate) struct TransitKey<'a> {
    pub address: &'a str,
    pub engine: &'a str,
    pub key: &'a str,
    pub enc: &'a str,
}

impl TransitKey<'_> {
    fn shown(&self) -> String {
        format!("{}/v1/{}/keys/{}", weir_base::redact_url(self.address), self.engine, self.key)
    }

    fn bad(&self, message: impl Into<String>) -> CloudError {
        CloudError::key(VAULT, &self.shown(), message)
    }

    /// The URL of the request. Neither engine nor key can lead out of `ENGINE/decrypt/KEY`.
    fn url(&self) -> Result<String, CloudError> {
        let engine: Vec<&str> = self.engine.split('/').filter(|part| !part.is_empty()).collect();
        if engine.is_empty() || engine.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(self.bad("the path of its engine is not one"));
        }
        if self.key.is_empty() || self.key.contains('/') || matches!(self.key, "." | "..") {
            return Err(self.bad("the name of the key is not one"));
        }
        let engine: Vec<String> = engine.into_iter().map(encoded).collect();
        Ok(format!("{}/v1/{}/decrypt/{}", base(self.address)?, engine.join("/"), encoded(self.key)))
    }
}

/// An address without a slash at its end.
fn base(address: &str) -> Result<&str, CloudError> {
    let bad = || CloudError::key(VAULT, &weir_base::redact_url(address), "the address has to be http(s)://HOST[:PORT]");
    let uri: http::Uri = address.parse().map_err(|_| bad())?;
    let is_one = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.query().is_none()
        && !address.contains(['#', '?'])
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && !uri.path().split('/').any(|part| part == "..");
    if is_one { Ok(address.trim_end_matches('/')) } else { Err(bad()) }
}

/// What sops's own variable says of an address: `None` where it does not restrict, else whether it is allowed.
fn allowed(env: &Env, address: &str) -> Option<bool> {
    let list = env.get(ALLOWED).filter(|list| *list != "all")?;
    if list == "none" {
        return Some(false);
    }
    let slashed = |text: &str| format!("{}/", text.trim().trim_end_matches('/'));
    Some(
        list.split(',')
            .filter(|entry| !entry.trim().is_empty())
            .any(|entry| slashed(address).starts_with(&slashed(entry))),
    )
}

/// Whether the operator has named this address for the controller's own token.
fn is_own(env: &Env, address: &str) -> bool {
    let same = env.get("VAULT_ADDR").is_some_and(|own| own.trim_end_matches('/') == address.trim_end_matches('/'));
    same || allowed(env, address) == Some(true)
}

/// The token for an address, and over which client it goes.
async fn token<'a>(keys: &Keys<'a>, address: &str) -> Result<(Held<'a>, &'a HttpClient), CloudError> {
    let cloud = keys.cloud;
    let env = &cloud.env;
    let held = |text: &str| Held {
        token: Arc::new(Token::bearer(Secret::new(Zeroizing::new(text.to_owned())), None)),
        key: Key::of(&["vault", "static"]),
        cache: &keys.statics.cache,
    };
    if let Some(token) = &keys.statics.vault {
        // The operator's own server may be on this machine.
        let client = if is_own(env, address) { &cloud.http.vault } else { &cloud.http.vault_routed };
        return Ok((held(token.expose()), client));
    }
    if let Some(list) = keys.vault {
        let path = list.login_path(address)?;
        return Ok((login(keys, address, path).await?, &cloud.http.vault));
    }
    match env.get("VAULT_TOKEN") {
        Some(token) if is_own(env, address) => Ok((held(token), &cloud.http.vault)),
        Some(_) => Err(CloudError::NoCredentials {
            service: VAULT,
            message: format!(
                "the controller's own token is not sent to '{}', which neither VAULT_ADDR nor {ALLOWED} names",
                weir_base::redact_url(address)
            ),
            remedy: "an operator has to name the address there or in the ConfigMap of --sops-vault-configmap, or the \
                     decryption Secret needs the entry sops.vault-token"
                .to_owned(),
        }),
        None => Err(CloudError::NoCredentials {
            service: VAULT,
            message: "the decryption Secret has no entry sops.vault-token, --sops-vault-configmap is not set, and the \
                      controller has no VAULT_TOKEN"
                .to_owned(),
            remedy: "add one of them".to_owned(),
        }),
    }
}

/// A token of Vault for a token of Kubernetes, whose audience is the address and whose role is
/// `NAMESPACE_NAME` of the account.
async fn login<'a>(keys: &Keys<'a>, address: &str, path: &str) -> Result<Held<'a>, CloudError> {
    let cloud = keys.cloud;
    let (namespace, name) = match keys.identity {
        Identity::Account { namespace, name } => (namespace.clone(), name.clone()),
        Identity::Controller => keys.accounts.own().map_err(|why| CloudError::Account {
            message: format!("failed to issue Kubernetes token for Vault authentication: {why}"),
            remedy: None,
        })?,
    };
    let key = Key::of(&["vault", "login", &namespace, &name, address, path]);
    Held::get(&cloud.cache, key, async {
        let (jwt, _) = keys.account_token(&namespace, &name, &[address.to_owned()]).await?;
        let role = format!("{namespace}_{name}");
        let what = format!("authenticating with Vault '{address}' at login path '{path}' as role '{role}'");
        let body = Bytes::from(json!({"role": role, "jwt": jwt.expose().as_str()}).to_string());
        let url = format!("{}/v1/{}", base(address)?, path.trim_matches('/'));
        let hide = [jwt.expose().as_str()];
        let ask = Ask::new(&cloud.http.vault, &what, &hide);
        let build = || request(&cloud.env, &url, None, &body);
        let mut answer = ask.json(build).await.map_err(|error| {
            error.with_remedy(format!(
                "the role '{role}' has to be there and allow the ServiceAccount and the audience '{address}'"
            ))
        })?;
        let mut auth = answer["auth"].take();
        let token = take(&mut auth, "client_token").ok_or_else(|| ask.bad("it has no token"))?;
        let life = seconds(&auth, "lease_duration").filter(|life| !life.is_zero());
        Ok(Token::bearer(Secret::new(token), life.map(|life| std::time::SystemTime::now() + life)))
    })
    .await
}

fn request(env: &Env, url: &str, token: Option<&str>, body: &Bytes) -> http::Result<Request<Bytes>> {
    let mut request =
        Request::put(url).header(header::CONTENT_TYPE, "application/json").header("x-vault-request", "true");
    if let Some(namespace) = env.get("VAULT_NAMESPACE") {
        request = request.header("x-vault-namespace", namespace);
    }
    if let Some(token) = token {
        request = request.header("x-vault-token", token);
    }
    request.body(body.clone())
}

pub(crate) async fn decrypt(keys: &Keys<'_>, key: TransitKey<'_>) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let url = key.url()?;
    if allowed(&keys.cloud.env, key.address) == Some(false) {
        return Err(key.bad(format!("{ALLOWED} of the controller does not allow the address")));
    }
    let body = Bytes::from(json!({"ciphertext": key.enc}).to_string());
    let (held, client) = token(keys, key.address).await?;
    match ask(keys.cloud, client, &key, &url, &body, held.text()?).await {
        // A kept token may have been revoked; the answer is the same as to one without the right.
        Err(error) if error.is_forbidden() && keys.statics.vault.is_none() && keys.vault.is_some() => {
            held.forget().await;
            let (held, client) = token(keys, key.address).await?;
            ask(keys.cloud, client, &key, &url, &body, held.text()?).await
        }
        other => other,
    }
}

async fn ask(
    cloud: &Cloud,
    client: &HttpClient,
    key: &TransitKey<'_>,
    url: &str,
    body: &Bytes,
    token: &str,
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let what = format!("decrypting with the key '{}' of {VAULT}", crate::error::shown(&key.shown()));
    let hide = [token];
    let ask = Ask::new(client, &what, &hide);
    let mut answer = ask.json(|| request(&cloud.env, url, Some(token), body)).await.map_err(|error| match &error {
        CloudError::Refused { refusal, .. } if refusal.status == 403 => error.with_remedy(format!(
            "the token's policy needs the capability update on '{}/decrypt/{}'",
            key.engine.trim_matches('/'),
            key.key
        )),
        CloudError::Refused { refusal, .. } if refusal.status == 404 => error.with_remedy(
            "there is no transit engine at this path, or it has no such key (a namespace is set by VAULT_NAMESPACE)",
        ),
        _ => error,
    })?;
    let mut data = answer["data"].take();
    take_base64(&mut data, "plaintext").ok_or_else(|| ask.bad("it has no plaintext"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_lead_out_of_its_engine() {
        let url = |address: &str, engine: &str, key: &str| TransitKey { address, engine, key, enc: "" }.url();
        assert_eq!(url("https://v:8200/", "a/b c/", "k").expect("a URL"), "https://v:8200/v1/a/b%20c/decrypt/k");
        assert_eq!(
            url("http://v/prefix", "transit", "k#?").expect("a URL"),
            "http://v/prefix/v1/transit/decrypt/k%23%3F"
        );
        for (address, engine, key) in [
            ("https://v", "../sys", "k"),
            ("https://v", "a/./b", "k"),
            ("https://v", "", "k"),
            ("https://v", "a", "../../x"),
            ("https://v", "a", "b/c"),
            ("https://v", "a", ".."),
            ("https://v", "a", ""),
            ("ftp://v", "a", "k"),
            ("v", "a", "k"),
            ("https://user:hunter2@v", "a", "k"),
            ("https://v?x=1", "a", "k"),
        ] {
            let error = url(address, engine, key).expect_err(address).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_controller_s_token_goes_where_the_operator_says() {
        let env = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Env>();
        let addr = env(&[("VAULT_ADDR", "https://v:8200/")]);
        assert!(is_own(&addr, "https://v:8200") && !is_own(&addr, "https://v:8200.evil.example"));
        let list = env(&[(ALLOWED, "https://a, https://b:1/x")]);
        for (address, expected) in [
            ("https://a", true),
            ("https://a/y", true),
            ("https://a.evil.example", false),
            ("https://b:1", false),
            ("https://b:1/x/", true),
        ] {
            assert_eq!((is_own(&list, address), allowed(&list, address)), (expected, Some(expected)), "{address}");
        }
        let all = env(&[(ALLOWED, "all")]);
        assert!(!is_own(&all, "https://a") && allowed(&all, "https://a").is_none());
        assert_eq!(allowed(&env(&[(ALLOWED, "none")]), "https://a"), Some(false));
    }
}
