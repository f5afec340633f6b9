//! The leases of a process: one per role, taken in one order.

use super::flags::Shared;
use crate::controllers::Role;
use kube::Client;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use weir_kube::Fence;
use weir_runtime::metrics::Metrics;
use weir_runtime::{Election, ElectionError, Held, LeaseTiming, identity};

/// Where the leases are when nothing says otherwise.
const DEFAULT_NAMESPACE: &str = "flux-system";

pub struct Leases(Vec<Held>);

/// One election per role that this version implements: Flux's own controller of that role then stands by.
pub fn wanted(
    roles: &BTreeSet<Role>,
    shared: &Shared,
    namespace: Option<&str>,
    host: &str,
    timing: LeaseTiming,
) -> Vec<Election> {
    let identity = identity(host);
    roles
        .iter()
        .filter(|role| role.is_implemented())
        .map(|role| Election {
            namespace: namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            name: lease_name(role.controller(), shared.watch_label_selector.trim()),
            identity: identity.clone(),
            timing,
        })
        .collect()
}

/// A shard has a lease of its own, named after its selector.
fn lease_name(controller: &str, selector: &str) -> String {
    let mut name = format!("{controller}-leader-election");
    if !selector.is_empty() {
        name.push('-');
        for byte in Sha256::digest(selector).iter().take(4) {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name
}

impl Leases {
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Waits for all of them, one after the other: two processes that want the same ones never block each other.
    pub async fn acquire(
        wanted: Vec<Election>,
        client: &Client,
        metrics: &Arc<Metrics>,
        fence: &Fence,
    ) -> Result<Self, ElectionError> {
        let mut held = Vec::new();
        for election in wanted {
            let one = election.acquire(client.clone(), metrics.clone(), fence.clone());
            // Those that are held already have to be kept meanwhile.
            let mut all = Leases(held);
            let won = tokio::select! {
                won = one => won,
                error = all.keep() => return Err(error),
            };
            held = all.0;
            held.push(won);
        }
        Ok(Self(held))
    }

    /// Renews all; ends when one is lost.
    pub async fn keep(&mut self) -> ElectionError {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let all = self.0.iter_mut().map(|held| Box::pin(held.keep()));
        futures::future::select_all(all).await.0
    }

    pub async fn release(self) {
        for held in self.0 {
            held.release().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lease_name;

    #[test]
    fn a_shard_has_a_lease_of_its_own() {
        assert_eq!(lease_name("source-controller", ""), "source-controller-leader-election");
        let shard = lease_name("source-controller", "sharding.fluxcd.io/key=shard1");
        assert_eq!(shard.len(), "source-controller-leader-election-".len() + 8);
        assert_ne!(shard, lease_name("source-controller", "sharding.fluxcd.io/key=shard2"));
    }
}
