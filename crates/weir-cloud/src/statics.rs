//! Credentials that a decryption Secret has.

use crate::cache::{CacheOptions, Token, TokenCache};
use crate::identity::SecretText;
use crate::{CloudError, aws, azure, gcp};
use std::fmt;
use std::sync::Arc;
use weir_base::Secret;
use zeroize::Zeroizing;

pub(crate) const AWS: &str = "sops.aws-kms";
pub(crate) const AZURE: &str = "sops.azure-kv";
pub(crate) const GCP: &str = "sops.gcp-kms";
pub(crate) const VAULT: &str = "sops.vault-token";

/// The entries of a Secret that are for services. Tokens that they give are kept as long as this is.
#[derive(Debug)]
pub struct StaticKeys {
    pub(crate) aws: Option<Arc<Token>>,
    pub(crate) azure: Option<azure::Entry>,
    pub(crate) gcp: Option<gcp::Source>,
    pub(crate) vault: Option<SecretText>,
    pub(crate) cache: TokenCache,
}

impl Default for StaticKeys {
    fn default() -> Self {
        Self { aws: None, azure: None, gcp: None, vault: None, cache: TokenCache::new(CacheOptions::default()) }
    }
}

impl StaticKeys {
    /// Takes an entry; `false` for one that is not for a service. An error shows nothing of the value.
    pub fn add(&mut self, entry: &str, bytes: &[u8]) -> Result<bool, CloudError> {
        match entry {
            AWS => self.aws = Some(aws::entry(entry, bytes)?),
            AZURE => self.azure = Some(azure::Entry::read(entry, bytes)?),
            GCP => self.gcp = Some(gcp::Source::of_tenant(entry, bytes)?),
            VAULT => {
                let text = std::str::from_utf8(bytes).map_err(|_| CloudError::entry(entry, "it is not text"))?.trim();
                self.vault = (!text.is_empty()).then(|| Secret::new(Zeroizing::new(text.to_owned())));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl fmt::Display for StaticKeys {
    /// The names of what is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (AWS, self.aws.is_some()),
            (AZURE, self.azure.is_some()),
            (GCP, self.gcp.is_some()),
            (VAULT, self.vault.is_some()),
        ];
        let names: Vec<&str> = all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
        f.write_str(&names.join(", "))
    }
}
