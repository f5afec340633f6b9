use crate::drive::{Shared, drive, shared};
use crate::{Cx, Done, Failure, Recorder};
use futures::{Stream, StreamExt, future, stream};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{Controller as KubeController, WatchStreamExt};
use kube::{Resource, ResourceExt};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use weir_api::{FluxObject, names};
use weir_kube::Session;

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
    pub session: Session,
    pub host: String,
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
    let Controller { session, host, concurrency } = controller;
    let api: Api<DeserializeGuard<R::Object>> = Api::all(session.client().clone());
    let (store, writer) = reflector::store();
    let changes = watcher(api, watcher::Config::default()).default_backoff().reflect(writer).touched_objects();
    let due = due(changes);
    let recorder = Recorder::new(session.clone(), R::CONTROLLER, host);
    let shared: Arc<Shared<R::Object>> = shared(session, recorder);
    let mut kube = KubeController::for_stream(due, store.clone())
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(stop);
    for trigger in triggers(store) {
        kube = kube.reconcile_on(trigger.map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)));
    }
    let pass = move |guarded: Arc<DeserializeGuard<R::Object>>, shared: Arc<Shared<R::Object>>| {
        let reconciler = reconciler.clone();
        async move {
            let next = match &guarded.0 {
                Ok(object) => drive(&*reconciler, &shared, object).await,
                Err(invalid) => {
                    // The schema normally refuses these; one that came in anyway stops nothing else.
                    tracing::error!(kind = R::Object::KIND, name = guarded.name_any(),
                        namespace = guarded.namespace(), error = %invalid.error, "the object cannot be read");
                    None
                }
            };
            Ok::<_, Infallible>(next.map_or_else(Action::await_change, Action::requeue))
        }
    };
    kube.run(pass, |_, never: &Infallible, _| match *never {}, shared)
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(kind = R::Object::KIND, error = %error, "controller");
            }
            future::ready(())
        })
        .await;
}

/// Only the changes that call for a pass: a new generation, a request, a deletion, a new object.
/// Our own status writes are none of them.
fn due<K: Resource<DynamicType = ()>>(
    changes: impl Stream<Item = Result<K, watcher::Error>>,
) -> impl Stream<Item = Result<K, watcher::Error>> {
    let mut seen: HashMap<String, String> = HashMap::new();
    changes.filter(move |change| {
        let pass = match change {
            Ok(object) => {
                let meta = object.meta();
                let uid = meta.uid.clone().unwrap_or_default();
                let gone = meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty);
                let state = format!(
                    "{:?} {:?} {}",
                    meta.generation,
                    object.annotations().get(names::REQUESTED_AT),
                    meta.deletion_timestamp.is_some()
                );
                if gone {
                    seen.remove(&uid);
                    false
                } else {
                    seen.insert(uid, state.clone()) != Some(state)
                }
            }
            Err(_) => true,
        };
        future::ready(pass)
    })
}
