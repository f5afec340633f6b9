//! The registry: one row per kind, for `weir up` and `weir controller`.

mod beside;
mod storage;

pub use beside::{is_ours, refuse_beside_flux};
pub use storage::{Storage, StorageOptions, socket};

use crate::error::CliError;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use weir_api::{
    Alert, ArtifactGenerator, Bucket, FluxObject, GitRepository, HelmChart, HelmRelease, HelmRepository, ImagePolicy,
    ImageRepository, ImageUpdateAutomation, OCIRepository, Provider, Receiver as WebhookReceiver,
};
use weir_artifact::Fetcher;
use weir_kustomization::Kustomizations;
use weir_runtime::{Controller, Reconciler, Runtime, Trigger, Unsupported, run, warn_static};
use weir_source::{GitRepositories, Locals};

/// Who reconciles which kinds; Flux has a controller of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Helm,
    ImageAutomation,
    ImageReflector,
    Kustomize,
    Notification,
    Source,
    Watcher,
}

impl Role {
    pub const ALL: [Role; 7] = [
        Role::Helm,
        Role::ImageAutomation,
        Role::ImageReflector,
        Role::Kustomize,
        Role::Notification,
        Role::Source,
        Role::Watcher,
    ];

    /// Name of Flux's controller, its Deployment and the stem of its lease.
    pub fn controller(self) -> &'static str {
        match self {
            Role::Helm => "helm-controller",
            Role::ImageAutomation => "image-automation-controller",
            Role::ImageReflector => "image-reflector-controller",
            Role::Kustomize => "kustomize-controller",
            Role::Notification => "notification-controller",
            Role::Source => "source-controller",
            Role::Watcher => "source-watcher",
        }
    }

    /// Whether this version reconciles its kinds, instead of saying that it does not.
    pub fn is_implemented(self) -> bool {
        matches!(self, Role::Source | Role::Kustomize)
    }
}

/// Kinds that [`start`] has a reconciler for; the others are `unsupported` there.
const RECONCILED: &[&str] = &["GitRepository", "Kustomization"];

/// Whether this version reconciles a kind, instead of saying that it does not.
pub fn is_reconciled(kind: &str) -> bool {
    RECONCILED.contains(&kind)
}

/// The controllers that run.
pub struct Running(JoinSet<()>);

impl Running {
    /// Waits for the passes under way, but not for ever.
    pub async fn finish(&mut self, within: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(within, all).await;
    }

    /// Stops what is left, where it stands.
    pub async fn abort(mut self) {
        self.0.shutdown().await;
    }
}

/// What is started.
pub struct Plan {
    pub roles: BTreeSet<Role>,
    /// The source controller's; needed by that role.
    pub storage: Option<Storage>,
    pub source: weir_source::Options,
    pub kustomize: weir_kustomization::Options,
    /// URLs that are read from the local disk.
    pub locals: Arc<Locals>,
}

/// Starts the roles of the plan. `pokes` make GitRepository objects due.
pub fn start<T>(runtime: &Runtime, plan: Plan, pokes: T, stopped: Receiver<bool>) -> Result<Running, CliError>
where
    T: FnOnce(Store<DeserializeGuard<GitRepository>>) -> Vec<Trigger> + Send + 'static,
{
    let Plan { roles, storage, source, kustomize, locals } = plan;
    let mut registry = Registry { runtime: runtime.clone(), stopped, tasks: JoinSet::new() };
    let store = storage.as_ref().map(|storage| storage.store.clone());
    if roles.contains(&Role::Source) {
        let Some(storage) = storage else { return Err(CliError::new("the source controller has no storage")) };
        let Storage { listener, store } = storage;
        let root = store.root().to_owned();
        let server = async move { weir_artifact::serve(listener, &root).await };
        registry.tasks.spawn(until(registry.stopped.clone(), server));
        let runtime = registry.runtime.clone();
        let concurrent = source.concurrent;
        registry.add(GitRepositories { store, locals, options: source }, concurrent, move |objects| {
            let included = weir_source::gitrepository::triggers(&runtime, objects.clone());
            pokes(objects).into_iter().chain(included).collect()
        });
        registry.unsupported::<Bucket>();
        registry.unsupported::<OCIRepository>();
        registry.unsupported::<HelmRepository>();
        registry.unsupported::<HelmChart>();
    }
    if roles.contains(&Role::Kustomize) {
        let concurrency = kustomize.concurrent;
        let fetcher = Fetcher::new(store, kustomize.http_retry);
        let kustomizations = Kustomizations::new(fetcher, kustomize);
        let triggers = kustomizations.triggers(&registry.runtime);
        registry.add(kustomizations, concurrency, triggers);
    }
    if roles.contains(&Role::Watcher) {
        registry.unsupported::<ArtifactGenerator>();
    }
    if roles.contains(&Role::Helm) {
        registry.unsupported::<HelmRelease>();
    }
    if roles.contains(&Role::Notification) {
        registry.unsupported::<WebhookReceiver>();
        registry.tasks.spawn(warn_static::<Alert>(runtime.clone(), when(registry.stopped.clone())));
        registry.tasks.spawn(warn_static::<Provider>(runtime.clone(), when(registry.stopped.clone())));
    }
    if roles.contains(&Role::ImageReflector) {
        registry.unsupported::<ImageRepository>();
        registry.unsupported::<ImagePolicy>();
    }
    if roles.contains(&Role::ImageAutomation) {
        registry.unsupported::<ImageUpdateAutomation>();
    }
    Ok(Running(registry.tasks))
}

struct Registry {
    runtime: Runtime,
    stopped: Receiver<bool>,
    tasks: JoinSet<()>,
}

impl Registry {
    fn add<R, T>(&mut self, reconciler: R, concurrency: u16, triggers: T)
    where
        R: Reconciler,
        T: FnOnce(Store<DeserializeGuard<R::Object>>) -> Vec<Trigger> + Send + 'static,
    {
        let controller = Controller { runtime: self.runtime.clone(), concurrency };
        self.tasks.spawn(run(Arc::new(reconciler), controller, triggers, when(self.stopped.clone())));
    }

    fn unsupported<O: FluxObject + Debug + Send + Sync + 'static>(&mut self) {
        self.add(Unsupported::<O>::default(), 1, |_| Vec::new());
    }
}

async fn when(mut stopped: Receiver<bool>) {
    // An error means that the sender is gone, and with it the command.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn until(stopped: Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = when(stopped) => {}
    }
}
