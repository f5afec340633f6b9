//! Kinds that this version does not reconcile, so that none of them is met with silence.

use crate::events::Involved;
use crate::{Cx, Done, Failure, Metadata, Reconciler, Recorder, Runtime, Severity, conditions, places};
use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use std::marker::PhantomData;
use weir_api::FluxObject;

/// Makes every object of a kind Stalled with reason `NotImplemented`.
pub struct Unsupported<O>(PhantomData<fn() -> O>);

impl<O> Default for Unsupported<O> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<O: FluxObject + Debug + Send + Sync + 'static> Reconciler for Unsupported<O> {
    type Object = O;
    const CONTROLLER: &'static str = "weir";
    const STATUS_MANAGER: &'static str = "weir";
    const CONDITIONS: &'static [&'static str] = &[conditions::READY, conditions::RECONCILING, conditions::STALLED];

    async fn reconcile(&self, _object: &O, _cx: &mut Cx<O>) -> Result<Done, Failure> {
        Err(Failure::not_implemented(&format!("the kind {}", O::KIND)))
    }

    async fn finalize(&self, _object: &O, _cx: &mut Cx<O>) -> Result<(), Failure> {
        Ok(())
    }
}

/// The same for the kinds without a status (Alert, Provider): a Warning event per object.
pub async fn warn_static<K>(runtime: Runtime, stop: impl Future<Output = ()> + Send)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let recorder = Recorder::new(&runtime, "weir");
    let changes = places::watch::<K>(&runtime, runtime.watch_config());
    let stop = std::pin::pin!(stop);
    let mut changes = std::pin::pin!(changes.applied_objects().take_until(stop));
    let mut warned = HashSet::new();
    while let Some(change) = changes.next().await {
        let Ok(object) = change else { continue };
        if !warned.insert(object.uid()) {
            continue;
        }
        let involved = Involved::of(&object);
        let message = format!("the kind {} is not implemented in this version of weir", involved.kind);
        recorder.send(&involved, Severity::Error, "NotImplemented", &message, &Metadata::new());
    }
}
