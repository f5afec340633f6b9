use crate::cache::{CacheOptions, TokenCache};
use crate::gcp::Gke;
use crate::{CloudError, Env};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::OnceCell;
use weir_net::{HttpClient, NetError, Proxies, Reach, Roots, Settings};

/// Other places for services than their public ones, as `http(s)://HOST[:PORT]`; for private networks and tests. What a
/// file names is checked before it is replaced. AWS has variables of its own (`AWS_ENDPOINT_URL_KMS`), and so
/// have the metadata servers (`GCE_METADATA_HOST`, `AWS_EC2_METADATA_SERVICE_ENDPOINT`,
/// `AZURE_POD_IDENTITY_AUTHORITY_HOST`).
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// `oauth2.googleapis.com`.
    pub gcp_token: Option<String>,
    /// `sts.googleapis.com`.
    pub gcp_sts: Option<String>,
    /// `iamcredentials.googleapis.com`.
    pub gcp_iam: Option<String>,
    /// `cloudkms.googleapis.com`.
    pub gcp_kms: Option<String>,
    /// `container.googleapis.com`.
    pub gke: Option<String>,
    /// `login.microsoftonline.com` and its like.
    pub azure_authority: Option<String>,
    /// Every vault.
    pub azure_vault: Option<String>,
    /// `management.azure.com` and its like.
    pub azure_arm: Option<String>,
}

impl Endpoints {
    /// A URL at the other place, if there is one.
    pub(crate) fn moved(&self, to: &Option<String>, url: &str) -> String {
        let Some(to) = to else { return url.to_owned() };
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = path.find('/').map_or("/", |at| &path[at..]);
        format!("{}{path}", to.trim_end_matches('/'))
    }
}

/// How services are reached.
#[derive(Debug)]
pub(crate) struct Clients {
    /// For services whose hosts are known.
    pub open: HttpClient,
    /// For hosts that a tenant has named.
    pub routed: HttpClient,
    /// For metadata servers: without a proxy, which would be asked for its own machine's.
    pub direct: HttpClient,
    /// For Vault servers that the operator has named.
    pub vault: HttpClient,
    pub vault_routed: HttpClient,
}

/// The services of clouds, with the tokens for them that are kept. One for a process.
#[derive(Debug)]
pub struct Cloud {
    pub(crate) http: Clients,
    pub(crate) cache: TokenCache,
    pub(crate) env: Env,
    pub(crate) endpoints: Endpoints,
    pub(crate) gke: OnceCell<Gke>,
}

impl Cloud {
    /// Reads the file that `VAULT_CACERT` names. Fails where it, or a proxy of the environment, cannot be used.
    pub fn new(cache: CacheOptions, env: Env) -> Result<Self, CloudError> {
        Self::at(cache, env, Endpoints::default())
    }

    /// With services at other places.
    pub fn at(cache: CacheOptions, env: Env, endpoints: Endpoints) -> Result<Self, CloudError> {
        let setting = |name: &str, error: NetError| CloudError::entry(name, error.to_string());
        let proxies = Proxies::of(|name| env.get(name).map(str::to_owned));
        let proxies = proxies.map_err(|error| setting("HTTP_PROXY, HTTPS_PROXY", error))?;
        let client = |roots: Roots, proxies: Proxies, reach: Reach| HttpClient::new(Settings { roots, proxies, reach });
        let open = |roots, reach| client(roots, proxies.clone(), reach).map_err(|error| setting("VAULT_CACERT", error));
        let vault = vault_roots(&env)?;
        let http = Clients {
            open: open(Roots::System, Reach::Anywhere)?,
            routed: open(Roots::System, Reach::Outside)?,
            direct: client(Roots::System, Proxies::default(), Reach::Anywhere)
                .map_err(|error| setting("certificates", error))?,
            vault: open(vault.clone(), Reach::Anywhere)?,
            vault_routed: open(vault, Reach::Outside)?,
        };
        Ok(Self { http, cache: TokenCache::new(cache), env, endpoints, gke: OnceCell::new() })
    }

    /// How often a token was there (hits), and how often it had to be got (misses), so far.
    pub fn cache_counts(&self) -> (u64, u64) {
        self.cache.counts()
    }
}

/// Vault's client believes the authorities that its variables name, and no others.
fn vault_roots(env: &Env) -> Result<Roots, CloudError> {
    if let Some(text) = env.get("VAULT_CACERT_BYTES") {
        let pem = if text.contains("-----BEGIN") { Ok(text.as_bytes().to_vec()) } else { BASE64_STANDARD.decode(text) };
        return pem
            .map(Roots::Only)
            .map_err(|_| CloudError::entry("VAULT_CACERT_BYTES", "it is neither PEM nor base64"));
    }
    let Some(path) = env.get("VAULT_CACERT") else { return Ok(Roots::System) };
    let pem = std::fs::read(path);
    pem.map(Roots::Only)
        .map_err(|error| CloudError::entry("VAULT_CACERT", format!("the file '{path}' cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_moved_with_its_path() {
        let endpoints = Endpoints::default();
        let to = Some("http://127.0.0.1:1/".to_owned());
        assert_eq!(endpoints.moved(&to, "https://a.b/c/d?e=f"), "http://127.0.0.1:1/c/d?e=f");
        assert_eq!(endpoints.moved(&to, "https://a.b"), "http://127.0.0.1:1/");
        assert_eq!(endpoints.moved(&None, "https://a.b/c"), "https://a.b/c");
    }

    #[test]
    fn what_the_environment_has_wrong_is_said_at_the_start() {
        let failed = |name: &str, value: &str| {
            let env: Env = [(name, value)].into_iter().collect();
            Cloud::new(CacheOptions::default(), env).expect_err("refused").to_string()
        };
        assert!(failed("VAULT_CACERT", "/nowhere/ca.pem").starts_with("VAULT_CACERT: the file '/nowhere/ca.pem'"));
        assert!(failed("VAULT_CACERT_BYTES", "%").contains("base64"));
        assert!(failed("HTTPS_PROXY", "ftp://user:hunter2@p").contains("HTTPS_PROXY"));
    }
}
