//! Leader election with a Lease, as client-go does it: who holds the lease writes its time every
//! retry period; who wants it watches whether the record still changes, by its own clock.

use crate::metrics::{Metrics, series};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_base::Diagnose;
use weir_kube::Fence;

/// Which lease, and how it is held.
#[derive(Clone, Debug)]
pub struct Election {
    pub namespace: String,
    /// `<controller>-leader-election`.
    pub name: String,
    /// Unique per process: host and a random part.
    pub identity: String,
    pub timing: LeaseTiming,
}

/// `--leader-election-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTiming {
    /// Others wait so long after the last sign of life.
    pub lease: Duration,
    /// The holder gives up when it could not renew for so long; shorter than `lease`.
    pub renew: Duration,
    /// Between two tries.
    pub retry: Duration,
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self { lease: Duration::from_secs(35), renew: Duration::from_secs(30), retry: Duration::from_secs(5) }
    }
}

impl LeaseTiming {
    /// For one answer; a request on a dead connection leaves time for another one.
    fn patience(&self) -> Duration {
        self.renew / 2
    }
}

/// Why a process must not go on as the leader.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ElectionError {
    #[error("the lease {namespace}/{name} was not renewed within {seconds} s: {message}")]
    Expired { namespace: String, name: String, seconds: u64, message: String },
    #[error("the lease {namespace}/{name} is held by {holder} now")]
    Taken { namespace: String, name: String, holder: String },
}

impl Diagnose for ElectionError {
    fn reason(&self) -> &'static str {
        "LeaderElectionLost"
    }

    fn remedy(&self) -> Option<String> {
        Some("the process ends, so that nothing is written twice; another replica goes on".to_owned())
    }
}

/// A lease that is held. It must be kept, else others take it.
pub struct Held {
    election: Election,
    api: Api<Lease>,
    lease: Lease,
    renewed: Instant,
    metrics: Arc<Metrics>,
    fence: Fence,
}

/// What one try found.
enum Try {
    Won(Box<Lease>),
    Other { holder: String },
}

/// Somebody who wants a lease.
pub struct Candidate {
    election: Election,
    api: Api<Lease>,
    /// The record as it was seen last, and since when it has not changed.
    seen: Option<(Option<LeaseSpec>, Instant)>,
    metrics: Arc<Metrics>,
    fence: Fence,
}

impl Election {
    /// `client` is not behind the `fence`, which is open for as long as the lease is renewed in time.
    pub fn candidate(self, client: Client, metrics: Arc<Metrics>, fence: Fence) -> Candidate {
        let api = Api::namespaced(client, &self.namespace);
        metrics.set(&series::LEADER, &[("name", &self.name)], 0.0);
        Candidate { election: self, api, seen: None, metrics, fence }
    }
}

impl Candidate {
    /// Looks at the lease from time to time, so that it is known at once whether its holder is gone when it is this
    /// lease's turn.
    pub async fn observe(&mut self) -> Infallible {
        loop {
            if let Ok(Ok(current)) = self.patiently(self.api.get_opt(&self.election.name)).await {
                self.note(current.as_ref());
            }
            self.rest().await;
        }
    }

    /// Waits until the lease is ours.
    pub async fn win(mut self) -> Held {
        let mut told = None;
        loop {
            let started = Instant::now();
            let attempt = tokio::time::timeout(self.election.timing.patience(), self.attempt()).await;
            match attempt.unwrap_or_else(|_| Err(unanswered())) {
                Ok(Try::Won(lease)) => {
                    let Self { election, api, metrics, fence, .. } = self;
                    metrics.set(&series::LEADER, &[("name", &election.name)], 1.0);
                    tracing::info!(lease = election.name, identity = election.identity, "successfully acquired lease");
                    fence.hold(&election.name, started + election.timing.renew);
                    return Held { election, api, lease: *lease, renewed: started, metrics, fence };
                }
                Ok(Try::Other { holder }) => {
                    if told.as_ref() != Some(&holder) {
                        tracing::info!(lease = self.election.name, holder, "the lease is held by another replica");
                        told = Some(holder);
                    }
                }
                Err(error) => {
                    tracing::warn!(lease = self.election.name, error = %error, "the lease was not acquired");
                }
            }
            self.rest().await;
        }
    }

    async fn patiently<T>(&self, answer: impl Future<Output = T>) -> Result<T, tokio::time::error::Elapsed> {
        tokio::time::timeout(self.election.timing.patience(), answer).await
    }

    /// Replicas that started together do not stay in step.
    async fn rest(&self) {
        let share = (RandomState::new().build_hasher().finish() % 1000) as f64 / 1000.0;
        tokio::time::sleep(self.election.timing.retry.mul_f64(1.0 + 0.2 * share)).await;
    }

    /// Whether the holder may still be alive.
    fn note(&mut self, current: Option<&Lease>) -> bool {
        let spec = current.and_then(|lease| lease.spec.clone());
        if self.seen.as_ref().is_none_or(|(record, _)| *record != spec) {
            self.seen = Some((spec.clone(), Instant::now()));
        }
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
        let valid = Duration::from_secs(seconds.unwrap_or(0));
        self.seen.as_ref().is_some_and(|(_, at)| at.elapsed() < valid)
    }

