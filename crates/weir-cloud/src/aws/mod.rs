//! AWS: credentials, signatures, and the key service.

mod arn;
mod own;
mod sign;
mod sts;

pub(crate) use arn::{endpoint, is_account, is_partition, is_region};
pub(crate) use sign::{Credentials, Scope, presigned, sign};

use crate::cache::{Key, Token};
use crate::http::{Ask, take_base64};
use crate::identity::Identity;
use crate::keys::{Held, Keys, account_failed};
use crate::{Cloud, CloudError};
use arn::{is_role, key_region};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, header};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use weir_base::Secret;
use zeroize::Zeroizing;

/// Whom a token of Kubernetes is for.
const AUDIENCE: &str = "sts.amazonaws.com";
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The entry `sops.aws-kms`.
pub(crate) fn entry(name: &str, bytes: &[u8]) -> Result<Arc<Token>, CloudError> {
    let fields = crate::fields::Fields::read(name, bytes)?;
    let session = fields.text("aws_session_token")?;
    let credentials = Credentials {
        access_key_id: fields.text("aws_access_key_id")?.to_string(),
        secret_access_key: Secret::new(fields.text("aws_secret_access_key")?),
        session_token: (!session.is_empty()).then(|| Secret::new(session)),
    };
    Ok(Arc::new(Token { proof: crate::cache::Proof::Aws(credentials), expires: None }))
}

/// Credentials for the services of a region, and what they depend on.
pub(crate) async fn credentials<'a>(keys: &Keys<'a>, region: &str) -> Result<Held<'a>, CloudError> {
    let cloud = keys.cloud;
    if let Some(token) = &keys.statics.aws {
        if token.aws().is_none_or(|c| c.access_key_id.is_empty() || c.secret_access_key.expose().is_empty()) {
            return Err(CloudError::entry(crate::statics::AWS, "static credentials are empty")
                .with_remedy("it needs aws_access_key_id and aws_secret_access_key"));
        }
        return Ok(Held { token: token.clone(), key: Key::of(&["aws", "static", region]), cache: &keys.statics.cache });
    }
    match keys.identity {
        Identity::Controller => {
            let key = Key::of(&["aws", "controller", region]);
            Held::get(&cloud.cache, key, own::token(cloud, region)).await
        }
        Identity::Account { namespace, name } => {
            let role = keys.annotation(ROLE).await?.unwrap_or_default();
            if !is_role(&role) {
                return Err(account_failed(namespace, name, &format!(
                    "invalid {ROLE} annotation: '{role}'. must match ^arn:aws[\\w-]*:iam::[0-9]{{1,30}}:role/.{{1,200}}$"
                ))
                .with_remedy(format!("set the annotation {ROLE} of the ServiceAccount to the role's ARN")));
            }
            let key = Key::of(&["aws", "account", namespace, name, AUDIENCE, &role, region]);
            Held::get(&cloud.cache, key, async {
                let (token, _) = keys.account_token(namespace, name, &[AUDIENCE.to_owned()]).await?;
                let session = format!("{name}.{namespace}.{region}.fluxcd.io");
                sts::with_web_identity(cloud, region, &role, &session, token.expose()).await
            })
            .await
        }
    }
}

/// Credentials of the role that a file names, if it names one.
async fn for_key<'a>(keys: &Keys<'a>, region: &str, role: &str) -> Result<Held<'a>, CloudError> {
    let base = credentials(keys, region).await?;
    if role.is_empty() {
        return Ok(base);
    }
    let key = base.key.under(&["aws", "role", role]);
    let token = base.token.clone();
    Held::get(base.cache, key, async move {
        let own = token.aws().ok_or_else(|| CloudError::entry("aws", "its token is not one of AWS"))?;
        sts::assume_role(keys.cloud, region, role, own).await
    })
    .await
}

/// A data key that KMS decrypts.
pub(crate) struct KmsKey<'a> {
    pub arn: &'a str,
    pub role: &'a str,
    pub context: &'a BTreeMap<String, String>,
    pub enc: &'a str,
}

pub(crate) async fn decrypt(keys: &Keys<'_>, key: KmsKey<'_>) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let region = key_region(key.arn)?;
    let blob = BASE64_STANDARD
        .decode(key.enc)
        .map_err(|_| CloudError::key("AWS KMS", key.arn, "the encrypted data key is not base64"))?;
    let mut body = json!({"KeyId": key.arn, "CiphertextBlob": BASE64_STANDARD.encode(blob)});
    if !key.context.is_empty() {
        body["EncryptionContext"] = json!(key.context);
    }
    let body = Bytes::from(body.to_string());
    let held = for_key(keys, region, key.role).await?;
    match ask(keys.cloud, region, key.arn, &body, &held.token).await {
        Err(error) if error.is_unauthenticated() => {
            held.forget().await;
            let held = for_key(keys, region, key.role).await?;
            ask(keys.cloud, region, key.arn, &body, &held.token).await
        }
        other => other,
    }
}

async fn ask(
    cloud: &Cloud,
    region: &str,
    arn: &str,
    body: &Bytes,
    token: &Token,
) -> Result<Zeroizing<Vec<u8>>, CloudError> {
    let credentials = token.aws().ok_or_else(|| CloudError::entry("aws", "its token is not one of AWS"))?;
    let what = format!("decrypting with the key '{arn}' of AWS KMS");
    let hide = credentials.secrets();
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let url = format!("{}/", endpoint(&cloud.env, "kms", region));
    let scope = Scope { region, service: "kms" };
    let build = || {
        let request = Request::post(&url)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", "TrentService.Decrypt");
        sign(request, body.clone(), credentials, scope, SystemTime::now())
    };
    let mut answer = ask.json(build).await.map_err(|error| match &error {
        CloudError::Refused { refusal, .. } if refusal.code.contains("AccessDenied") => {
            error.with_remedy("the identity needs kms:Decrypt on the key, by its own policy or the key's")
        }
        CloudError::Refused { refusal, .. } if refusal.code.contains("NotFound") => {
            error.with_remedy("the key is not in this account and region, or was deleted")
        }
        CloudError::Refused { refusal, .. } if refusal.code.contains("InvalidCiphertext") => error.with_remedy(
            "the data key was encrypted by another key or with another encryption context, or was changed",
        ),
        _ => error,
    })?;
    take_base64(&mut answer, "Plaintext").ok_or_else(|| ask.bad("it has no Plaintext"))
}
