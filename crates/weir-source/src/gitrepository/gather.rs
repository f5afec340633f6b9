//! What is needed and stands elsewhere: the Secrets. They are read in the object's own namespace
//! only, and no message holds a value of theirs.

use super::plan::{Place, Plan};
use super::trouble::Trouble;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use weir_api::{GitRepository, reasons};
use weir_base::Secret;
use weir_git::{Access, ClientCertificate, Login, Proxy, SshIdentity, SshKey};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::Cx;

/// Longest proxy address, as in Flux.
const ADDRESS_LIMIT: usize = 2048;

/// The data of a Secret, and how it is called in messages.
struct Keys {
    shown: String,
    data: BTreeMap<String, Vec<u8>>,
}

/// What the repository's host and the proxy are shown.
pub(super) async fn access(object: &GitRepository, plan: &Plan, cx: &Cx<GitRepository>) -> Result<Access, Trouble> {
    let Place::Network(url) = &plan.place else { return Ok(Access::default()) };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let options = |trouble: Trouble| trouble.within("failed to configure authentication options");
    let mut access = match &plan.secret {
        Some(name) => {
            let found = read(cx, namespace, name).await;
            let keys =
                found.map_err(|trouble| trouble.within(&format!("failed to get secret '{namespace}/{name}'")))?;
            access_of(url, &keys).map_err(options)?
        }
        None if url.starts_with("ssh://") => {
            let message = "spec.secretRef has to name a Secret with 'identity' and 'known_hosts' for an ssh URL";
            return Err(options(bad(message)));
        }
        None => Access::default(),
    };
    if let Some(name) = &plan.proxy_secret {
        let proxy = read(cx, namespace, name).await.and_then(|keys| proxy_of(&keys));
        access.proxy = Some(proxy.map_err(|trouble| trouble.within("failed to configure proxy options"))?);
    }
    Ok(access)
}

