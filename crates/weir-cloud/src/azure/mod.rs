//! Azure: identities of Entra ID, and Key Vault.

mod entra;
mod entry;

pub(crate) use entry::Entry;

use crate::cache::Key;
use crate::http::{Ask, encoded, post_json, take};
use crate::identity::Identity;
use crate::keys::{Held, Keys, account_failed};
use crate::{Cloud, CloudError};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::json;
use zeroize::Zeroizing;

const AUDIENCE: &str = "api://AzureADTokenExchange";
const TENANT: &str = "azure.workload.identity/tenant-id";
const CLIENT: &str = "azure.workload.identity/client-id";
const KEY_VAULT: &str = "Azure Key Vault";

/// Of the client that sops 3.13 has.
const API_VERSION: &str = "2025-07-01";

/// The domains of vaults and hardware modules in each cloud; a vault is `NAME.DOMAIN`, and a token
/// for it is one for `https://DOMAIN`.
const DOMAINS: [&str; 8] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "vault.microsoftazure.de",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
    "managedhsm.microsoftazure.de",
];

/// An access token for a scope, of the controller or of an account.
pub(crate) async fn token<'a>(keys: &Keys<'a>, scope: &str) -> Result<Held<'a>, CloudError> {
    let cloud = keys.cloud;
    let Identity::Account { namespace, name } = keys.identity else {
        return Held::get(&cloud.cache, Key::of(&["azure", "controller", scope]), entra::own(cloud, scope)).await;
    };
    let absent = |what: &str, annotation: &str| {
        let why = format!("azure {what} is not set in the service account annotation {annotation}");
        account_failed(namespace, name, &why)
            .with_remedy(format!("set the annotation {annotation} of the ServiceAccount"))
    };
    let tenant = keys.annotation(TENANT).await?.ok_or_else(|| absent("tenant ID", TENANT))?;
    let client = keys.annotation(CLIENT).await?.ok_or_else(|| absent("client ID", CLIENT))?;
    let key = Key::of(&["azure", "account", namespace, name, AUDIENCE, &tenant, &client, scope]);
    Held::get(&cloud.cache, key, async {
        let (token, _) = keys.account_token(namespace, name, &[AUDIENCE.to_owned()]).await?;
        entra::federated(cloud, &tenant, &client, &token, scope).await
    })
    .await
}

/// A data key that a key of a vault decrypts.
pub(crate) struct VaultKey<'a> {
    pub vault: &'a str,
    pub name: &'a str,
    pub version: &'a str,
    pub enc: &'a str,
}

/// The vault's address without a slash at its end, and the domain that it is on. A vault comes from a
/// tenant's file: a token for Key Vault is sent to hosts of Key Vault only.
fn vault(url: &str) -> Result<(&str, &'static str), CloudError> {
    let bad = |why: &str| CloudError::key(KEY_VAULT, url, why);
    let base = url.strip_suffix('/').unwrap_or(url);
    let host = base.strip_prefix("https://").ok_or_else(|| bad("the vault's URL has to begin with https://"))?;
    let host = host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
    let found = DOMAINS.into_iter().find_map(|domain| Some((host.strip_suffix(domain)?.strip_suffix('.')?, domain)));
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match found {
        Some((name, domain)) if is_name(name) => Ok((base, domain)),
        _ => Err(bad("its host is not a vault: NAME.vault.azure.net, or the same in another of Azure's clouds")),
    }
}

async fn for_keys<'a>(keys: &Keys<'a>, scope: &str) -> Result<Held<'a>, CloudError> {
    match &keys.statics.azure {
        Some(entry) => {
            let key = Key::of(&["azure", "static", scope]);
            Held::get(&keys.statics.cache, key, entra::by_entry(keys.cloud, entry, scope)).await
        }
        None => token(keys, scope).await,
    }
}

pub(crate) async fn decrypt(keys: &Keys<'_>, key: VaultKey<'_>) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let (base, domain) = vault(key.vault)?;
    let shown = format!("{}/keys/{}/{}", key.vault, key.name, key.version);
    let is_part = |part: &str| !matches!(part, "." | "..");
    if key.name.is_empty() || !is_part(key.name) || !is_part(key.version) {
        return Err(CloudError::key(KEY_VAULT, &shown, "it has no name"));
    }
    let blob = BASE64_URL_SAFE_NO_PAD
        .decode(key.enc)
        .map_err(|_| CloudError::key(KEY_VAULT, &shown, "the encrypted data key is not base64 of URLs"))?;
    let body = json!({"alg": "RSA-OAEP-256", "value": BASE64_URL_SAFE_NO_PAD.encode(blob)});
    let body = Bytes::from(body.to_string());
    let version = if key.version.is_empty() { String::new() } else { format!("/{}", encoded(key.version)) };
    let url = format!("{base}/keys/{}{version}/decrypt?api-version={API_VERSION}", encoded(key.name));
    let scope = format!("https://{domain}/.default");
    let held = for_keys(keys, &scope).await?;
    match ask(keys.cloud, &shown, &url, &body, held.text()?).await {
        Err(error) if error.is_unauthenticated() => {
            held.forget().await;
            ask(keys.cloud, &shown, &url, &body, for_keys(keys, &scope).await?.text()?).await
        }
        other => other,
    }
}

async fn ask(
    cloud: &Cloud,
    shown: &str,
    url: &str,
    body: &Bytes,
    token: &str,
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let what = format!("decrypting with the key '{}' of {KEY_VAULT}", crate::error::shown(shown));
    let hide = [token];
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let url = cloud.endpoints.moved(&cloud.endpoints.azure_vault, url);
    let mut answer = ask.json(|| post_json(&url, token, body)).await.map_err(|error| match &error {
        CloudError::Refused { refusal, .. } if refusal.status == 403 => error.with_remedy(
            "the identity needs the key permission decrypt by an access policy, or the role Key Vault Crypto User; the \
             vault's firewall has to let the cluster in",
        ),
        CloudError::Refused { refusal, .. } if refusal.status == 404 => {
            error.with_remedy("there is no such key or version in the vault")
        }
        _ => error,
    })?;
    let value = take(&mut answer, "value").ok_or_else(|| ask.bad("it has no value"))?;
    let value = value.trim_end_matches('=');
    BASE64_URL_SAFE_NO_PAD.decode(value).map(Zeroizing::new).map_err(|_| ask.bad("its value is not base64 of URLs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_on_a_domain_of_key_vault() {
        for (url, domain) in [
            ("https://a-1.vault.azure.net", "vault.azure.net"),
            ("https://A.Vault.Azure.net/", "vault.azure.net"),
            ("https://a.vault.azure.net:443", "vault.azure.net"),
            ("https://a.vault.azure.cn/", "vault.azure.cn"),
            ("https://a.managedhsm.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"),
        ] {
            assert_eq!(vault(url).expect("a vault").1, domain, "{url}");
        }
        for url in [
            "http://a.vault.azure.net",
            "https://vault.azure.net",
            "https://a.vault.azure.net.evil.example",
            "https://evil.example/.vault.azure.net",
            "https://evil.example#.vault.azure.net",
            "https://evil.example?a.vault.azure.net",
            "https://evil@a.vault.azure.net",
            "https://a.b.vault.azure.net",
            "https://evilvault.azure.net",
            "https://a.vault.azure.net:8443",
            "https://a.vault.azure.net/x",
        ] {
            assert!(vault(url).is_err(), "{url}");
        }
    }
}
