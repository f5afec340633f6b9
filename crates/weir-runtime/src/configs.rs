//! ConfigMaps and Secrets whose change makes the objects due that name them. Their metadata is watched only: no
//! content is read for it, let alone kept.

use crate::{Runtime, places};
use futures::stream::BoxStream;
use futures::{StreamExt, future, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use std::collections::HashMap;
use std::fmt::Debug;

/// A ConfigMap or Secret that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub is_secret: bool,
    pub namespace: String,
    pub name: String,
}

/// The changes of those that `--watch-configs-label-selector` selects. At the start each counts as changed: an object may
/// have been reconciled with an older one.
pub fn configs(runtime: &Runtime) -> BoxStream<'static, Config> {
    let Some(selector) = &runtime.watch.configs else { return stream::empty().boxed() };
    let config = watcher::Config::default().labels(selector);
    let secrets = changes::<Secret>(runtime, config.clone(), true);
    let maps = changes::<ConfigMap>(runtime, config, false);
    stream::select(maps, secrets).boxed()
}

fn changes<K>(runtime: &Runtime, config: watcher::Config, is_secret: bool) -> BoxStream<'static, Config>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + 'static,
    PartialObjectMeta<K>: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let mut versions: HashMap<String, Option<String>> = HashMap::new();
    let mut told = false;
    places::watch::<PartialObjectMeta<K>>(runtime, config)
        .filter_map(move |event| {
            let changed = match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => {
                    told = false;
                    let version = object.resource_version();
                    let key = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
                    (versions.insert(key, version.clone()) != Some(version)).then_some(object)
                }
                // Deleted, or no longer selected: what was read may not be there any more.
                Ok(Event::Delete(object)) => {
                    versions.remove(&format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()));
                    Some(object)
                }
                Ok(Event::Init | Event::InitDone) => None,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        let what = if is_secret { "Secrets" } else { "ConfigMaps" };
                        tracing::warn!(error = %error, "{what} are not watched: a change of one is seen at the interval");
                    }
                    None
                }
            };
            future::ready(changed.map(|object| Config {
                is_secret,
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
            }))
        })
        .boxed()
}
