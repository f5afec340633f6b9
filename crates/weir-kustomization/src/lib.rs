//! Kustomization: plan -> gather -> render -> apply -> prune -> health, and finalize.
//!
//! Contract: objects are read and written as `spec.serviceAccountName`; the source and the
//! dependencies are read by the controller. The inventory in the status is, at every moment, a
//! superset of what was applied: it is written as old and planned together before the first
//! mutation. A Kustomization that waits for health holds no worker.
//!
//! What is done with the services of clouds is done as who Flux would do it ([`clouds`]).

mod apply;
mod clouds;
mod cluster;
mod decryption;
mod dependencies;
mod finalize;
mod gather;
mod guard;
mod health;
mod history;
mod memory;
mod plan;
mod preview;
mod sources;
mod triggers;
mod variables;
mod wakes;

pub use apply::owner;
pub use decryption::Fallback;
pub use gather::{artifact_of, source_ref};
pub use guard::Guards;
pub use plan::overlay;
pub use preview::{Outlook, Recipe, preview, recipe, recipe_alone, stale, target};

use apply::Means;
use gather::Source;
use health::{Awaited, Run};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use memory::{Built, Memories};
use plan::Plan;
use sources::Sources;
use std::sync::Arc;
use std::time::Duration;
use triggers::{Key, Stirred};
use wakes::Wakes;
use weir_api::{Kustomization, reasons};
use weir_apply::Tracker;
use weir_artifact::Fetcher;
use weir_base::Tree;
use weir_cloud::Cloud;
use weir_kube::{Clusters, Session};
use weir_object::{GroupKind, Inventory};
use weir_render::{Fetch, Overlay};
use weir_runtime::{Cx, Done, Failure, Metadata, Reconciler, Runtime, Trigger, conditions};

/// What the controller is told at its start; Flux's flags of the same names.
#[derive(Clone, Debug)]
pub struct Options {
    /// Passes under way at once (`--concurrent`).
    pub concurrent: u16,
    /// Impersonated where an object names no service account (`--default-service-account`).
    pub default_service_account: Option<String>,
    /// An object that names no service account is refused (`--require-service-account`): the controller itself may
    /// change nothing.
    pub require_service_account: bool,
    /// ExternalArtifacts are sources too (gate `ExternalArtifact`).
    pub external_artifacts: bool,
    /// References to other namespaces are refused (`--no-cross-namespace-refs`).
    pub no_cross_namespace_refs: bool,
    /// Dry-runs under way at once per object (`--concurrent-ssa`).
    pub concurrent_ssa: usize,
    /// Field managers whose fields are taken over, by the beginning of their name (`--override-manager`).
    pub override_managers: Vec<String>,
    /// Kinds that are applied before the rest (`--custom-apply-stage-kinds`).
    pub custom_apply_stage_kinds: Vec<GroupKind>,
    /// When a missing source or dependency is looked at again (`--requeue-dependency`); a watch is
    /// normally faster.
    pub requeue_dependency: Duration,
    /// A failed object ends the waiting for the others (off with the gate `DisableFailFastBehavior`).
    pub fail_fast: bool,
    /// A variable that is not set and has no default is an error (gate `StrictPostBuildSubstitutions`).
    pub strict_substitutions: bool,
    /// Where the age keys are of Kustomizations that name none (`--sops-age-secret`).
    pub sops_age_secret: Option<Fallback>,
    /// ServiceAccounts may be named for access to clouds (gate `ObjectLevelWorkloadIdentity`).
    pub workload_identity: bool,
    /// The account that asks key services where an object names none (`--default-decryption-service-account`).
    pub default_decryption_service_account: Option<String>,
    /// The account that asks for access to other clusters where none is named (`--default-kubeconfig-service-account`).
    pub default_kubeconfig_service_account: Option<String>,
    /// A ConfigMap with the Vault servers to which tokens of Kubernetes are shown (`--sops-vault-configmap`).
    pub sops_vault_config_map: Option<Fallback>,
    /// The services of clouds; without it none is asked.
    pub cloud: Option<Arc<Cloud>>,
    /// A file that was changed after it was encrypted is an error, not a warning (`--sops-mac`).
    pub enforce_sops_mac: bool,
    /// Sources are read from the API server in each pass, not from the watch (gate `DirectSourceFetch`).
    pub direct_source_fetch: bool,
    /// A `readyExpr` is asked besides the Ready condition, not instead of it (gate `AdditiveCELDependencyCheck`).
    pub additive_cel_dependency_check: bool,
    /// The managed fields of objects are noted under the version that is applied (gate `MigrateAPIVersion`).
    pub migrate_api_version: bool,
    /// The log of an apply groups the objects by what was done (gate `GroupChangeLog`).
    pub group_change_log: bool,
    /// Tries to fetch an artifact after the first (`--http-retry`).
    pub http_retry: u32,
    /// The other clusters that `spec.kubeConfig` may name; without it an object that does is Stalled.
    pub clusters: Option<Arc<Clusters>>,
    /// Protections against mistakes.
    pub guards: Guards,
    /// Who fetches remote bases; without it they are refused (`--no-remote-bases`).
    pub remotes: Option<Arc<dyn Fetch>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrent: 4,
            default_service_account: None,
            require_service_account: false,
            external_artifacts: false,
            no_cross_namespace_refs: false,
            concurrent_ssa: 4,
            override_managers: Vec::new(),
            custom_apply_stage_kinds: Vec::new(),
            requeue_dependency: Duration::from_secs(30),
            fail_fast: true,
            strict_substitutions: true,
            sops_age_secret: None,
            workload_identity: false,
            default_decryption_service_account: None,
            default_kubeconfig_service_account: None,
            sops_vault_config_map: None,
            cloud: None,
            enforce_sops_mac: false,
            direct_source_fetch: false,
            additive_cel_dependency_check: false,
            migrate_api_version: false,
            group_change_log: false,
            http_retry: 9,
            clusters: None,
            guards: Guards::default(),
            remotes: None,
        }
    }
}

