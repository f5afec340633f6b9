//! Access tokens of Microsoft Entra ID.

use super::entry::{Certificate, Entry, check_authority, check_tenant};
use crate::cache::{Now, Token};
use crate::http::{Ask, FORM, METADATA_WITHIN, encoded, form};
use crate::identity::SecretText;
use crate::jwt::{Alg, nonce, signed, unix};
use crate::{Cloud, CloudError};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, header};
use serde_json::{Map, json};

const PUBLIC: &str = "https://login.microsoftonline.com/";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The authority of the operator's cloud.
fn authority(cloud: &Cloud) -> Result<&str, CloudError> {
    const NAME: &str = "AZURE_AUTHORITY_HOST";
    let Some(own) = cloud.env.get(NAME) else { return Ok(PUBLIC) };
    check_authority(NAME, own)?;
    Ok(own)
}

pub(crate) async fn by_entry(cloud: &Cloud, entry: &Entry, scope: &str) -> Result<Token, CloudError> {
    match entry {
        Entry::Secret { tenant, client, secret, authority } => {
            by_secret(cloud, &Client::of(cloud, authority, tenant, client)?, secret, scope).await
        }
        Entry::Certificate { tenant, client, certificate, authority } => {
            by_certificate(cloud, &Client::of(cloud, authority, tenant, client)?, certificate, scope).await
        }
        Entry::Managed { client } => managed(cloud, Some(client), scope).await,
    }
}

/// An application at an authority, which is `foreign` where a tenant has named it.
struct Client<'a> {
    host: &'a str,
    foreign: bool,
    tenant: &'a str,
    id: &'a str,
}

impl<'a> Client<'a> {
    /// At the authority that a tenant has named, or else the operator's.
    fn of(cloud: &'a Cloud, named: &'a Option<String>, tenant: &'a str, id: &'a str) -> Result<Self, CloudError> {
        let (host, foreign) = match named {
            Some(named) => (named.as_str(), true),
            None => (authority(cloud)?, false),
        };
        Ok(Self { host, foreign, tenant, id })
    }

    fn url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.host.trim_end_matches('/'), self.tenant)
    }

    async fn token(
        &self,
        cloud: &Cloud,
        scope: &str,
        proof: &[(&str, &str)],
        remedy: &str,
    ) -> Result<Token, CloudError> {
        let mut pairs = vec![("client_id", self.id), ("grant_type", "client_credentials"), ("scope", scope)];
        pairs.extend_from_slice(proof);
        let body = form(&pairs);
        let what = format!(
            "getting a token for the application '{}' of the tenant '{}' from Entra ID",
            crate::error::shown(self.id),
            self.tenant
        );
        let url = cloud.endpoints.moved(&cloud.endpoints.azure_authority, &self.url());
        let hide: Vec<&str> = proof.iter().map(|(_, value)| *value).collect();
        let client = if self.foreign { &cloud.http.routed } else { &cloud.http.open };
        let ask = Ask::new(client, &what, &hide);
        let answer = ask.json(|| Request::post(&url).header(header::CONTENT_TYPE, FORM).body(body.clone())).await;
        crate::gcp::access_token(&ask, answer.map_err(|error| error.with_remedy(remedy))?)
    }
}

async fn by_secret(cloud: &Cloud, client: &Client<'_>, secret: &SecretText, scope: &str) -> Result<Token, CloudError> {
    let proof = [("client_secret", secret.expose().as_str())];
    client
        .token(
            cloud,
            scope,
            &proof,
            "tenant, application and secret have to belong together, and the secret must not have expired",
        )
        .await
}

