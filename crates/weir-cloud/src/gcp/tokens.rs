//! Access tokens of Google, by each of the ways to one.

use super::source::{External, Source, Subject};
use crate::cache::{Now, Token};
use crate::http::{Ask, FORM, METADATA_WITHIN, encoded, form, post_json, seconds, take};
use crate::identity::SecretText;
use crate::jwt::{Alg, signed, unix};
use crate::{Cloud, CloudError, env};
use bytes::Bytes;
use http::{Request, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;
use weir_base::Secret;
use zeroize::Zeroizing;

/// What Flux asks for with workload identity.
pub(crate) const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"];

/// What the client of KMS asks for with a key file.
const KMS_SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloudkms"];

const STS: &str = "https://sts.googleapis.com/v1/token";

/// By a file of credentials.
pub(crate) async fn by_source(cloud: &Cloud, source: &Source, scopes: &[&str]) -> Result<Token, CloudError> {
    match source {
        Source::ServiceAccount { email, key_id, key, token_uri } => {
            let now = unix(Now::read().wall);
            let mut header = Map::new();
            header.insert("kid".to_owned(), key_id.as_str().into());
            let claims = json!({
                "iss": email, "scope": scopes.join(" "), "aud": token_uri, "iat": now.saturating_sub(10), "exp": now + 3590,
            });
            let assertion =
                signed(key, Alg::Rs256, header, &claims).map_err(|why| CloudError::entry("private_key", why))?;
            let what = format!("getting a token for the service account '{email}' from Google");
            let pairs = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.expose().as_str()),
            ];
            let url = cloud.endpoints.moved(&cloud.endpoints.gcp_token, token_uri);
            granted(cloud, &what, &url, &pairs, &[assertion.expose()])
                .await
                .map_err(|error| error.with_remedy("the key may have been deleted, or the service account disabled"))
        }
        Source::AuthorizedUser { client_id, client_secret, refresh_token } => {
            let pairs = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", client_secret.expose().as_str()),
                ("refresh_token", refresh_token.expose().as_str()),
            ];
            let url = cloud.endpoints.moved(&cloud.endpoints.gcp_token, "https://oauth2.googleapis.com/token");
            let hide = [client_secret.expose().as_str(), refresh_token.expose().as_str()];
            granted(cloud, "refreshing a user's token at Google", &url, &pairs, &hide).await
        }
        Source::External(external) => {
            let subject = subject(cloud, external).await?;
            let federated = Federated {
                audience: &external.audience,
                subject: subject.expose(),
                subject_type: &external.subject_token_type,
                token_url: &external.token_url,
                impersonation_url: external.impersonation_url.as_deref(),
            };
            federate(cloud, &federated, scopes).await
        }
    }
}

/// What a static entry is asked for.
pub(crate) async fn by_entry(cloud: &Cloud, source: &Source) -> Result<Token, CloudError> {
    by_source(cloud, source, &KMS_SCOPES).await
}

/// The token of Kubernetes, or of another issuer, and what it is exchanged for.
pub(crate) struct Federated<'a> {
    pub audience: &'a str,
    pub subject: &'a str,
    pub subject_type: &'a str,
    pub token_url: &'a str,
    pub impersonation_url: Option<&'a str>,
}

pub(crate) const SUBJECT_JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// For a token of an account of Kubernetes, as the Google service account of an address if one is given.
pub(crate) async fn for_account(
    cloud: &Cloud,
    audience: &str,
    token: &str,
    email: Option<&str>,
) -> Result<Token, CloudError> {
    let url = email.map(|email| {
        format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken")
    });
    let federated = Federated {
        audience,
        subject: token,
        subject_type: SUBJECT_JWT,
        token_url: STS,
        impersonation_url: url.as_deref(),
    };
    federate(cloud, &federated, &SCOPES).await
}

async fn federate(cloud: &Cloud, federated: &Federated<'_>, scopes: &[&str]) -> Result<Token, CloudError> {
    let is_impersonated = federated.impersonation_url.is_some();
    // The federated token of somebody who becomes another serves for nothing else.
    let scope = if is_impersonated { SCOPES[0].to_owned() } else { scopes.join(" ") };
    let pairs = [
        ("audience", federated.audience),
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("scope", &scope),
        ("subject_token", federated.subject),
        ("subject_token_type", federated.subject_type),
    ];
    let url = cloud.endpoints.moved(&cloud.endpoints.gcp_sts, federated.token_url);
    let what = format!("exchanging a token for the audience '{}' at Google's STS", federated.audience);
    let token = granted(cloud, &what, &url, &pairs, &[federated.subject]).await.map_err(|error| {
        error.with_remedy("the workload identity pool has to trust the cluster's issuer and the audience")
    })?;
    match (federated.impersonation_url, token.text()) {
        (Some(url), Some(text)) => impersonate(cloud, url, text, scopes).await,
        _ => Ok(token),
    }
}

