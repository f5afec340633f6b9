//! What makes a Kustomization due besides its own change: a new revision of its source, a dependency
//! that became ready, a ConfigMap or Secret that it names and that is labelled to be watched.

use crate::sources::{Publishes, Sources};
use futures::{StreamExt, future, stream};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::Store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use weir_api::common::DataKind;
use weir_api::{Bucket, ExternalArtifact, FluxKind, GitRepository, Kustomization, OCIRepository};
use weir_runtime::{Config, Runtime, Trigger, conditions};

pub(crate) type Objects = Store<DeserializeGuard<Kustomization>>;

/// Namespace and name of a Kustomization.
pub(crate) type Key = (String, String);

/// How often what a Kustomization reads has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub sources: u64,
    pub configs: u64,
}

/// The same of all: a run that waits for health cannot see it in the object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stirred(Arc<Mutex<HashMap<Key, Times>>>);

impl Stirred {
    pub fn times(&self, key: &Key) -> Times {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or_default()
    }

    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn stir(&self, keys: &[Key], count: impl Fn(&mut Times) -> &mut u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            *count(all.entry(key.clone()).or_default()) += 1;
        }
    }
}

/// The triggers of the kind. `store` holds the Kustomizations.
pub(crate) fn triggers(
    runtime: &Runtime,
    store: &Objects,
    stirred: &Stirred,
    known: &Sources,
    external_artifacts: bool,
) -> Vec<Trigger> {
    let mut all = vec![
        sources::<GitRepository>(runtime, store.clone(), stirred.clone(), known.clone()),
        sources::<OCIRepository>(runtime, store.clone(), stirred.clone(), known.clone()),
        sources::<Bucket>(runtime, store.clone(), stirred.clone(), known.clone()),
        dependencies(runtime, store.clone()),
        configs(runtime, store.clone(), stirred.clone()),
    ];
    if external_artifacts {
        all.push(sources::<ExternalArtifact>(runtime, store.clone(), stirred.clone(), known.clone()));
    }
    all
}

/// Every ConfigMap and Secret that is named and changed.
fn configs(runtime: &Runtime, store: Objects, stirred: Stirred) -> Trigger {
    weir_runtime::configs(runtime)
        .flat_map(move |config| {
            let due: Vec<Key> = store
                .state()
                .into_iter()
                .filter_map(|guarded| {
                    let object = guarded.0.as_ref().ok()?;
                    names(object, &config).then(|| (config.namespace.clone(), object.name_any()))
                })
                .collect();
            stirred.stir(&due, |times| &mut times.configs);
            stream::iter(due)
        })
        .boxed()
}

/// Whether a Kustomization reads it, for its build or for its access. Those are always in its own namespace.
fn names(object: &Kustomization, config: &Config) -> bool {
    let spec = &object.spec;
    let kind = if config.is_secret { DataKind::Secret } else { DataKind::ConfigMap };
    let substitutes = spec.post_build.iter().flat_map(|post_build| &post_build.substitute_from);
    let mut named: Vec<&str> =
        substitutes.filter(|reference| reference.kind == kind).map(|reference| reference.name.as_str()).collect();
    let access = spec.kube_config.as_ref();
    if config.is_secret {
        named.extend(access.and_then(|access| access.secret_ref.as_ref()).map(|secret| secret.name.as_str()));
        let keys = spec.decryption.as_ref().and_then(|decryption| decryption.secret_ref.as_ref());
        named.extend(keys.map(|secret| secret.name.as_str()));
    } else {
        named.extend(access.and_then(|access| access.config_map_ref.as_ref()).map(|map| map.name.as_str()));
    }
    object.namespace().as_deref() == Some(&config.namespace) && named.contains(&config.name.as_str())
}

/// Everything that the objects of a kind publish.
fn sources<K>(runtime: &Runtime, store: Objects, stirred: Stirred, known: Sources) -> Trigger
where
    K: Publishes + kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    weir_runtime::watch::<DeserializeGuard<K>>(runtime, runtime.watch_config())
        .filter_map(move |event| future::ready(event.ok().and_then(|event| known.note(event))))
        .flat_map(move |(namespace, name)| {
            let due = store.state().into_iter().filter_map(move |guarded| {
                let object = guarded.0.as_ref().ok()?;
                let reference = object.spec.source_ref.as_ref()?;
                let own = object.namespace()?;
                let fits = reference.kind.as_str() == K::INFO.kind
                    && reference.name == name
                    && reference.namespace.as_ref().unwrap_or(&own) == &namespace;
                fits.then(|| (own, object.name_any()))
            });
            let due: Vec<Key> = due.collect();
            stirred.stir(&due, |times| &mut times.sources);
            stream::iter(due)
        })
        .boxed()
}

/// Every Kustomization that became ready, or ready at another revision.
fn dependencies(runtime: &Runtime, store: Objects) -> Trigger {
    let mut seen: HashMap<String, Option<String>> = HashMap::new();
    weir_runtime::watch::<DeserializeGuard<Kustomization>>(runtime, runtime.watch_config())
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
                let depends = object.spec.depends_on.iter().any(|d| {
                    d.is_of(Kustomization::INFO) && d.name == name && d.namespace.as_ref().unwrap_or(&own) == &namespace
                });
                depends.then(|| (own.clone(), object.name_any()))
            });
            stream::iter(due.collect::<Vec<_>>())
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kustomization_reads_is_known() {
        let object: Kustomization = serde_json::from_value(serde_json::json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "x", "namespace": "team"},
            "spec": {
                "prune": true,
                "postBuild": {"substituteFrom": [
                    {"kind": "ConfigMap", "name": "vars"}, {"kind": "Secret", "name": "tokens", "optional": true}]},
                "decryption": {"provider": "sops", "secretRef": {"name": "keys"}},
                "kubeConfig": {"configMapRef": {"name": "cluster"}, "secretRef": {"name": "access"}},
            },
        }))
        .expect("a Kustomization");
        let reads = |kind: &str, namespace: &str, name: &str| {
            let config = Config { is_secret: kind == "Secret", namespace: namespace.to_owned(), name: name.to_owned() };
            names(&object, &config)
        };
        for (kind, name) in [
            ("ConfigMap", "vars"),
            ("ConfigMap", "cluster"),
            ("Secret", "tokens"),
            ("Secret", "keys"),
            ("Secret", "access"),
        ] {
            assert!(reads(kind, "team", name), "{kind} {name}");
            assert!(!reads(kind, "other", name), "references do not leave the namespace");
        }
        for (kind, name) in [("Secret", "vars"), ("ConfigMap", "tokens"), ("ConfigMap", "keys"), ("Secret", "other")] {
            assert!(!reads(kind, "team", name), "{kind} {name}");
        }
    }

    #[test]
    fn changes_are_counted_until_the_object_goes() {
        let stirred = Stirred::default();
        let [x, y] = ["x", "y"].map(|name| ("team".to_owned(), name.to_owned()));
        stirred.stir(std::slice::from_ref(&x), |times| &mut times.configs);
        stirred.stir(&[x.clone(), x.clone()], |times| &mut times.sources);
        assert_eq!((stirred.times(&x), stirred.times(&y)), (Times { sources: 2, configs: 1 }, Times::default()));
        stirred.forget(&x);
        assert_eq!(stirred.times(&x), Times::default());
    }
}