impl Options {
    /// For whoever builds or compares outside of a controller, whose gates are not known.
    pub(crate) fn outside() -> Self {
        Self { external_artifacts: true, workload_identity: true, ..Self::default() }
    }
}

/// The reconciler of Kustomization.
pub struct Kustomizations {
    fetcher: Fetcher,
    options: Options,
    memories: Memories,
    sources: Sources,
    stirred: Stirred,
    wakes: Wakes,
}

impl Kustomizations {
    pub fn new(fetcher: Fetcher, options: Options) -> Self {
        Self {
            fetcher,
            options,
            memories: Memories::default(),
            sources: Sources::default(),
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
        let (sources, external_artifacts) = (self.sources.clone(), self.options.external_artifacts);
        move |store| {
            let mut all = triggers::triggers(&runtime, &store, &stirred, &sources, external_artifacts);
            all.push(woken());
            all
        }
    }

    /// The session that applies: on the cluster and as the tenant that are named.
    async fn tenant(&self, session: &Session, object: &Kustomization) -> Result<Session, Failure> {
        cluster::session(session, object, &self.options, self.account(object)).await
    }

    /// The service account that is impersonated.
    fn account<'a>(&'a self, object: &'a Kustomization) -> Option<&'a str> {
        let named = object.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
        named.or(self.options.default_service_account.as_deref())
    }

    fn tracker(&self, object: &Kustomization, key: &Key) -> Arc<Tracker> {
        self.memories.tracker(key, || {
            let overrides = self.options.override_managers.clone();
            Tracker::new(apply::owner(object), apply::MANAGER, overrides, self.wakes.of(key.clone()))
        })
    }
}

impl Reconciler for Kustomizations {
    type Object = Kustomization;
    const CONTROLLER: &'static str = "kustomize-controller";
    const STATUS_MANAGER: &'static str = "gotk-kustomize-controller";
    const CONDITIONS: &'static [&'static str] =
        &[conditions::READY, conditions::RECONCILING, conditions::STALLED, reasons::HEALTHY];

    async fn reconcile(&self, object: &Kustomization, cx: &mut Cx<Kustomization>) -> Result<Done, Failure> {
        let (retry, key) = (object.retry_interval(), key(cx));
        let plan = plan::plan(object, &self.options)?;
        let times = self.stirred.times(&key);
        let source = gather::source(cx, &plan, object, &self.sources).await?;
        let run = Run::of(object, cx, &source, times);
        if !gather::is_asked_for(cx)
            && let Some(after) = self.memories.rest(&key, &run, times.sources, plan.interval)
        {
            return Err(Failure::Again { after });
        }
        self.memories.set_done(&key, None);
        let about = about(&source);
        let mut secrets = Vec::new();
        let result = self.advance(object, cx, &plan, (&source, &run), &mut secrets).await;
        match result {
            Ok(done) => {
                self.memories.set_done(&key, Some((run, times.sources)));
                Ok(Done { metadata: finished(about), ..done })
            }
            Err(failure) => {
                let failure = failure.worded(|message| variables::hidden(message, &secrets));
                if let Failure::Transient { reason, .. } = &failure {
                    self.memories.await_health(&key, None);
                    history::record(cx, None, &source, reason);
                }
                // As in Flux: a failure is retried after the retry interval, without a backoff.
                Err(failure.retried_after(retry).about(about))
            }
        }
    }

    async fn finalize(&self, object: &Kustomization, cx: &mut Cx<Kustomization>) -> Result<(), Failure> {
        let key = key(cx);
        self.memories.await_health(&key, None);
        let deleted = self.memories.deleted(&key);
        let is_over = match &deleted {
            Some(deleted) => deleted.is_empty(),
            None => !finalize::is_wanted(object, cx, self.account(object)).await?,
        };
        if !is_over {
            let tenant = self.tenant(cx.session(), object).await?;
            let deleted = match deleted {
                Some(deleted) => deleted,
                None => {
                    self.memories.set_deleted(&key, finalize::delete(object, cx, &tenant, &self.options.guards).await?)
                }
            };
            finalize::terminated(object, cx, &tenant, &self.tracker(object, &key), &deleted).await?;
        }
        self.memories.forget(&key);
        self.stirred.forget(&key);
        Ok(())
    }
}

