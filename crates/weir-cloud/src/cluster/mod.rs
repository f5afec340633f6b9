//! Remote clusters: address, authority and a bearer token, for `spec.kubeConfig.configMapRef`.
//!
//! With both `address` and `ca.crt` no cloud is asked for the cluster, as in Flux, where a ServiceAccount asks: its
//! token is its tenant's. Where the controller itself asks, the cluster is always looked up and the
//! address has to be one of the cluster's, and a token for Kubernetes has no other audience than the
//! address: else a ConfigMap would send the controller's own token wherever its author likes, which Flux does.

mod aks;
mod config;
mod eks;
mod gke;

pub use config::{ClusterConfig, Provider};

use crate::cache::{Key, Proof, Token};
use crate::identity::{Accounts, Identity, SecretText};
use crate::keys::{Held, Keys};
use crate::statics::StaticKeys;
use crate::{Cloud, CloudError, azure, gcp};
use config::canonical;
use futures::future::BoxFuture;
use std::time::SystemTime;

/// A description has the cluster's settings in it.
const LIMIT: usize = 1 << 20;

/// A cluster and the way in.
#[derive(Clone, Debug)]
pub struct Remote {
    /// `https://HOST:PORT`.
    pub server: String,
    /// PEM; empty where the system's authorities are meant.
    pub ca: Vec<u8>,
    pub token: SecretText,
    /// After this the cluster has to be asked for anew.
    pub expires: Option<SystemTime>,
}

/// What a cloud says of a cluster.
pub(crate) struct Described {
    /// Address and authority; the first is the usual one.
    pub endpoints: Vec<(String, Vec<u8>)>,
}

impl Cloud {
    /// A remote cluster as somebody may enter it, from the cache while that holds. To be asked before every request: it
    /// costs nothing then, for the controller; an account's annotations are read each time.
    pub async fn remote(
        &self,
        config: &ClusterConfig,
        identity: &Identity,
        accounts: &dyn Accounts,
    ) -> Result<Remote, CloudError> {
        let statics = StaticKeys::default();
        let asker = Asker { keys: Keys::new(self, &statics, identity, accounts, None), config };
        match config.provider {
            Provider::Aws => Box::pin(eks::remote(&asker)).await,
            Provider::Azure => {
                let held = Box::pin(azure::token(&asker.keys, aks::SCOPE)).await?;
                asker.kept(&held, Box::pin(aks::describe(&asker.keys, &config.cluster))).await
            }
            Provider::Gcp => {
                let held = Box::pin(gcp::token(&asker.keys)).await?;
                asker.kept(&held, Box::pin(gke::describe(self, &config.cluster, held.text()?))).await
            }
            Provider::Generic => Box::pin(asker.generic()).await,
        }
    }
}

/// One asking.
pub(crate) struct Asker<'a> {
    pub keys: Keys<'a>,
    pub config: &'a ClusterConfig,
}

