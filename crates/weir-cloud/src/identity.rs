use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::time::SystemTime;
use weir_base::Secret;
use zeroize::Zeroizing;

/// A token or password: not printed, and cleared from memory.
pub type SecretText = Secret<Zeroizing<String>>;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The controller, by what its environment has.
    Controller,
    /// A ServiceAccount: object-level workload identity.
    Account { namespace: String, name: String },
}

/// Where ServiceAccounts are asked; the controller implements it over its Kubernetes session.
/// An error is a sentence that names the account, as Flux's: `failed to get service account 'apps/deploy': ...`,
/// `failed to create kubernetes token for service account 'apps/deploy': ...`.
pub trait Accounts: Send + Sync {
    fn annotations<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, String>>;

    /// A TokenRequest; no audiences are the server's default ones.
    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<(SecretText, SystemTime), String>>;

    /// Namespace and name of the controller's own account: Vault, OpenBao and generic clusters want a
    /// token for an audience of theirs, which the mounted one has not. [`crate::own_account`] reads
    /// them from the mounted token.
    fn own(&self) -> Result<(String, String), String>;
}