impl Kustomizations {
    async fn advance(
        &self,
        object: &Kustomization,
        cx: &mut Cx<Kustomization>,
        plan: &Plan,
        (source, run): (&Source, &Run),
        secrets: &mut Vec<String>,
    ) -> Result<Done, Failure> {
        let key = key(cx);
        let tenant = self.tenant(cx.session(), object).await?;
        let tracker = self.tracker(object, &key);
        let (guards, groups) = (&self.options.guards, self.options.group_change_log);
        let means = |check_all| Means { plan, source, tenant: &tenant, tracker: &tracker, guards, groups, check_all };
        let awaited = self.memories.awaited(&key).filter(|awaited| awaited.run == *run);
        // What was meddled with may never be ready: it is put right first.
        if let Some(awaited) = awaited.clone().filter(|_| !tracker.is_repair_due()) {
            return self.check_health(object, cx, &means(false), awaited).await;
        }
        dependencies::check(cx, plan, object, source, (&self.memories, &self.wakes, &key)).await?;
        let tree = self.unpack(source).await?;
        cx.status_mut().last_attempted_revision = Some(source.revision.clone());
        let gathered = variables::gather(cx.session(), &key.0, plan.post_build.as_ref(), plan.strict).await?;
        let variables::Gathered { substitution, secrets: values } = gathered;
        *secrets = values;
        let spec = object.spec.decryption.as_ref();
        let decryption = decryption::gather(cx.session(), &key.0, spec, &self.options).await?;
        let overlay = Overlay { substitution, decryption, ..plan.overlay.clone() };
        let check_all = gather::is_asked_for(cx) || self.memories.is_check_due(&key, plan.interval);
        let manner =
            format!("{} {:?} force={} prune={}", tenant.cluster(), tenant.identity(), plan.apply.force, plan.prune);
        let held = self.memories.built(&key).filter(|built| {
            let is_settled = || tracker.is_settled(built.objects.iter().map(|object| &object.id));
            !check_all && built.manner == manner && is_inventory(cx, built) && is_settled()
        });
        let (applied, digest) =
            match apply::build(plan, overlay, tree, held, self.options.remotes.clone(), cx.budget()).await? {
                apply::Build::Same(built) => (built.again(object, cx, source), built.digest.clone()),
                apply::Build::New(rendered) => {
                    self.memories.set_built(&key, None);
                    apply::warn(cx, &rendered.warnings, source);
                    let applied = apply::apply(object, cx, &means(check_all), rendered.objects).await?;
                    if check_all {
                        self.memories.checked(&key);
                    }
                    let (objects, counted) = (applied.all.clone(), applied.objects.clone());
                    let (closure, digest) = (rendered.closure, rendered.digest);
                    self.memories
                        .set_built(&key, Some(Built { closure, digest: digest.clone(), objects, counted, manner }));
                    (applied, digest)
                }
            };
        let awaited = Awaited::begin(run.clone(), plan, applied, digest, awaited.as_ref());
        self.check_health(object, cx, &means(false), awaited).await
    }

    async fn check_health(
        &self,
        object: &Kustomization,
        cx: &mut Cx<Kustomization>,
        means: &Means<'_>,
        awaited: Awaited,
    ) -> Result<Done, Failure> {
        let Means { plan, source, tenant, tracker, .. } = *means;
        let key = key(cx);
        let (began, digest, repeats) = (awaited.began, awaited.digest.clone(), !awaited.is_news);
        let looked = health::check(cx, plan, tenant, tracker, awaited).await;
        match looked.inspect_err(|_| tracker.await_changes([]))? {
            Some(waiting) => {
                let failure = waiting.failure(plan.timeout, tracker);
                self.memories.await_health(&key, Some(waiting));
                Err(failure)
            }
            None => {
                self.memories.await_health(&key, None);
                // What was told while health was awaited was left for later.
                tracker.remind();
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
                    repeats,
                    metadata: Metadata::new(),
                })
            }
        }
    }

    async fn unpack(&self, source: &Source) -> Result<Arc<Tree>, Failure> {
        let digest = &source.artifact.digest;
        if let Some(tree) = self.memories.unpacked(digest) {
            return Ok(tree);
        }
        let tree = gather::unpack(&self.fetcher, &source.artifact, self.options.requeue_dependency).await?;
        let tree = Arc::new(tree);
        self.memories.keep(digest, &tree);
        Ok(tree)
    }
}

/// Whether the inventory is of exactly the objects of a build.
fn is_inventory(cx: &Cx<Kustomization>, built: &Built) -> bool {
    let applied: Inventory = built.objects.iter().cloned().collect();
    apply::inventory(cx).is_ok_and(|inventory| inventory == applied)
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