    async fn attempt(&mut self) -> Result<Try, Error> {
        let Some(current) = self.api.get_opt(&self.election.name).await? else {
            let lease = self.election.record(None, 0);
            return match self.api.create(&PostParams::default(), &lease).await {
                Ok(lease) => Ok(Try::Won(Box::new(lease))),
                Err(error) if is_conflict(&error) => Ok(Try::Other { holder: "another replica".to_owned() }),
                Err(error) => Err(error),
            };
        };
        let alive = self.note(Some(&current));
        let spec = current.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.unwrap_or_default();
        let own = &self.election.identity;
        if !holder.is_empty() && holder != *own && alive {
            return Ok(Try::Other { holder });
        }
        let transitions = spec.lease_transitions.unwrap_or(0) + i32::from(holder != *own);
        let lease = self.election.record(current.metadata.resource_version, transitions);
        match self.api.replace(&self.election.name, &PostParams::default(), &lease).await {
            Ok(lease) => Ok(Try::Won(Box::new(lease))),
            Err(error) if is_conflict(&error) => Ok(Try::Other { holder }),
            Err(error) => Err(error),
        }
    }
}

impl Election {
    fn record(&self, resource_version: Option<String>, transitions: i32) -> Lease {
        let now = MicroTime(jiff::Timestamp::now());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version,
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(i32::try_from(self.timing.lease.as_secs()).unwrap_or(i32::MAX)),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(transitions),
                ..LeaseSpec::default()
            }),
        }
    }
}

impl Held {
    /// Renews the lease for as long as that works.
    pub async fn keep(&mut self) -> ElectionError {
        let timing = self.election.timing;
        let mut problem = "the process was stopped".to_owned();
        loop {
            let left = timing.renew.saturating_sub(self.renewed.elapsed());
            tokio::time::sleep(timing.retry.min(left)).await;
            let left = timing.renew.saturating_sub(self.renewed.elapsed());
            if left.is_zero() {
                return self.lost(|namespace, name| ElectionError::Expired {
                    namespace,
                    name,
                    seconds: timing.renew.as_secs(),
                    message: problem,
                });
            }
            let started = Instant::now();
            let renewal = tokio::time::timeout(left.min(timing.patience()), self.renew()).await;
            match renewal.unwrap_or_else(|_| Err(unanswered())) {
                Ok(None) => {
                    self.renewed = started;
                    self.fence.hold(&self.election.name, started + timing.renew);
                }
                Ok(Some(holder)) => {
                    return self.lost(|namespace, name| ElectionError::Taken { namespace, name, holder });
                }
                Err(error) => {
                    problem = error.to_string();
                    tracing::warn!(lease = self.election.name, error = problem, "the lease was not renewed yet");
                }
            }
        }
    }

    fn lost(&self, error: impl FnOnce(String, String) -> ElectionError) -> ElectionError {
        self.fence.lose(&self.election.name);
        self.metrics.set(&series::LEADER, &[("name", &self.election.name)], 0.0);
        error(self.election.namespace.clone(), self.election.name.clone())
    }

    /// Writes the time; says who holds the lease when it is somebody else.
    async fn renew(&mut self) -> Result<Option<String>, Error> {
        if let Some(spec) = &mut self.lease.spec {
            spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
        }
        match self.api.replace(&self.election.name, &PostParams::default(), &self.lease).await {
            Ok(lease) => self.lease = lease,
            Err(error) if is_conflict(&error) => {
                let live = self.api.get(&self.election.name).await?;
                let holder = live.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
                if holder != self.election.identity {
                    return Ok(Some(if holder.is_empty() { "nobody".to_owned() } else { holder }));
                }
                // Somebody touched its labels, say: the next try is made on what is there now.
                self.lease = live;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// Gives the lease away, so that the next replica need not wait for its end.
    pub async fn release(mut self) {
        let gone = tokio::time::timeout(self.election.timing.patience(), self.give_away()).await;
        if let Err(error) = gone.unwrap_or_else(|_| Err(unanswered())) {
            tracing::warn!(lease = self.election.name, error = %error, "the lease was not released");
        }
        self.fence.release(&self.election.name);
    }

    async fn give_away(&mut self) -> Result<(), Error> {
        loop {
            if let Some(spec) = &mut self.lease.spec {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                spec.renew_time = Some(MicroTime(jiff::Timestamp::now()));
            }
            match self.api.replace(&self.election.name, &PostParams::default(), &self.lease).await {
                // A renewal that was cut off at the end may have been made all the same.
                Err(error) if is_conflict(&error) => {
                    let live = self.api.get(&self.election.name).await?;
                    let holder = live.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref());
                    if holder != Some(&self.election.identity) {
                        return Ok(());
                    }
                    self.lease = live;
                }
                answer => return answer.map(drop),
            }
        }
    }
}

/// A name that no other process has.
pub fn identity(host: &str) -> String {
    format!("{host}_{:016x}{:08x}", RandomState::new().build_hasher().finish(), std::process::id())
}

fn unanswered() -> Error {
    Error::Service("the API server did not answer".into())
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409)
}
