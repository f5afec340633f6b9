//! The services of clouds, asked as who Flux would ask: the ServiceAccount that is named, or the controller.

use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use std::time::SystemTime;
use tokio::runtime::Handle;
use weir_base::Diagnose;
use weir_cloud::{Accounts, Cloud, Identity, KeyRequest, Keys, SecretText, StaticKeys, VaultInstances, own_account};
use weir_doc::Node;
use weir_kube::{KubeError, Session};
use weir_object::ObjectRef;
use weir_render::{KeyServices, MasterKey};
use zeroize::Zeroizing;

use crate::Fallback;
use std::sync::Arc;

/// Requests to key services under way at once, for one build.
const AT_ONCE: usize = 8;
/// Where a pod finds the token of its own account.
const OWN_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Asks Kubernetes for what ServiceAccounts are and for their tokens, as the controller.
pub(crate) struct Asked(pub Session);

impl Accounts for Asked {
    fn annotations<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, String>> {
        Box::pin(async move {
            let failed = |why: String| format!("failed to get service account '{namespace}/{name}': {why}");
            let reference = ObjectRef::new("v1", "ServiceAccount", namespace, name);
            let found = self.0.get(&reference).await.map_err(|error| failed(error.to_string()))?;
            let account = found.ok_or_else(|| failed("not found".to_owned()))?;
            Ok(texts(account.path(&["metadata", "annotations"])))
        })
    }

    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<(SecretText, SystemTime), String>> {
        Box::pin(async move {
            self.0.account_token(namespace, name, audiences).await.map_err(|error| {
                let remedy = match &error {
                    KubeError::Refused { code: 403, .. } => {
                        " (the controller needs the right to create serviceaccounts/token of this account)"
                    }
                    _ => "",
                };
                format!("failed to create token for service account '{namespace}/{name}': {error}{remedy}")
            })
        })
    }

    fn own(&self) -> Result<(String, String), String> {
        let token = std::fs::read_to_string(OWN_TOKEN).map(Zeroizing::new);
        own_account(&token.map_err(|error| format!("{OWN_TOKEN} cannot be read: {error}"))?)
    }
}

/// The entries of a mapping of texts.
pub(crate) fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::as_map).into_iter().flat_map(|map| map.iter());
    entries.map(|(key, value)| (key.as_str().to_owned(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// What opens data keys for one build.
pub(crate) struct Services {
    pub cloud: Arc<Cloud>,
    pub statics: StaticKeys,
    pub identity: Identity,
    pub accounts: Asked,
    /// The ConfigMap of `--sops-vault-configmap`.
    pub vault: Option<Fallback>,
    pub handle: Handle,
}

impl KeyServices for Services {
    fn open(&self, keys: &[&MasterKey]) -> Vec<Result<Zeroizing<Vec<u8>>, String>> {
        self.handle.block_on(async {
            let is_vault = |key: &&MasterKey| matches!(key, MasterKey::Vault { .. });
            let vault = match &self.vault {
                Some(place) if keys.iter().any(is_vault) => Some(self.instances(place).await),
                _ => None,
            };
            let list = vault.as_ref().and_then(|list| list.as_ref().ok());
            let unlisted = vault.as_ref().and_then(|list| list.as_ref().err());
            let asking = &Keys::new(&self.cloud, &self.statics, &self.identity, &self.accounts, list);
            let open = |key: &&MasterKey| {
                let key = (*key).clone();
                let unlisted = unlisted.filter(|_| is_vault(&&key)).cloned();
                async move {
                    match (request(&key), unlisted) {
                        (_, Some(why)) => Err(why),
                        (Some(request), None) => {
                            asking.decrypt(request).await.map_err(|error| error.report().to_string())
                        }
                        (None, None) => Err("this version of weir cannot ask this service".to_owned()),
                    }
                }
            };
            let answers: Vec<_> = keys.iter().map(open).collect();
            stream::iter(answers).buffered(AT_ONCE).collect().await
        })
    }

    fn identity(&self) -> String {
        format!("{:?} {}", self.identity, self.statics)
    }
}

impl Services {
    async fn instances(&self, Fallback { namespace, name }: &Fallback) -> Result<VaultInstances, String> {
        let shown = format!("{namespace}/{name}");
        let found = self.accounts.0.get(&ObjectRef::new("v1", "ConfigMap", namespace, name)).await;
        let failed = |why: String| format!("failed to get Vault ConfigMap '{shown}': {why}");
        let map = found.map_err(|error| failed(error.to_string()))?.ok_or_else(|| failed("not found".to_owned()))?;
        let data = map.str_at(&["data", VaultInstances::KEY]);
        VaultInstances::read(&shown, data).map_err(|error| error.report().to_string())
    }
}

/// What a service is asked for a key; none for one that nobody here can ask.
fn request(key: &MasterKey) -> Option<KeyRequest<'_>> {
    match key {
        MasterKey::AwsKms { arn, role, context, profile: _, enc, created_at: _ } => {
            Some(KeyRequest::Aws { arn, role, context, enc })
        }
        MasterKey::GcpKms { resource, enc, created_at: _ } => Some(KeyRequest::Gcp { resource, enc }),
        MasterKey::AzureKv { vault, name, version, enc, created_at: _ } => {
            Some(KeyRequest::Azure { vault, name, version, enc })
        }
        MasterKey::Vault { address, engine, key, enc, created_at: _ } => {
            Some(KeyRequest::Vault { address, engine, key, enc })
        }
        MasterKey::HuaweiKms { .. } | MasterKey::Age { .. } | MasterKey::Pgp { .. } => None,
    }
}
