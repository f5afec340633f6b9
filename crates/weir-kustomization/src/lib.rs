//! Kustomization: plan -> gather -> render -> apply -> prune -> health, and finalize.
//!
//! Contract: objects are read and written as `spec.serviceAccountName`; the source and the
//! dependencies are read by the controller. The inventory in the status is, at every moment, a
//! superset of what was applied: it is written as old and planned together before the first
//! mutation. A Kustomization that waits for health holds no worker.
//!
//! Limits of this version: the fields named in [`plan`](mod@plan) make an object Stalled
//! `NotImplemented`.

mod apply;
mod finalize;
mod gather;
mod health;
mod history;
mod plan;
mod triggers;
mod variables;
mod wakes;

pub use plan::overlay;

use gather::Source;
use health::Awaited;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use plan::Plan;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use triggers::{Key, Stirred, Times};
use wakes::Wakes;
use weir_api::{Kustomization, reasons};
use weir_artifact::Fetcher;
use weir_base::Tree;
use weir_kube::{Identity, Session};
use weir_runtime::{Cx, Done, Failure, Metadata, Reconciler, Runtime, Trigger, conditions};

/// What the controller is told at its start; Flux's flags of the same names.
#[derive(Clone, Debug)]
pub struct Options {
    /// Passes under way at once (`--concurrent`).
    pub concurrent: u16,
    /// Impersonated where an object names no service account (`--default-service-account`).
    pub default_service_account: Option<String>,
    /// References to other namespaces are refused (`--no-cross-namespace-refs`).
    pub no_cross_namespace_refs: bool,
    /// Dry-runs under way at once per object (`--concurrent-ssa`).
    pub concurrent_ssa: usize,
    /// When a missing source or dependency is looked at again (`--requeue-dependency`); a watch is
    /// normally faster.
    pub requeue_dependency: Duration,
    /// Tries to fetch an artifact after the first (`--http-retry`).
    pub http_retry: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrent: 4,
            default_service_account: None,
            no_cross_namespace_refs: false,
            concurrent_ssa: 4,
            requeue_dependency: Duration::from_secs(30),
            http_retry: 9,
        }
    }
}

/// The reconciler of Kustomization.
pub struct Kustomizations {
    fetcher: Fetcher,
    options: Options,
    /// Health that is awaited, by namespace and name.
    awaited: Mutex<HashMap<String, Awaited>>,
    /// The artifact that was unpacked last, by digest: several Kustomizations share a source.
    unpacked: Mutex<Option<(String, Arc<Tree>)>>,
    stirred: Stirred,
    wakes: Wakes,
}

impl Kustomizations {
    pub fn new(fetcher: Fetcher, options: Options) -> Self {
        Self {
            fetcher,
            options,
            awaited: Mutex::default(),
            unpacked: Mutex::default(),
            stirred: Stirred::default(),
            wakes: Wakes::default(),
        }
    }

    /// What makes a Kustomization due besides its own change; it gets the store of the Kustomizations.
    pub fn triggers(
        &self,
        runtime: &Runtime,
    ) -> impl FnOnce(Store<DeserializeGuard<Kustomization>>) -> Vec<Trigger> + Send + 'static {
        let (runtime, stirred, woken) = (runtime.clone(), self.stirred.clone(), self.wakes.trigger());
        move |store| {
            let mut all = triggers::triggers(&runtime, &store, &stirred);
            all.push(woken());
            all
        }
    }

    /// The session that applies: the tenant's, where one is named.
    fn tenant(&self, session: &Session, object: &Kustomization) -> Result<Session, Failure> {
        let account = object.spec.service_account_name.as_ref().or(self.options.default_service_account.as_ref());
        let Some(account) = account else { return Ok(session.clone()) };
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        match Identity::service_account(namespace, account) {
            Some(identity) => Ok(session.impersonate(identity)),
            None => {
                let message = format!("'{account}' is not the name of a service account");
                Err(Failure::stalled(reasons::RECONCILIATION_FAILED, message))
            }
        }
    }

    fn await_health(&self, key: &str, awaited: Option<Awaited>) {
        let mut all = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        match awaited {
            Some(awaited) => all.insert(key.to_owned(), awaited),
            None => all.remove(key),
        };
    }

    fn awaited(&self, key: &str) -> Option<Awaited> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

