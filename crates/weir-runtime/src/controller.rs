use crate::drive::{Next, Shared, drive, shared};
use crate::due::due;
use crate::events::{Involved, Metadata, Severity};
use crate::metrics::{Queue, Verdict, series};
use crate::{Cx, Done, Failure, Recorder, Runtime, places};
use futures::{StreamExt, future, stream};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{Controller as KubeController, WatchStreamExt};
use kube::{Resource, ResourceExt};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;
use weir_api::FluxObject;

/// What one kind does. The registry of a binary has one row per implementation.
pub trait Reconciler: Send + Sync + 'static {
    type Object: FluxObject + std::fmt::Debug + Send + Sync + 'static;

    /// Name of the controller in events (`kustomize-controller`).
    const CONTROLLER: &'static str;
    /// Field manager of status and finalizers.
    const STATUS_MANAGER: &'static str;
    /// The condition types that are ours; others survive a write.
    const CONDITIONS: &'static [&'static str];

    fn reconcile(
        &self,
        object: &Self::Object,
        cx: &mut Cx<Self::Object>,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;

    /// Undoes what the object did, before it goes.
    fn finalize(
        &self,
        object: &Self::Object,
        cx: &mut Cx<Self::Object>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether observedGeneration advances on a failure that is retried.
    fn observes_failed_generations(&self) -> bool {
        false
    }
}

/// Something other than a change of the object that makes it due: namespace and name.
pub type Trigger = stream::BoxStream<'static, (String, String)>;

/// How one kind is run.
pub struct Controller {
    pub runtime: Runtime,
    /// Passes under way at once.
    pub concurrency: u16,
}

/// Runs a kind until `stop` resolves; passes under way then end. `triggers` gets the store of the
/// objects, to map other kinds' changes to them.
pub async fn run<R, T>(
    reconciler: Arc<R>,
    controller: Controller,
    triggers: T,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) where
    R: Reconciler,
    T: FnOnce(Store<DeserializeGuard<R::Object>>) -> Vec<Trigger>,
{
    let Controller { runtime, concurrency } = controller;
    let (store, writer) = reflector::store();
    let queue = Queue::new(runtime.metrics.clone(), R::Object::KIND, concurrency);
    let recorder = Recorder::new(&runtime, R::CONTROLLER);
    let shared: Arc<Shared<R::Object>> = shared(&runtime, recorder, queue.clone());
    let watched = shared.clone();
    let changes = places::watch::<DeserializeGuard<R::Object>>(&runtime, runtime.watch_config());
    // Nobody asks who set which field of these objects, and it is most of what they take in memory.
    let changes = changes.modify(|object| object.meta_mut().managed_fields = None).reflect(writer);
    let changes = changes.inspect(move |change| {
        if let Ok(Event::Apply(object) | Event::Delete(object)) = change
            && let Ok(object) = &object.0
        {
            watched.caught_up(object);
        }
    });
    let (added, metrics) = (queue.clone(), runtime.metrics.clone());
    let gone = move |namespace: &str, name: &str| {
        metrics.forget(
            &series::RECONCILE_DURATION,
            &[("kind", R::Object::KIND), ("name", name), ("namespace", namespace)],
        );
    };
    let due = due(changes, gone).inspect(move |change| {
        if let Ok(object) = change {
            added.added(key(&object.namespace().unwrap_or_default(), &object.name_any()));
        }
    });
    let mut kube = KubeController::for_stream(due, store.clone())
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(stop);
    for trigger in triggers(store) {
        let added = queue.clone();
        kube = kube.reconcile_on(trigger.map(move |(namespace, name)| {
            added.added(key(&namespace, &name));
            ObjectRef::new(&name).within(&namespace)
        }));
    }
    let pass = move |guarded: Arc<DeserializeGuard<R::Object>>, shared: Arc<Shared<R::Object>>| {
        let reconciler = reconciler.clone();
        let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
        let span = tracing::error_span!("reconcile", controller = R::Object::KIND.to_lowercase(),
            controllerGroup = %R::Object::group(&()), controllerKind = R::Object::KIND, name, namespace);
        // Now, before the watch shows more than this.
        let object = guarded.0.as_ref().map(|object| shared.freshest(object)).map_err(|invalid| invalid.error.clone());
        let work = async move {
            shared.queue.began(&key(&namespace, &name));
            let began = Instant::now();
            let next = match object {
                Ok(object) => drive(&*reconciler, &shared, object).await,
                Err(error) => {
                    // The schema normally refuses these; one that came in anyway stops nothing else.
                    tracing::error!(error, "the object cannot be read");
                    let message = format!("the object cannot be read: {error}");
                    let involved = Involved::of(&*guarded);
                    shared.recorder.send(&involved, Severity::Error, "InvalidObject", &message, &Metadata::new());
                    Next::unreadable()
                }
            };
            let took = began.elapsed();
            shared.queue.ended(
                took,
                match (next.failed, next.after) {
                    (true, _) => Verdict::Error,
                    (false, Some(_)) => Verdict::RequeueAfter,
                    (false, None) => Verdict::Success,
                },
            );
            let labels = [("kind", R::Object::KIND), ("name", name.as_str()), ("namespace", namespace.as_str())];
            if next.gone {
                shared.metrics.forget(&series::RECONCILE_DURATION, &labels);
            } else {
                shared.metrics.observe(&series::RECONCILE_DURATION, &labels, took.as_secs_f64());
            }
            Ok::<_, Infallible>(next.after.map_or_else(Action::await_change, Action::requeue))
        };
        work.instrument(span)
    };
    kube.run(pass, |_, never: &Infallible, _| match *never {}, shared)
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(controllerKind = R::Object::KIND, error = %error, "controller");
            }
            future::ready(())
        })
        .await;
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
