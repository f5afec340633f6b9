//! Runs one history through our engine.

use crate::history::{History, Step};
use crate::reduce::reduced;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_apply::{Applier, ApplyError, Change, Options, Owner, Tracker, prune, scoped};
use weir_doc::{Map, Node};
use weir_kube::{ApplyOptions, Propagation, Session};
use weir_object::{ObjectRef, meta};

pub const MANAGER: &str = "kustomize-controller";

pub fn owner() -> Owner {
    Owner {
        group: "kustomize.toolkit.fluxcd.io".to_owned(),
        name: "app".to_owned(),
        namespace: "flux-system".to_owned(),
    }
}

pub struct Run<'a> {
    pub session: &'a Session,
    pub history: &'a History,
    pub namespace: &'a str,
    /// What is known of the objects from earlier steps.
    pub tracker: Option<&'a Arc<Tracker>>,
    /// Whether the cluster binds every claim.
    pub binds: bool,
}

impl Run<'_> {
    /// What the steps that apply say, and the objects in the end.
    pub async fn answer(&self) -> Node {
        let namespace =
            node(&format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}"}}}}"#, self.namespace));
        self.session.create(&namespace, "test").await.unwrap();
        let (mut told, mut seen, mut tracked) = (Vec::new(), BTreeMap::new(), Vec::new());
        for step in &self.history.steps {
            self.settled(seen.values()).await;
            let named: &[String] = match step {
                Step::Apply { objects, .. } => objects,
                Step::Create { object, .. } | Step::ServerSideApply { object, .. } => std::slice::from_ref(object),
                _ => &[],
            };
            for name in named {
                let object = ObjectRef::of(&self.history.part(name, self.namespace)).unwrap();
                seen.insert(object.id.to_string(), object);
            }
            match step {
                Step::Apply { objects, force } => told.push(self.apply(objects, *force, &mut tracked).await),
                _ => self.other(step).await,
            }
        }
        self.settled(seen.values()).await;
        let mut objects = Map::new();
        for (name, object) in seen {
            let live = self.session.get(&object).await.ok().flatten();
            let shown = live.map(|live| reduced(live, &self.history.managers(), self.namespace));
            objects.insert(self.masked(&name), shown.unwrap_or_else(Node::null));
        }
        let mut answer = Node::map();
        answer.set("steps", Node::from(told));
        answer.set("objects", Node::from(objects));
        answer
    }

    async fn apply(&self, names: &[String], force: bool, tracked: &mut Vec<ObjectRef>) -> Node {
        let owner = owner();
        let nodes: Vec<Node> = names.iter().map(|name| self.history.part(name, self.namespace)).collect();
        let applied: Vec<ObjectRef> = nodes.iter().map(|node| ObjectRef::of(node).unwrap()).collect();
        let applied = scoped(self.session, applied).await;
        let options = Options { force, concurrency: 4, ..Options::default() };
        if let Some(tracker) = self.tracker {
            tracker.follow(self.session, &applied, Duration::from_secs(3600)).await;
        }
        let applier =
            Applier { session: self.session, owner: &owner, manager: MANAGER, options, tracker: self.tracker };
        let mut changes = Vec::new();
        let outcome = applier.apply(nodes, &mut |change| changes.push(change)).await;
        let mut error = outcome.err();
        if error.is_none() {
            let is_stale = |old: &ObjectRef| !applied.iter().any(|object| object.id == old.id);
            let stale: Vec<ObjectRef> = tracked.iter().filter(|old| is_stale(old)).cloned().collect();
            let (pruned, survivors) = prune(self.session, &owner, &stale).await;
            changes.extend(pruned);
            error = survivors.into_iter().next().map(|(_, error)| error);
            *tracked = applied;
        }
        let mut told = Node::map();
        let lines = changes.iter().map(|change: &Change| Node::from(self.masked(&change.to_string())));
        told.set("changes", Node::from(lines.collect::<Vec<_>>()));
        if let Some(error) = error {
            told.set("error", self.short(&error));
        }
        told
    }

    /// The object that an error is about. Words and reasons differ where ours say more.
    fn short(&self, error: &ApplyError) -> String {
        let first = match error {
            ApplyError::Several(errors) => &errors[0],
            error => error,
        };
        let text = self.masked(&first.to_string());
        text.split(' ').next().unwrap_or_default().to_owned()
    }

    /// What others do to an object.
    async fn other(&self, step: &Step) {
        let part = |name: &str| self.history.part(name, self.namespace);
        let object = |name: &str| ObjectRef::of(&part(name)).unwrap();
        match step {
            Step::Apply { .. } => unreachable!("handled by its caller"),
            Step::Create { object, manager } => drop(self.session.create(&part(object), manager).await.unwrap()),
            Step::Patch { of, patch, manager } => {
                drop(self.session.merge_patch(&object(of), "", manager, &part(patch)).await.unwrap());
            }
            Step::ServerSideApply { object, manager } => {
                let options = ApplyOptions { manager, force: true, dry_run: false };
                drop(self.session.apply(&part(object), options).await.unwrap());
            }
            Step::Delete { object: name } => {
                let object = object(name);
                self.session.delete(&object, Propagation::Background, None).await.unwrap();
                until(async || self.session.get(&object).await.unwrap().is_none()).await;
            }
        }
    }

    /// Waits until the cluster's controllers have done their part: the one of Deployments writes an annotation, which
    /// would make the next apply a change, as the binding of a claim would, and what is deleted goes, but for what a
    /// history holds back.
    async fn settled(&self, seen: impl Iterator<Item = &ObjectRef>) {
        for object in seen {
            until(async || {
                let Ok(Some(live)) = self.session.get(object).await else { return true };
                let is_seen = object.id.kind != "Deployment"
                    || live.path(&["status", "observedGeneration"]) == live.path(&["metadata", "generation"]);
                let is_held = live.path(&["metadata", "finalizers"]).and_then(Node::as_seq).is_some_and(|held| {
                    held.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with("example.com/")))
                });
                let is_bound = !self.binds
                    || object.id.kind != "PersistentVolumeClaim"
                    || live.str_at(&["status", "phase"]) == Some("Bound");
                is_seen && (is_bound || meta::is_deleting(&live)) && (!meta::is_deleting(&live) || is_held)
            })
            .await;
        }
    }

    fn masked(&self, text: &str) -> String {
        text.replace(self.namespace, "$NS")
    }
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn node(json: &str) -> Node {
    weir_doc::from_json(json.as_bytes()).unwrap()
}
