//! The artifacts that the sources have now, as their watch shows them: what a Kustomization would else read anew in
//! each pass.

use crate::triggers::Key;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use weir_api::common::Artifact;
use weir_api::{Bucket, ExternalArtifact, FluxKind, GitRepository, OCIRepository};

/// A kind that publishes artifacts and is watched.
pub(crate) trait Publishes: FluxKind {
    fn published(self) -> Option<Artifact>;
}

macro_rules! publishes {
    ($($kind:ident),+) => {
        $(impl Publishes for $kind {
            fn published(self) -> Option<Artifact> {
                self.status?.artifact
            }
        })+
    };
}

publishes!(Bucket, ExternalArtifact, GitRepository, OCIRepository);

/// By kind and name. One that is not here may be there all the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Arc<Mutex<HashMap<(String, Key), Artifact>>>);

impl Sources {
    pub fn artifact(&self, kind: &str, key: &Key) -> Option<Artifact> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(kind.to_owned(), key.clone())).cloned()
    }

    /// Notes a change; returns the source that publishes something new: a revision, or one at another address, as after
    /// a change of the leader.
    pub fn note<K: Publishes>(&self, event: Event<DeserializeGuard<K>>) -> Option<Key>
    where
        DeserializeGuard<K>: ResourceExt,
    {
        let of_kind = |key: &Key| (K::INFO.kind.to_owned(), key.clone());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                let key = (object.namespace().unwrap_or_default(), object.name_any());
                let artifact = object.0.ok().and_then(K::published);
                let Some(artifact) = artifact else {
                    known.remove(&of_kind(&key));
                    return None;
                };
                let published = |artifact: &Artifact| (artifact.digest.clone(), artifact.url.clone());
                let new = published(&artifact);
                let before = known.insert(of_kind(&key), artifact);
                (before.as_ref().map(published) != Some(new)).then_some(key)
            }
            Event::Delete(object) => {
                known.remove(&of_kind(&(object.namespace().unwrap_or_default(), object.name_any())));
                None
            }
            Event::Init | Event::InitDone => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn news_is_another_content_or_another_address() {
        let object = |digest: &str, url: &str| {
            let value = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
                "metadata": {"name": "x", "namespace": "a"}, "spec": {"url": "https://example.com/x", "interval": "1m"},
                "status": {"artifact": {"digest": digest, "url": url, "path": "p", "revision": "r",
                    "lastUpdateTime": "2026-01-01T00:00:00Z"}}});
            serde_json::from_value::<DeserializeGuard<GitRepository>>(value).expect("a GitRepository")
        };
        let (sources, key) = (Sources::default(), ("a".to_owned(), "x".to_owned()));
        assert_eq!(sources.note(Event::InitApply(object("1", "u"))), Some(key.clone()));
        assert_eq!(sources.note(Event::Apply(object("1", "u"))), None);
        assert_eq!(sources.note(Event::Apply(object("2", "u"))), Some(key.clone()));
        assert_eq!(sources.note(Event::Apply(object("2", "v"))), Some(key.clone()));
        assert_eq!(sources.artifact("GitRepository", &key).map(|a| a.digest), Some("2".to_owned()));
        assert!(sources.artifact("ExternalArtifact", &key).is_none(), "another kind");
        sources.note(Event::Delete(object("2", "v")));
        assert!(sources.artifact("GitRepository", &key).is_none());
    }
}
