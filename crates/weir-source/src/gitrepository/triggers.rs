//! What makes a GitRepository due besides its own change: a new artifact of one that it includes.
//! Flux waits for the interval.

use futures::{StreamExt, future, stream};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::Store;
use std::collections::HashMap;
use weir_api::GitRepository;
use weir_runtime::{Runtime, Trigger};

/// The triggers of the kind. `store` holds the GitRepositories.
pub fn triggers(runtime: &Runtime, store: Store<DeserializeGuard<GitRepository>>) -> Vec<Trigger> {
    let mut seen: HashMap<(String, String), String> = HashMap::new();
    let published = weir_runtime::watch::<DeserializeGuard<GitRepository>>(runtime, runtime.watch_config())
        .applied_objects()
        .filter_map(move |change| {
            let new = change.ok().and_then(|guarded| guarded.0.ok()).and_then(|source| {
                let key = (source.namespace()?, source.name_any());
                let digest = source.status.as_ref()?.artifact.as_ref()?.digest.clone();
                let is_new = seen.insert(key.clone(), digest.clone()) != Some(digest);
                is_new.then_some(key)
            });
            future::ready(new)
        });
    let due = published.flat_map(move |(namespace, name)| {
        let includers = store.state().into_iter().filter_map(move |guarded| {
            let object = guarded.0.as_ref().ok()?;
            let includes = object.spec.include.iter().any(|include| include.repository.name == name);
            let own = object.namespace()?;
            (includes && own == namespace).then(|| (own, object.name_any()))
        });
        stream::iter(includers.collect::<Vec<_>>())
    });
    vec![due.boxed()]
}
