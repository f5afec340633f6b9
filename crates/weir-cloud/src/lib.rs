//! Identities at clouds, and the services that decrypt data keys: AWS KMS, GCP KMS, Azure Key Vault, Vault and
//! OpenBao; and remote clusters, for whoever may enter them there. Thin clients of their REST interfaces; no SDKs.
//!
//! Contract: [`Keys::decrypt`] asks as the identity that Flux would ask as: the entry of the decryption
//! Secret, the ServiceAccount, the controller. A key's name comes from a file in Git that a tenant
//! wrote: a token is sent only to hosts of its own service, over https, and no part of such a name gets into a
//! host unchecked (the table for Vault is in `vault`). Tokens are kept for four fifths of their
//! life and asked for once, whoever else asks meanwhile ([`CacheOptions`]). No error and no `Debug` shows a
//! token, a password or a key; buffers that held one are cleared.
//!
//! Limits: what the HTTP and TLS stacks and the parsers copy is not cleared. There are no profiles and no
//! credential files of AWS's and Google's command lines. See SHORTCOMINGS.md for what each service lacks.

mod aws;
mod azure;
mod cache;
mod cloud;
mod cluster;
mod env;
mod error;
mod fields;
mod gcp;
mod http;
mod identity;
mod jwt;
mod keys;
mod statics;
mod vault;

pub use cache::CacheOptions;
pub use cloud::{Cloud, Endpoints};
pub use cluster::{ClusterConfig, Provider, Remote};
pub use env::Env;
pub use error::{CloudError, Refusal};
pub use identity::{Accounts, Identity, SecretText};
pub use jwt::own_account;
pub use keys::{KeyRequest, Keys};
pub use statics::StaticKeys;
pub use vault::VaultInstances;