async fn impersonate(cloud: &Cloud, url: &str, token: &str, scopes: &[&str]) -> Result<Token, CloudError> {
    let account = url.rsplit('/').next().unwrap_or_default().trim_end_matches(":generateAccessToken");
    let what = format!("becoming the service account '{account}' of Google");
    let body = Bytes::from(json!({"lifetime": "3600s", "scope": scopes}).to_string());
    let url = cloud.endpoints.moved(&cloud.endpoints.gcp_iam, url);
    let hide = [token];
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let mut answer = ask.json(|| post_json(&url, token, &body)).await.map_err(|error| {
        error.with_remedy(
            "the ServiceAccount needs the role roles/iam.workloadIdentityUser on the service account of Google",
        )
    })?;
    let text = take(&mut answer, "accessToken").ok_or_else(|| ask.bad("it has no accessToken"))?;
    let expires = answer["expireTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    Ok(Token::bearer(Secret::new(text), Some(expires.ok_or_else(|| ask.bad("expireTime is not a time"))?.into())))
}

async fn granted(
    cloud: &Cloud,
    what: &str,
    url: &str,
    pairs: &[(&str, &str)],
    hide: &[&str],
) -> Result<Token, CloudError> {
    let body = form(pairs);
    let ask = Ask::new(&cloud.http.open, what, hide);
    let answer = ask.json(|| Request::post(url).header(header::CONTENT_TYPE, FORM).body(body.clone())).await?;
    access_token(&ask, answer)
}

pub(crate) fn access_token(ask: &Ask<'_>, mut answer: Value) -> Result<Token, CloudError> {
    let text = take(&mut answer, "access_token").ok_or_else(|| ask.bad("it has no access_token"))?;
    let life = seconds(&answer, "expires_in").unwrap_or(Duration::from_secs(3600));
    Ok(Token::bearer(Secret::new(text), Some(Now::read().wall + life)))
}

/// What another issuer gave to the operator.
async fn subject(cloud: &Cloud, external: &External) -> Result<SecretText, CloudError> {
    let text = match &external.subject {
        Subject::File(path) => env::read("credential_source", path).await?,
        Subject::Url { url, headers } => {
            let ask = Ask::new(&cloud.http.open, "getting the subject's token for Google's STS", &[]);
            let reply = ask
                .send(|| {
                    let mut request = Request::get(url);
                    for (name, value) in headers {
                        request = request.header(name, value);
                    }
                    request.body(Bytes::new())
                })
                .await?;
            let text = std::str::from_utf8(&reply.body).map_err(|_| ask.bad("it is not text"))?;
            Secret::new(Zeroizing::new(text.trim().to_owned()))
        }
    };
    let Some(field) = &external.field else { return Ok(text) };
    let bad = || CloudError::entry("credential_source", format!("there is no text in the field '{field}'"));
    let mut json: Value = serde_json::from_str(text.expose()).map_err(|_| bad())?;
    take(&mut json, field).map(Secret::new).ok_or_else(bad)
}

/// Where the metadata server is.
fn metadata_host(cloud: &Cloud) -> &str {
    cloud.env.get("GCE_METADATA_HOST").unwrap_or("169.254.169.254")
}

async fn metadata(cloud: &Cloud, what: &str, path: &str) -> Result<Zeroizing<String>, CloudError> {
    let mut ask = Ask::new(&cloud.http.direct, what, &[]);
    ask.within = METADATA_WITHIN;
    let url = format!("http://{}/computeMetadata/v1/{path}", metadata_host(cloud));
    let reply = ask.send(|| Request::get(&url).header("metadata-flavor", "Google").body(Bytes::new())).await;
    let none = |why: &str| CloudError::NoCredentials {
        service: "GCP",
        message: format!("GOOGLE_APPLICATION_CREDENTIALS is not set, and the metadata server {why}"),
        remedy: "add the entry sops.gcp-kms to the decryption Secret, set decryption.serviceAccountName, or give the \
                 controller's ServiceAccount a workload identity"
            .to_owned(),
    };
    let reply = reply.map_err(|error| error.of_metadata(none))?;
    // Somebody else may answer at that address.
    if reply.headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
        return Err(none("is not one of Google"));
    }
    let text = std::str::from_utf8(&reply.body).map_err(|_| ask.bad("it is not text"))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The controller's own token.
pub(crate) async fn own(cloud: &Cloud) -> Result<Token, CloudError> {
    const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
    if let Some(text) = cloud.env.file(FILE).await? {
        let source = Source::of_operator(FILE, text.expose().as_bytes())?;
        return by_source(cloud, &source, &SCOPES).await;
    }
    let what = "getting a token from Google's metadata server";
    let path = format!("instance/service-accounts/default/token?scopes={}", encoded(&SCOPES.join(",")));
    let text = metadata(cloud, what, &path).await?;
    let ask = Ask::new(&cloud.http.direct, what, &[]);
    access_token(&ask, serde_json::from_str(&text).map_err(|_| ask.bad("it is not JSON"))?)
}

/// What the metadata server says of a cluster of GKE.
#[derive(Clone, Debug)]
pub(crate) struct Gke {
    pub pool: String,
    /// The audience at Google's STS.
    pub audience: String,
}

pub(crate) async fn gke(cloud: &Cloud) -> Result<Gke, CloudError> {
    let get = async |path: &str, what: &str| {
        let asked = format!("getting the GKE cluster {what} from the metadata service");
        let value = metadata(cloud, &asked, path).await.map_err(|error| {
            let message = format!("failed to get GKE cluster {what} from the metadata service: {error}");
            let remedy =
                "outside of GKE the ServiceAccount needs the annotation gcp.auth.fluxcd.io/workload-identity-provider";
            CloudError::Account { message, remedy: Some(remedy.to_owned()) }
        })?;
        Ok::<String, CloudError>(value.to_string())
    };
    let project = get("project/project-id", "project ID").await?;
    let location = get("instance/attributes/cluster-location", "location").await?;
    let name = get("instance/attributes/cluster-name", "name").await?;
    let pool = format!("{project}.svc.id.goog");
    let provider =
        format!("https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}");
    Ok(Gke { audience: format!("identitynamespace:{pool}:{provider}"), pool })
}