/// By an assertion that the certificate's key has signed, as Microsoft's libraries make it.
async fn by_certificate(
    cloud: &Cloud,
    client: &Client<'_>,
    certificate: &Certificate,
    scope: &str,
) -> Result<Token, CloudError> {
    let bad = |why: String| CloudError::entry("clientCertificate", why);
    let own = certificate.chain.first().ok_or_else(|| bad("found no certificate".to_owned()))?;
    let mut header = Map::new();
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, own).as_ref());
    header.insert("x5t#S256".to_owned(), thumbprint.into());
    if certificate.sends_chain {
        let chain: Vec<String> = certificate.chain.iter().map(|one| BASE64_STANDARD.encode(one)).collect();
        header.insert("x5c".to_owned(), chain.into());
    }
    let now = unix(Now::read().wall);
    let claims = json!({
        "aud": client.url(), "iss": client.id, "sub": client.id, "jti": nonce().map_err(bad)?, "nbf": now, "exp": now + 600,
    });
    let assertion = signed(&certificate.key, Alg::Ps256, header, &claims).map_err(bad)?;
    let proof = [("client_assertion_type", ASSERTION), ("client_assertion", assertion.expose().as_str())];
    client.token(cloud, scope, &proof, "the certificate has to be one of the application's, and still valid").await
}

/// By a token of Kubernetes, which the application trusts.
pub(crate) async fn federated(
    cloud: &Cloud,
    tenant: &str,
    client: &str,
    token: &SecretText,
    scope: &str,
) -> Result<Token, CloudError> {
    check_tenant("azure.workload.identity/tenant-id", tenant)?;
    let client = Client::of(cloud, &None, tenant, client)?;
    let proof = [("client_assertion_type", ASSERTION), ("client_assertion", token.expose().as_str())];
    let remedy = "the application or identity needs a federated credential for the cluster's issuer, the subject \
                  system:serviceaccount:NAMESPACE:NAME and the audience api://AzureADTokenExchange";
    client.token(cloud, scope, &proof, remedy).await
}

/// The machine's identity, from its metadata server; `scope` ends in `/.default`.
async fn managed(cloud: &Cloud, client: Option<&str>, scope: &str) -> Result<Token, CloudError> {
    let base = cloud.env.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or("http://169.254.169.254");
    let resource = scope.trim_end_matches("/.default");
    let mut url = format!(
        "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}",
        base.trim_end_matches('/'),
        encoded(resource)
    );
    if let Some(client) = client {
        url = format!("{url}&client_id={}", encoded(client));
    }
    let mut ask =
        Ask::new(&cloud.http.direct, "getting a token of a managed identity from Azure's metadata server", &[]);
    ask.within = METADATA_WITHIN;
    let answer = ask.json(|| Request::get(&url).header("metadata", "true").body(Bytes::new())).await;
    let none = |why: &str| CloudError::NoCredentials {
        service: "Azure",
        message: format!("the environment has none, and the metadata server {why}"),
        remedy: "add the entry sops.azure-kv to the decryption Secret, set decryption.serviceAccountName, or give the \
                 controller a workload identity or a managed identity"
            .to_owned(),
    };
    crate::gcp::access_token(&ask, answer.map_err(|error| error.of_metadata(none))?)
}

/// The controller's own token: an application's secret or certificate, a federated token, the machine.
pub(crate) async fn own(cloud: &Cloud, scope: &str) -> Result<Token, CloudError> {
    let env = &cloud.env;
    let (tenant, client) = (env.get("AZURE_TENANT_ID"), env.get("AZURE_CLIENT_ID"));
    if let (Some(tenant), Some(client)) = (tenant, client) {
        check_tenant("AZURE_TENANT_ID", tenant)?;
        let application = Client::of(cloud, &None, tenant, client)?;
        if let Some(secret) = env.get("AZURE_CLIENT_SECRET") {
            let secret = weir_base::Secret::new(zeroize::Zeroizing::new(secret.to_owned()));
            return by_secret(cloud, &application, &secret, scope).await;
        }
        const PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
        if let Some(pem) = env.file(PATH).await? {
            if env.get("AZURE_CLIENT_CERTIFICATE_PASSWORD").is_some() {
                let message = "a certificate that needs a password cannot be read";
                return Err(CloudError::entry("AZURE_CLIENT_CERTIFICATE_PASSWORD", message));
            }
            let sends_chain = matches!(env.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"), Some("1" | "true"));
            let certificate = Certificate::read(PATH, pem.expose().as_bytes(), sends_chain)?;
            return by_certificate(cloud, &application, &certificate, scope).await;
        }
        if let Some(token) = env.file("AZURE_FEDERATED_TOKEN_FILE").await? {
            return federated(cloud, tenant, client, &token, scope).await;
        }
    }
    managed(cloud, client, scope).await
}
