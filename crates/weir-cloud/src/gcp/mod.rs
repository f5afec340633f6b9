//! Google Cloud: identities and the key service.

mod source;
mod tokens;

pub(crate) use source::Source;
pub(crate) use tokens::{Gke, access_token};

use crate::cache::Key;
use crate::http::{Ask, encoded, post_json, take_base64};
use crate::identity::Identity;
use crate::keys::{Held, Keys, account_failed};
use crate::{Cloud, CloudError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::json;
use zeroize::Zeroizing;

const EMAIL: &str = "iam.gke.io/gcp-service-account";
const PROVIDER: &str = "gcp.auth.fluxcd.io/workload-identity-provider";
const KMS: &str = "GCP KMS";

/// An access token of the controller or of an account.
pub(crate) async fn token<'a>(keys: &Keys<'a>) -> Result<Held<'a>, CloudError> {
    let cloud = keys.cloud;
    let Identity::Account { namespace, name } = keys.identity else {
        return Held::get(&cloud.cache, Key::of(&["gcp", "controller"]), tokens::own(cloud)).await;
    };
    let invalid = |annotation: &str, value: &str, pattern: &str| {
        account_failed(namespace, name, &format!("invalid {annotation} annotation: '{value}'. must match {pattern}"))
    };
    let email = keys.annotation(EMAIL).await?;
    if let Some(email) = email.as_deref().filter(|email| !is_email(email)) {
        let pattern = r"^[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com$";
        return Err(invalid(EMAIL, email, pattern));
    }
    let provider = keys.annotation(PROVIDER).await?;
    if let Some(provider) = provider.as_deref().filter(|provider| !is_provider(provider)) {
        let pattern = r"^projects/\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}$";
        return Err(invalid(PROVIDER, provider, pattern));
    }
    // Outside of GKE the provider is the audience of both; within, the pool and the cluster are.
    let (asked, audience) = match provider {
        Some(provider) => {
            let audience = format!("//iam.googleapis.com/{provider}");
            (audience.clone(), audience)
        }
        None => {
            let gke = cloud.gke.get_or_try_init(|| tokens::gke(cloud)).await?;
            (gke.pool.clone(), gke.audience.clone())
        }
    };
    let email = email.as_deref();
    let scopes = tokens::SCOPES.join(",");
    let key = Key::of(&["gcp", "account", namespace, name, &asked, &audience, email.unwrap_or_default(), &scopes]);
    Held::get(&cloud.cache, key, async {
        let (token, _) = keys.account_token(namespace, name, &[asked]).await?;
        tokens::for_account(cloud, &audience, token.expose(), email).await
    })
    .await
}

fn is_email(text: &str) -> bool {
    let is_name = |part: &str| {
        (1..=100).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.strip_suffix(".iam.gserviceaccount.com")
        .and_then(|rest| rest.split_once('@'))
        .is_some_and(|(name, project)| is_name(name) && is_name(project))
}

fn is_provider(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let ["projects", number, "locations", "global", "workloadIdentityPools", pool, "providers", provider] = parts[..]
    else {
        return false;
    };
    let is_named = |part: &str| (1..=100).contains(&part.chars().count());
    (1..=30).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && is_named(pool)
        && is_named(provider)
}

/// `projects/P/locations/L/keyRings/R/cryptoKeys/K`, encoded for a path.
fn key_path(resource: &str) -> Result<String, CloudError> {
    let parts: Vec<&str> = resource.split('/').collect();
    let is_key = matches!(parts[..], ["projects", p, "locations", l, "keyRings", r, "cryptoKeys", k]
        if ![p, l, r, k].iter().any(|part| matches!(*part, "" | "." | "..")));
    if !is_key {
        let message = format!("no valid resource ID found in '{}'", crate::error::shown(resource));
        return Err(CloudError::key(KMS, resource, message));
    }
    Ok(parts.into_iter().map(encoded).collect::<Vec<_>>().join("/"))
}

/// Where KMS is; an operator may name another place, as for sops.
fn endpoint(cloud: &Cloud) -> String {
    if let Some(own) = &cloud.endpoints.gcp_kms {
        return own.trim_end_matches('/').to_owned();
    }
    match (cloud.env.get("SOPS_GCP_KMS_ENDPOINT"), cloud.env.get("SOPS_GCP_KMS_UNIVERSE_DOMAIN")) {
        (Some(host), _) => format!("https://{}", host.trim_start_matches("https://").trim_end_matches('/')),
        (None, Some(domain)) => format!("https://cloudkms.{domain}"),
        (None, None) => "https://cloudkms.googleapis.com".to_owned(),
    }
}

async fn for_keys<'a>(keys: &Keys<'a>) -> Result<Held<'a>, CloudError> {
    match &keys.statics.gcp {
        Some(source) => {
            let key = Key::of(&["gcp", "static"]);
            Held::get(&keys.statics.cache, key, tokens::by_entry(keys.cloud, source)).await
        }
        None => token(keys).await,
    }
}

pub(crate) async fn decrypt(keys: &Keys<'_>, resource: &str, enc: &str) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let path = key_path(resource)?;
    let blob = BASE64_STANDARD
        .decode(enc)
        .map_err(|_| CloudError::key(KMS, resource, "the encrypted data key is not base64"))?;
    let body = Bytes::from(json!({"ciphertext": BASE64_STANDARD.encode(blob)}).to_string());
    let url = format!("{}/v1/{path}:decrypt", endpoint(keys.cloud));
    let held = for_keys(keys).await?;
    match ask(keys.cloud, resource, &url, &body, held.text()?).await {
        Err(error) if error.is_unauthenticated() => {
            held.forget().await;
            ask(keys.cloud, resource, &url, &body, for_keys(keys).await?.text()?).await
        }
        other => other,
    }
}

async fn ask(
    cloud: &Cloud,
    resource: &str,
    url: &str,
    body: &Bytes,
    token: &str,
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let what = format!("decrypting with the key '{resource}' of {KMS}");
    let hide = [token];
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let mut answer = ask.json(|| post_json(url, token, body)).await.map_err(|error| match &error {
        CloudError::Refused { refusal, .. } if refusal.status == 403 => {
            error.with_remedy("the identity needs the role roles/cloudkms.cryptoKeyDecrypter on the key")
        }
        CloudError::Refused { refusal, .. } if refusal.status == 404 => {
            error.with_remedy("there is no such key, or the identity may not see it")
        }
        _ => error,
    })?;
    take_base64(&mut answer, "plaintext").ok_or_else(|| ask.bad("it has no plaintext"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_forms_of_flux_and_sops() {
        assert!(
            key_path("projects/p/locations/global/keyRings/r/cryptoKeys/k?x")
                .is_ok_and(|path| path.ends_with("/k%3Fx"))
        );
        for bad in [
            "",
            "projects/p",
            "projects/p/locations/l/keyRings/../cryptoKeys/k",
            "/projects/p/locations/l/keyRings/r/cryptoKeys/k",
        ] {
            assert!(key_path(bad).is_err(), "{bad}");
        }
        assert!(
            is_email("a-1@p-2.iam.gserviceaccount.com")
                && !is_email("a@p.example.com")
                && !is_email("a/../b@p.iam.gserviceaccount.com")
        );
        assert!(is_provider("projects/1/locations/global/workloadIdentityPools/a/providers/b"));
        assert!(!is_provider("projects/x/locations/global/workloadIdentityPools/a/providers/b"));
    }
}