impl Reconciler for Kustomizations {
    type Object = Kustomization;
    const CONTROLLER: &'static str = "kustomize-controller";
    const STATUS_MANAGER: &'static str = "gotk-kustomize-controller";
    const CONDITIONS: &'static [&'static str] =
        &[conditions::READY, conditions::RECONCILING, conditions::STALLED, reasons::HEALTHY];

    async fn reconcile(&self, object: &Kustomization, cx: &mut Cx<Kustomization>) -> Result<Done, Failure> {
        let retry = object.retry_interval();
        let plan = plan::plan(object, &self.options)?;
        let times = self.stirred.times(&key(cx));
        let awaited = self.awaited(&cx.object_ref().to_string());
        let source = match awaited.and_then(|awaited| awaited.source(times)) {
            Some(source) => source,
            None => Arc::new(gather::source(cx, &plan, object).await?),
        };
        let about = about(&source);
        let result = self.advance(object, cx, &plan, &source, times).await;
        match result {
            Ok(done) => Ok(Done { metadata: finished(about), ..done }),
            Err(failure) => {
                if let Failure::Transient { reason, .. } = &failure {
                    self.await_health(&cx.object_ref().to_string(), None);
                    history::record(cx, None, &source, reason);
                }
                // As in Flux: a failure is retried after the retry interval, without a backoff.
                Err(failure.retried_after(retry).about(about))
            }
        }
    }

    async fn finalize(&self, object: &Kustomization, cx: &mut Cx<Kustomization>) -> Result<(), Failure> {
        self.await_health(&cx.object_ref().to_string(), None);
        let tenant = self.tenant(cx.session(), object)?;
        finalize::finalize(object, cx, &tenant).await?;
        self.stirred.forget(&key(cx));
        Ok(())
    }
}

impl Kustomizations {
    async fn advance(
        &self,
        object: &Kustomization,
        cx: &mut Cx<Kustomization>,
        plan: &Plan,
        source: &Arc<Source>,
        times: Times,
    ) -> Result<Done, Failure> {
        let key = cx.object_ref().to_string();
        let tenant = self.tenant(cx.session(), object)?;
        let run = health::Run::of(object, cx, source, times);
        if let Some(mut awaited) = self.awaited(&key).filter(|awaited| awaited.run == run) {
            awaited.read_source(source, times);
            return self.check_health(object, cx, plan, source, &tenant, awaited).await;
        }
        gather::dependencies(cx, plan, object, source).await?;
        let tree = self.unpack(source).await?;
        cx.status_mut().last_attempted_revision = Some(source.revision.clone());
        let substitution = variables::gather(cx, plan.post_build.as_ref()).await?;
        let rendered = apply::render(plan, substitution, tree, cx.budget()).await?;
        let digest = rendered.digest.clone();
        let applied = apply::apply(object, cx, plan, source, &tenant, rendered.objects).await?;
        let awaited = Awaited::begin(run, plan, applied, digest, source, times);
        self.check_health(object, cx, plan, source, &tenant, awaited).await
    }

    async fn check_health(
        &self,
        object: &Kustomization,
        cx: &mut Cx<Kustomization>,
        plan: &Plan,
        source: &Source,
        tenant: &Session,
        awaited: Awaited,
    ) -> Result<Done, Failure> {
        let key = cx.object_ref().to_string();
        let began = awaited.began;
        let digest = awaited.digest.clone();
        let wake = self.wakes.of(self::key(cx));
        match health::check(cx, plan, tenant, awaited, wake).await? {
            Some(waiting) => {
                let failure = waiting.failure(plan.timeout);
                self.await_health(&key, Some(waiting));
                Err(failure)
            }
            None => {
                self.await_health(&key, None);
                let message = format!("Applied revision: {}", source.revision);
                cx.status_mut().last_applied_revision = Some(source.revision.clone());
                cx.status_mut().last_applied_origin_revision = source.origin_revision.clone();
                history::record(cx, Some((&digest, began)), source, reasons::RECONCILIATION_SUCCEEDED);
                let (took, next) =
                    (began.elapsed(), weir_api::common::Duration::from(weir_api::FluxObject::interval(object)));
                let told = format!("Reconciliation finished in {:.3}s, next run in {next}", took.as_secs_f64());
                Ok(Done {
                    reason: reasons::RECONCILIATION_SUCCEEDED,
                    message,
                    event: Some((reasons::RECONCILIATION_SUCCEEDED, told)),
                    metadata: Metadata::new(),
                })
            }
        }
    }

    async fn unpack(&self, source: &Source) -> Result<Arc<Tree>, Failure> {
        let held = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, tree)) = held.filter(|(digest, _)| *digest == source.artifact.digest) {
            return Ok(tree);
        }
        let tree = gather::unpack(&self.fetcher, &source.artifact, self.options.requeue_dependency).await?;
        let tree = Arc::new(tree);
        *self.unpacked.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((source.artifact.digest.clone(), tree.clone()));
        Ok(tree)
    }
}

fn key(cx: &Cx<Kustomization>) -> Key {
    let own = cx.object_ref().id;
    (own.namespace, own.name)
}

/// What every event says.
fn about(source: &Source) -> Metadata {
    let mut about = Metadata::from([("revision".to_owned(), source.revision.clone())]);
    if let Some(origin) = &source.origin_revision {
        about.insert("originRevision".to_owned(), origin.clone());
    }
    about
}

/// The event of a successful run is what commit status providers look for.
fn finished(mut about: Metadata) -> Metadata {
    about.insert("commit_status".to_owned(), "update".to_owned());
    about
}
