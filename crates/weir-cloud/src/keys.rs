//! Which identity asks for a key, and the asking.

use crate::cache::{Key, New, Now, Token, TokenCache};
use crate::identity::{Accounts, Identity, SecretText};
use crate::statics::StaticKeys;
use crate::vault::VaultInstances;
use crate::{Cloud, CloudError, aws, azure, gcp, vault};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// A data key that a service has encrypted, as the metadata of a SOPS file have it.
#[derive(Clone, Copy, Debug)]
pub enum KeyRequest<'a> {
    /// AWS KMS. The profile that a file may name is not here: Flux does not look at it either, since a
    /// controller has no profiles.
    Aws {
        arn: &'a str,
        role: &'a str,
        context: &'a BTreeMap<String, String>,
        enc: &'a str,
    },
    Gcp {
        resource: &'a str,
        enc: &'a str,
    },
    Azure {
        vault: &'a str,
        name: &'a str,
        version: &'a str,
        enc: &'a str,
    },
    /// HashiCorp Vault or OpenBao.
    Vault {
        address: &'a str,
        engine: &'a str,
        key: &'a str,
        enc: &'a str,
    },
}

/// The keys that one object may use. Made for one build: an account's annotations are read once.
pub struct Keys<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) statics: &'a StaticKeys,
    pub(crate) identity: &'a Identity,
    pub(crate) accounts: &'a dyn Accounts,
    pub(crate) vault: Option<&'a VaultInstances>,
    annotations: OnceCell<BTreeMap<String, String>>,
}

impl<'a> Keys<'a> {
    /// `vault` is `None` where `--sops-vault-configmap` is not set.
    pub fn new(
        cloud: &'a Cloud,
        statics: &'a StaticKeys,
        identity: &'a Identity,
        accounts: &'a dyn Accounts,
        vault: Option<&'a VaultInstances>,
    ) -> Self {
        Self { cloud, statics, identity, accounts, vault, annotations: OnceCell::new() }
    }

    /// The data key. A static entry goes first, then the ServiceAccount, then the controller itself.
    pub async fn decrypt(&self, key: KeyRequest<'_>) -> Result<Zeroizing<Vec<u8>>, CloudError> {
        let asked: BoxFuture<'_, Result<Zeroizing<Vec<u8>>, CloudError>> = match key {
            KeyRequest::Aws { arn, role, context, enc } => {
                Box::pin(aws::decrypt(self, aws::KmsKey { arn, role, context, enc }))
            }
            KeyRequest::Gcp { resource, enc } => Box::pin(gcp::decrypt(self, resource, enc)),
            KeyRequest::Azure { vault, name, version, enc } => {
                Box::pin(azure::decrypt(self, azure::VaultKey { vault, name, version, enc }))
            }
            KeyRequest::Vault { address, engine, key, enc } => {
                Box::pin(vault::decrypt(self, vault::TransitKey { address, engine, key, enc }))
            }
        };
        asked.await
    }

    /// An annotation of the account that asks; `None` too where the controller does.
    pub(crate) async fn annotation(&self, name: &str) -> Result<Option<String>, CloudError> {
        let Identity::Account { namespace, name: account } = self.identity else { return Ok(None) };
        let read = async { self.accounts.annotations(namespace, account).await.map_err(account_error) };
        Ok(self.annotations.get_or_try_init(|| read).await?.get(name).filter(|value| !value.is_empty()).cloned())
    }

    pub(crate) async fn account_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
    ) -> Result<(SecretText, SystemTime), CloudError> {
        self.accounts.token(namespace, name, audiences).await.map_err(account_error)
    }
}

fn account_error(message: String) -> CloudError {
    CloudError::Account { message, remedy: None }
}

/// What is wrong with the annotations of an account, in Flux's words.
pub(crate) fn account_failed(namespace: &str, name: &str, why: &str) -> CloudError {
    account_error(format!(
        "failed to get provider identity from service account '{namespace}/{name}' annotations: {why}"
    ))
}

/// A token in use, and where it is kept.
pub(crate) struct Held<'a> {
    pub token: Arc<Token>,
    pub key: Key,
    pub cache: &'a TokenCache,
}

impl<'a> Held<'a> {
    /// The token that is kept, or a new one. On the heap, since getting one token may take another.
    pub fn get<'n>(
        cache: &'a TokenCache,
        key: Key,
        new: impl Future<Output = Result<Token, CloudError>> + Send + 'n,
    ) -> BoxFuture<'n, Result<Held<'a>, CloudError>>
    where
        'a: 'n,
    {
        let new: New<'n> = Box::pin(new);
        Box::pin(async move {
            let token = cache.get(&key, Now::read, new).await?;
            Ok(Held { token, key, cache })
        })
    }

    /// The text of a bearer token.
    pub fn text(&self) -> Result<&str, CloudError> {
        self.token.text().ok_or_else(|| CloudError::entry("token", "it is not a bearer token"))
    }

    /// The service did not take it.
    pub async fn forget(&self) {
        self.cache.forget(&self.key, &self.token).await;
    }
}