impl Asker<'_> {
    fn is_controller(&self) -> bool {
        *self.keys.identity == Identity::Controller
    }

    /// What a cluster of this configuration is kept under, for the token of `held`.
    pub fn key(&self, held: &Held<'_>) -> Key {
        let config = self.config;
        held.key.under(&["cluster", &config.cluster, &config.address, &config.ca])
    }

    /// Server and authority: as configured, or as a cloud describes them.
    async fn place(
        &self,
        describe: BoxFuture<'_, Result<Described, CloudError>>,
    ) -> Result<(String, Vec<u8>), CloudError> {
        let (address, ca) = (self.config.canonical_address()?, self.config.ca.as_bytes());
        if let (Some(address), false, false) = (&address, ca.is_empty(), self.is_controller()) {
            return Ok((address.clone(), ca.to_vec()));
        }
        let mut endpoints = Vec::new();
        for (endpoint, ca) in describe.await?.endpoints {
            endpoints.push((canonical(&endpoint)?, ca));
        }
        let (what, cluster) = match self.config.provider {
            Provider::Azure => ("kubeconfig", format!("AKS cluster {}", crate::error::shown(&self.config.cluster))),
            _ => ("endpoint", format!("cluster {}", crate::error::shown(&self.config.cluster))),
        };
        let found = match &address {
            Some(address) => endpoints.iter().find(|(endpoint, _)| endpoint == address),
            None => endpoints.first(),
        };
        // An account's token may go where its tenant says; Flux compares for Azure only.
        let is_free = !self.is_controller() && self.config.provider != Provider::Azure;
        let (server, own) = match (found.or(endpoints.first().filter(|_| is_free)), address) {
            (Some((_, own)), Some(address)) => (address, own),
            (Some((endpoint, own)), None) => (endpoint.clone(), own),
            (None, None) => return Err(CloudError::cluster(format!("no {what} found for {cluster}"))),
            (None, Some(_)) => {
                let all: Vec<String> = endpoints.iter().map(|(endpoint, _)| format!("'{endpoint}'")).collect();
                return Err(CloudError::cluster(format!(
                    "no {what} found for {cluster} matching the specified address '{}'. cluster addresses: [{}]",
                    crate::error::shown(&self.config.address),
                    all.join(", ")
                )));
            }
        };
        Ok((server, if ca.is_empty() { own.clone() } else { ca.to_vec() }))
    }

    /// The same; a token that the cloud no longer takes is not kept.
    pub async fn described_by(
        &self,
        held: &Held<'_>,
        describe: BoxFuture<'_, Result<Described, CloudError>>,
    ) -> Result<(String, Vec<u8>), CloudError> {
        let placed = self.place(describe).await;
        if placed.as_ref().is_err_and(CloudError::is_unauthenticated) {
            held.forget().await;
        }
        placed
    }

    /// A cluster that takes the token itself.
    async fn kept(
        &self,
        held: &Held<'_>,
        describe: BoxFuture<'_, Result<Described, CloudError>>,
    ) -> Result<Remote, CloudError> {
        let new = async {
            let (server, ca) = self.described_by(held, describe).await?;
            let token = SecretText::new(held.text()?.to_owned().into());
            let expires = held.token.expires;
            Ok(Token { proof: Proof::Cluster(Remote { server, ca, token, expires }), expires })
        };
        read(&Held::get(&self.keys.cloud.cache, self.key(held), new).await?)
    }

    /// A cluster that believes the tokens of this one.
    async fn generic(&self) -> Result<Remote, CloudError> {
        let config = self.config;
        let server = config
            .canonical_address()?
            .ok_or_else(|| CloudError::cluster("cluster address is required to create a REST config"))?;
        let audiences = match config.audiences.as_slice() {
            [] => vec![config.address.clone()],
            own => own.to_vec(),
        };
        let (namespace, name) = match self.keys.identity {
            Identity::Account { namespace, name } => (namespace.clone(), name.clone()),
            Identity::Controller => {
                if audiences.iter().any(|audience| canonical(audience).ok().as_ref() != Some(&server)) {
                    let message =
                        "the controller's own token is not issued for other audiences than the cluster's address";
                    return Err(CloudError::cluster(message)
                        .with_remedy("set serviceAccountName in the ConfigMap, or leave out audiences"));
                }
                self.keys.accounts.own().map_err(CloudError::cluster)?
            }
        };
        let key = Key::of(&["generic", &namespace, &name, &audiences.join("\n"), &config.address, &config.ca]);
        let new = async {
            let (token, expires) = self.keys.account_token(&namespace, &name, &audiences).await?;
            let expires = Some(expires);
            let remote = Remote { server, ca: config.ca.clone().into_bytes(), token, expires };
            Ok(Token { proof: Proof::Cluster(remote), expires })
        };
        read(&Held::get(&self.keys.cloud.cache, key, new).await?)
    }
}

pub(crate) fn read(held: &Held<'_>) -> Result<Remote, CloudError> {
    match &held.token.proof {
        Proof::Cluster(remote) => Ok(remote.clone()),
        _ => Err(CloudError::cluster("what is kept is not a cluster")),
    }
}
