//! The leases of a process: one per role, taken in one order.

use super::cluster::DEFAULT_NAMESPACE;
use super::flags::Shared;
use crate::controllers::Role;
use futures::future::Either;
use kube::Client;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use weir_kube::Fence;
use weir_runtime::metrics::Metrics;
use weir_runtime::{Candidate, Election, ElectionError, Held, LeaseTiming, identity};

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
        name.push_str(&weir_base::hex(&Sha256::digest(selector)[..4]));
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
        let candidate = |election: Election| election.candidate(client.clone(), metrics.clone(), fence.clone());
        let mut candidates: VecDeque<Candidate> = wanted.into_iter().map(candidate).collect();
        let mut held = Vec::new();
        while let Some(next) = candidates.pop_front() {
            // Those that are held already have to be kept meanwhile, and those whose turn comes later are looked at: a
            // holder that is gone is waited for once, not once per lease.
            let mut all = Leases(held);
            let win = async {
                let observe = candidates.iter_mut().map(|candidate| Box::pin(candidate.observe()));
                let others = futures::future::join_all(observe);
                match futures::future::select(Box::pin(next.win()), Box::pin(others)).await {
                    Either::Left((won, _)) => won,
                    // There are no others.
                    Either::Right((_, win)) => win.await,
                }
            };
            let won = tokio::select! {
                won = win => won,
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
    use super::*;
    use std::time::{Duration, Instant};
    use weir_sandbox::{Options, Sandbox};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_leases_of_a_dead_process_are_waited_for_once() {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).expect("opens");
        let client = Client::new(sandbox.service(), "default");
        let timing = LeaseTiming {
            lease: Duration::from_secs(4),
            renew: Duration::from_secs(3),
            retry: Duration::from_millis(100),
        };
        let acquire = async |identity: &str| {
            let wanted = ["a", "b", "c"].map(|name| Election {
                namespace: "default".to_owned(),
                name: name.to_owned(),
                identity: identity.to_owned(),
                timing,
            });
            let (metrics, fence) = (Arc::default(), Fence::default());
            Leases::acquire(wanted.into(), &client, &metrics, &fence).await.expect("nobody takes them")
        };
        let dead = acquire("dead").await;
        let began = Instant::now();
        let next = acquire("next").await;
        assert_eq!((dead.0.len(), next.0.len()), (3, 3));
        let took = began.elapsed();
        assert!(took >= timing.lease - timing.retry && took < 2 * timing.lease, "taken over after {took:?}");
    }

    #[test]
    fn a_shard_has_a_lease_of_its_own() {
        assert_eq!(lease_name("source-controller", ""), "source-controller-leader-election");
        let shard = lease_name("source-controller", "sharding.fluxcd.io/key=shard1");
        assert_eq!(shard.len(), "source-controller-leader-election-".len() + 8);
        assert_ne!(shard, lease_name("source-controller", "sharding.fluxcd.io/key=shard2"));
    }
}
