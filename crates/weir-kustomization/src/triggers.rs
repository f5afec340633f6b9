//! What makes a Kustomization due besides its own change: a new revision of its source, and a
//! dependency that became ready.

use futures::{StreamExt, future, stream};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::Store;
use kube::runtime::watcher::watcher;
use std::collections::HashMap;
use weir_api::{FluxKind, GitRepository, Kustomization};
use weir_runtime::{Runtime, Trigger, conditions};

type Objects = Store<DeserializeGuard<Kustomization>>;

/// The triggers of the kind. `store` holds the Kustomizations.
pub fn triggers(runtime: &Runtime, store: Objects) -> Vec<Trigger> {
    vec![sources(runtime, store.clone()), dependencies(runtime, store)]
}

/// Everything that a GitRepository publishes: a revision, or one at another address.
fn sources(runtime: &Runtime, store: Objects) -> Trigger {
    let mut seen: HashMap<String, String> = HashMap::new();
    watcher(runtime.api::<DeserializeGuard<GitRepository>>(), runtime.watch_config())
        .default_backoff()
        .applied_objects()
        .filter_map(move |change| {
            let published = change.ok().and_then(|guarded| guarded.0.ok()).and_then(|source| {
                let key = format!("{}/{}", source.namespace()?, source.name_any());
                let artifact = source.status.as_ref()?.artifact.as_ref()?;
                // The address too: after a change of the leader the content is the same elsewhere.
                let published = format!("{} {}", artifact.digest, artifact.url);
                let is_new = seen.insert(key, published.clone()) != Some(published);
                is_new.then(|| (source.namespace().unwrap_or_default(), source.name_any()))
            });
            future::ready(published)
        })
        .flat_map(move |(namespace, name)| {
            let due = store.state().into_iter().filter_map(move |guarded| {
                let object = guarded.0.as_ref().ok()?;
                let reference = object.spec.source_ref.as_ref()?;
                let own = object.namespace()?;
                let fits = reference.kind.as_str() == GitRepository::INFO.kind
                    && reference.name == name
                    && reference.namespace.as_ref().unwrap_or(&own) == &namespace;
                fits.then(|| (own, object.name_any()))
            });
            stream::iter(due.collect::<Vec<_>>())
        })
        .boxed()
}

/// Every Kustomization that became ready, or ready at another revision.
fn dependencies(runtime: &Runtime, store: Objects) -> Trigger {
    let mut seen: HashMap<String, Option<String>> = HashMap::new();
    watcher(runtime.api::<DeserializeGuard<Kustomization>>(), runtime.watch_config())
        .default_backoff()
        .applied_objects()
        .filter_map(move |change| {
            let became_ready = change.ok().and_then(|guarded| guarded.0.ok()).and_then(|object| {
                let key = format!("{}/{}", object.namespace()?, object.name_any());
                let status = object.status.as_ref()?;
                let ready = conditions::is_true(&status.conditions, conditions::READY);
                let revision = ready.then(|| status.last_applied_revision.clone().unwrap_or_default());
                let changed = seen.insert(key, revision.clone()) != Some(revision);
                (ready && changed).then(|| (object.namespace().unwrap_or_default(), object.name_any()))
            });
            future::ready(became_ready)
        })
        .flat_map(move |(namespace, name)| {
            let due = store.state().into_iter().filter_map(move |guarded| {
                let object = guarded.0.as_ref().ok()?;
                let own = object.namespace()?;
                let depends = object
                    .spec
                    .depends_on
                    .iter()
                    .any(|d| d.name == name && d.namespace.as_ref().unwrap_or(&own) == &namespace);
                depends.then(|| (own.clone(), object.name_any()))
            });
            stream::iter(due.collect::<Vec<_>>())
        })
        .boxed()
}