async fn read(cx: &Cx<GitRepository>, namespace: &str, name: &str) -> Result<Keys, Trouble> {
    let shown = format!("{namespace}/{name}");
    let id = ObjectId {
        group: String::new(),
        kind: "Secret".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let found = cx.session().get(&ObjectRef { id, version: "v1".to_owned() }).await;
    let node = found.map_err(|error| bad(&error.to_string()))?;
    let Some(node) = node else { return Err(bad(&format!("Secret '{shown}' not found"))) };
    let mut data = BTreeMap::new();
    for (key, value) in node.get("data").and_then(|data| data.as_map()).into_iter().flat_map(|map| map.iter()) {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        let Some(bytes) = bytes else {
            return Err(bad(&format!("key '{}' of Secret '{shown}' is not base64", key.text)));
        };
        data.insert(key.text.to_string(), bytes);
    }
    Ok(Keys { shown, data })
}

impl Keys {
    fn bytes(&self, key: &str) -> Option<&Vec<u8>> {
        self.data.get(key).filter(|value| !value.is_empty())
    }

    fn text(&self, key: &str) -> Result<Option<Secret<String>>, Trouble> {
        let Some(bytes) = self.bytes(key) else { return Ok(None) };
        let text = String::from_utf8(bytes.clone()).map_err(|_| self.wrong(&format!("key '{key}' is not text")))?;
        Ok(Some(Secret::new(text)))
    }

    /// The key by its name, or by the one it had before.
    fn renamed(&self, key: &str, legacy: &str) -> Option<Secret<Vec<u8>>> {
        if self.bytes(key).is_none() && self.bytes(legacy).is_some() {
            tracing::warn!(secret = self.shown, legacy, key, "a key of the Secret has a legacy name");
        }
        self.bytes(key).or_else(|| self.bytes(legacy)).cloned().map(Secret::new)
    }

    fn wrong(&self, what: &str) -> Trouble {
        bad(&format!("Secret '{}': {what}", self.shown))
    }

    /// Both of two keys, or neither.
    fn pair<T>(&self, (one, a): (&str, Option<T>), (other, b): (&str, Option<T>)) -> Result<Option<(T, T)>, Trouble> {
        match (a, b) {
            (Some(a), Some(b)) => Ok(Some((a, b))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.wrong(&format!("key '{one}' is there but '{other}' is missing"))),
            (None, Some(_)) => Err(self.wrong(&format!("key '{other}' is there but '{one}' is missing"))),
        }
    }
}

fn access_of(url: &str, keys: &Keys) -> Result<Access, Trouble> {
    if url.starts_with("ssh://") {
        return ssh_of(keys);
    }
    if keys.bytes("githubAppID").is_some() {
        let message = format!("secretRef '{}' has github app data but provider is not set to github", keys.shown);
        return Err(Trouble::transient(reasons::INVALID_PROVIDER_CONFIGURATION, message));
    }
    let basic = keys.pair(("username", keys.text("username")?), ("password", keys.text("password")?))?;
    let login = match (basic, keys.text("bearerToken")?) {
        (Some(_), Some(_)) => {
            return Err(keys.wrong("'bearerToken' and 'username' with 'password' cannot be used together"));
        }
        (Some((username, password)), None) => Some(Login::Basic { username, password }),
        (None, Some(token)) => Some(Login::Bearer(token)),
        (None, None) => None,
    };
    let certificate =
        keys.pair(("tls.crt", keys.renamed("tls.crt", "certFile")), ("tls.key", keys.renamed("tls.key", "keyFile")))?;
    Ok(Access {
        login,
        authorities: keys.renamed("ca.crt", "caFile"),
        certificate: certificate.map(|(certificate, key)| ClientCertificate { certificate, key }),
        ..Access::default()
    })
}

fn ssh_of(keys: &Keys) -> Result<Access, Trouble> {
    let missing = |key| keys.wrong(&format!("key '{key}' is missing; an ssh URL needs 'identity' and 'known_hosts'"));
    let pem = keys.bytes("identity").ok_or_else(|| missing("identity"))?.clone().into();
    let known_hosts = keys.text("known_hosts")?.ok_or_else(|| missing("known_hosts"))?.into_inner();
    let passphrase = keys.text("password")?;
    let keys = vec![SshKey::Private { pem, passphrase, file: None }];
    Ok(Access { ssh: Some(SshIdentity { keys, known_hosts }), ..Access::default() })
}

fn proxy_of(keys: &Keys) -> Result<Proxy, Trouble> {
    let address = keys.text("address")?.ok_or_else(|| keys.wrong("key 'address' is missing"))?.into_inner();
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    if address.len() > ADDRESS_LIMIT || !matches!(scheme, Some("http" | "https" | "socks5")) {
        return Err(keys.wrong("key 'address' is not an http, https or socks5 URL of at most 2048 characters"));
    }
    let login = match (keys.text("username")?, keys.text("password")?) {
        (None, None) => None,
        (username, password) => {
            let empty = || Secret::new(String::new());
            Some((username.unwrap_or_else(empty), password.unwrap_or_else(empty)))
        }
    };
    Ok(Proxy { address, login })
}

fn bad(message: &str) -> Trouble {
    Trouble::transient(reasons::AUTHENTICATION_FAILED, message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: &str = "https://example.com/a";
    const SSH: &str = "ssh://example.com/a";

    fn keys(data: &[(&str, &str)]) -> Keys {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
        Keys { shown: "apps/git".to_owned(), data }
    }

    #[test]
    fn a_bad_secret_is_explained_without_its_values() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case<'_>] = &[
            (HTTPS, &[("username", "s3cr3t")], "key 'username' is there but 'password' is missing"),
            (HTTPS, &[("password", "s3cr3t"), ("username", "")], "key 'password' is there but 'username' is missing"),
            (
                HTTPS,
                &[("username", "s3cr3t"), ("password", "s3cr3t"), ("bearerToken", "s3cr3t")],
                "'bearerToken' and 'username' with 'password' cannot be used together",
            ),
            (HTTPS, &[("tls.key", "s3cr3t")], "key 'tls.key' is there but 'tls.crt' is missing"),
            (SSH, &[("known_hosts", "x")], "key 'identity' is missing; an ssh URL needs 'identity' and 'known_hosts'"),
            (SSH, &[("identity", "x")], "key 'known_hosts' is missing; an ssh URL needs 'identity' and 'known_hosts'"),
        ];
        for (url, data, expected) in cases {
            let trouble = access_of(url, &keys(data)).expect_err("malformed");
            assert_eq!(trouble.report.message, format!("Secret 'apps/git': {expected}"));
            assert_eq!(trouble.report.reason, "AuthenticationFailed");
        }
    }

    #[test]
    fn the_keys_of_a_github_app_belong_to_its_provider() {
        let trouble = access_of(HTTPS, &keys(&[("githubAppID", "s3cr3t")])).expect_err("another provider");
        assert_eq!(trouble.report.reason, "InvalidProviderConfiguration");
        let expected = "secretRef 'apps/git' has github app data but provider is not set to github";
        assert_eq!(trouble.report.message, expected);
    }

    #[test]
    fn legacy_names_are_read_after_the_new_ones() {
        let access =
            access_of(HTTPS, &keys(&[("caFile", "old"), ("certFile", "c"), ("keyFile", "k")])).expect("is fine");
        assert_eq!(access.authorities, Some(b"old".to_vec().into()));
        assert!(access.certificate.is_some());
        let access = access_of(HTTPS, &keys(&[("caFile", "old"), ("ca.crt", "new")])).expect("is fine");
        assert_eq!(access.authorities, Some(b"new".to_vec().into()));
    }

    #[test]
    fn a_proxy_is_named_by_a_url() {
        let proxy = proxy_of(&keys(&[("address", "http://proxy:3128"), ("username", "u")])).expect("is fine");
        assert_eq!(proxy.login, Some(("u".to_owned().into(), String::new().into())));
        assert!(proxy_of(&keys(&[("address", "proxy:3128")])).is_err());
        assert!(proxy_of(&keys(&[])).is_err());
    }
}
