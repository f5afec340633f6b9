//! The registry: one row per kind.

use super::backend::Backend;
use super::watch::Pokes;
use crate::error::CliError;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use weir_api::{
    Alert, ArtifactGenerator, Bucket, FluxObject, HelmChart, HelmRelease, HelmRepository, ImagePolicy, ImageRepository,
    ImageUpdateAutomation, OCIRepository, Provider, Receiver as WebhookReceiver,
};
use weir_kustomization::Kustomizations;
use weir_runtime::{Controller, Reconciler, Trigger, Unsupported, run, warn_static};
use weir_source::{GitRepositories, Locals};

/// Flux's `--concurrent` of the source and of the kustomize controller.
const CONCURRENT_SOURCES: u16 = 2;
const CONCURRENT_KUSTOMIZATIONS: u16 = 4;
const CONCURRENT_SSA: usize = 4;

/// The controllers that run.
pub struct Running(JoinSet<()>);

impl Running {
    /// Waits for the passes under way, but not for ever.
    pub async fn finish(mut self, within: Duration) {
        let all = async { while self.0.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(within, all).await;
    }
}

pub fn start(
    backend: &Backend,
    locals: Arc<Locals>,
    pokes: Pokes,
    stopped: Receiver<bool>,
) -> Result<Running, CliError> {
    let session = backend.session().clone();
    let client = session.client().clone();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .and_then(TcpListener::from_std)
        .map_err(|error| CliError::new(format!("the artifact server cannot listen: {error}")))?;
    let address =
        listener.local_addr().map_err(|error| CliError::new(format!("the artifact server has no address: {error}")))?;
    let store = weir_artifact::Store::open(&backend.artifacts(), &format!("http://{address}"))?;
    let mut tasks = JoinSet::new();
    let root = store.root().to_owned();
    tasks.spawn(until(stopped.clone(), async move { weir_artifact::serve(listener, &root).await }));
    let registry = Registry { session, stopped };

    let sources = GitRepositories { store: store.clone(), locals: locals.clone() };
    registry.add(&mut tasks, sources, CONCURRENT_SOURCES, move |objects| vec![pokes.triggers(objects, &locals)]);
    let options = weir_kustomization::Options { concurrent_ssa: CONCURRENT_SSA, ..Default::default() };
    let kustomizations = Kustomizations::new(store, options);
    registry.add(&mut tasks, kustomizations, CONCURRENT_KUSTOMIZATIONS, move |objects| {
        weir_kustomization::triggers(&client, objects)
    });

    registry.unsupported::<Bucket>(&mut tasks);
    registry.unsupported::<OCIRepository>(&mut tasks);
    registry.unsupported::<HelmRepository>(&mut tasks);
    registry.unsupported::<HelmChart>(&mut tasks);
    registry.unsupported::<ArtifactGenerator>(&mut tasks);
    registry.unsupported::<HelmRelease>(&mut tasks);
    registry.unsupported::<WebhookReceiver>(&mut tasks);
    registry.unsupported::<ImageRepository>(&mut tasks);
    registry.unsupported::<ImagePolicy>(&mut tasks);
    registry.unsupported::<ImageUpdateAutomation>(&mut tasks);
    let Registry { session, stopped } = registry;
    tasks.spawn(warn_static::<Alert>(session.clone(), host(), when(stopped.clone())));
    tasks.spawn(warn_static::<Provider>(session, host(), when(stopped)));
    Ok(Running(tasks))
}

struct Registry {
    session: weir_kube::Session,
    stopped: Receiver<bool>,
}

impl Registry {
    fn add<R, T>(&self, tasks: &mut JoinSet<()>, reconciler: R, concurrency: u16, triggers: T)
    where
        R: Reconciler,
        T: FnOnce(Store<DeserializeGuard<R::Object>>) -> Vec<Trigger> + Send + 'static,
    {
        let controller = Controller { session: self.session.clone(), host: host(), concurrency };
        tasks.spawn(run(Arc::new(reconciler), controller, triggers, when(self.stopped.clone())));
    }

    fn unsupported<O: FluxObject + Debug + Send + Sync + 'static>(&self, tasks: &mut JoinSet<()>) {
        self.add(tasks, Unsupported::<O>::default(), 1, |_| Vec::new());
    }
}

fn host() -> String {
    "weir-up".to_owned()
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
