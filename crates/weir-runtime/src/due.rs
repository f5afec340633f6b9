use futures::{Stream, StreamExt, future};
use kube::runtime::watcher::{Error, Event};
use kube::{Resource, ResourceExt};
use std::collections::{HashMap, HashSet};
use weir_api::names;

/// An object that was seen: where it is, and what about it calls for a pass when it changes.
struct Seen {
    namespace: String,
    name: String,
    state: String,
}

/// What a watch has shown so far.
struct Memory<F> {
    seen: HashMap<String, Seen>,
    /// The objects of the list that is being read, after the watch began anew.
    listed: Option<HashSet<String>>,
    forget: F,
}

/// Only the changes that call for a pass: a new generation, a request, a deletion, a new object, one that came (back)
/// into the selection. Our own status writes are none of them. `forget` is told what is no more.
pub(crate) fn due<K: Resource<DynamicType = ()>>(
    changes: impl Stream<Item = Result<Event<K>, Error>>,
    forget: impl Fn(&str, &str),
) -> impl Stream<Item = Result<K, Error>> {
    let mut memory = Memory { seen: HashMap::new(), listed: None, forget };
    changes.filter_map(move |change| {
        future::ready(match change {
            Ok(event) => memory.pass_for(event).map(Ok),
            Err(error) => Some(Err(error)),
        })
    })
}

impl<F: Fn(&str, &str)> Memory<F> {
    fn pass_for<K: Resource<DynamicType = ()>>(&mut self, event: Event<K>) -> Option<K> {
        match event {
            Event::Apply(object) => self.look(object),
            Event::InitApply(object) => {
                let uid = object.uid().unwrap_or_default();
                if let Some(listed) = &mut self.listed {
                    listed.insert(uid);
                }
                self.look(object)
            }
            Event::Delete(object) => {
                self.gone(&object.uid().unwrap_or_default());
                None
            }
            Event::Init => {
                self.listed = Some(HashSet::new());
                None
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let gone: Vec<String> = self.seen.keys().filter(|uid| !listed.contains(*uid)).cloned().collect();
                gone.iter().for_each(|uid| self.gone(uid));
                None
            }
        }
    }

    fn look<K: Resource<DynamicType = ()>>(&mut self, object: K) -> Option<K> {
        let meta = object.meta();
        let state = format!(
            "{:?} {:?} {:?} {}",
            meta.generation,
            object.annotations().get(names::REQUESTED_AT),
            object.annotations().get(names::CONFIRM_PRUNE),
            meta.deletion_timestamp.is_some()
        );
        let uid = meta.uid.clone().unwrap_or_default();
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let seen = Seen { namespace, name, state: state.clone() };
        let before = self.seen.insert(uid, seen);
        before.is_none_or(|before| before.state != state).then_some(object)
    }

    fn gone(&mut self, uid: &str) {
        if let Some(Seen { namespace, name, .. }) = self.seen.remove(uid) {
            (self.forget)(&namespace, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;
    use std::cell::RefCell;

    fn object(name: &str, generation: i64, more: serde_json::Value) -> ConfigMap {
        let mut value = json!({"metadata": {"name": name, "namespace": "a", "uid": name, "generation": generation}});
        for (key, value_of) in more.as_object().into_iter().flatten() {
            value["metadata"][key] = value_of.clone();
        }
        serde_json::from_value(value).expect("a ConfigMap")
    }

    /// Names of the objects that are due, and of those that are gone.
    async fn run(events: Vec<Event<ConfigMap>>) -> (Vec<String>, Vec<String>) {
        let gone = RefCell::new(Vec::new());
        let forget = |namespace: &str, name: &str| gone.borrow_mut().push(format!("{namespace}/{name}"));
        let changes = futures::stream::iter(events.into_iter().map(Ok));
        let due: Vec<String> = due(changes, forget).map(|change| change.expect("no errors").name_any()).collect().await;
        (due, gone.into_inner())
    }

    #[tokio::test]
    async fn our_own_status_calls_for_nothing() {
        let asked = json!({"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}});
        let (due, gone) = run(vec![
            Event::Apply(object("new", 1, json!({"resourceVersion": "1"}))),
            Event::Apply(object("new", 1, json!({"resourceVersion": "2", "labels": {"a": "b"}}))),
            Event::Apply(object("new", 2, json!({}))),
            Event::Apply(object("new", 2, asked.clone())),
            Event::Apply(object("new", 2, asked)),
            Event::Apply(object("new", 2, json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}))),
        ])
        .await;
        assert_eq!((due.len(), gone.len()), (4, 0), "new, changed, asked, deleted: {due:?}");
    }

    #[tokio::test]
    async fn what_left_the_selection_is_due_when_it_comes_back() {
        let (due, gone) = run(vec![
            Event::Apply(object("x", 1, json!({}))),
            Event::Delete(object("x", 1, json!({}))),
            Event::Apply(object("x", 1, json!({}))),
        ])
        .await;
        assert_eq!((due, gone), (vec!["x".to_owned(), "x".to_owned()], vec!["a/x".to_owned()]));
    }

    #[tokio::test]
    async fn a_watch_that_begins_anew_shows_what_went_meanwhile() {
        let (due, gone) = run(vec![
            Event::Init,
            Event::InitApply(object("stays", 1, json!({}))),
            Event::InitApply(object("goes", 1, json!({}))),
            Event::InitApply(object("changes", 1, json!({}))),
            Event::InitDone,
            Event::Init,
            Event::InitApply(object("stays", 1, json!({}))),
            Event::InitApply(object("changes", 2, json!({}))),
            Event::InitDone,
        ])
        .await;
        assert_eq!(due, ["stays", "goes", "changes", "changes"]);
        assert_eq!(gone, ["a/goes"]);
    }
}
