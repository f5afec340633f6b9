//! The state of all Flux objects, as a watch delivers it.

use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weir_api::{KINDS, object::StatusSubresource};
use weir_kube::Session;

/// A failure counts as settled when nothing has changed for so long.
const QUIET: Duration = Duration::from_millis(1500);

/// One Flux object.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    pub state: State,
    pub reason: String,
    pub message: String,
    pub object: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    Working,
    Failed,
    Stalled,
    Suspended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ready,
    Failed,
    Working,
}

impl Row {
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

pub struct Fleet {
    rows: BTreeMap<String, Row>,
    changed: Vec<Row>,
    updates: mpsc::UnboundedReceiver<Update>,
    /// Kinds whose first list has not arrived.
    unknown: usize,
    quiet_since: Instant,
}

enum Update {
    Row(Box<Row>),
    Gone(String),
    Listed,
}

impl Fleet {
    /// Watches every kind that has a status.
    pub fn watch(session: Session) -> Self {
        let (sender, updates) = mpsc::unbounded_channel();
        let kinds: Vec<_> = KINDS.iter().filter(|info| !matches!(info.status, StatusSubresource::None)).collect();
        for info in &kinds {
            let gvk = GroupVersionKind::gvk(info.group, info.version, info.kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, info.plural);
            let api: Api<DynamicObject> = Api::all_with(session.client().clone(), &resource);
            let (sender, kind) = (sender.clone(), info.kind);
            tokio::spawn(async move {
                let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
                while let Some(event) = events.next().await {
                    let update = match event {
                        Ok(Event::Apply(object) | Event::InitApply(object)) => {
                            Update::Row(Box::new(row(kind, &object)))
                        }
                        Ok(Event::Delete(object)) => Update::Gone(row(kind, &object).id()),
                        Ok(Event::InitDone) => Update::Listed,
                        Ok(Event::Init) | Err(_) => continue,
                    };
                    if sender.send(update).is_err() {
                        return;
                    }
                }
            });
        }
        Self { rows: BTreeMap::new(), changed: Vec::new(), updates, unknown: kinds.len(), quiet_since: Instant::now() }
    }

    /// Waits for a change, or for the time at which quiet becomes a verdict.
    pub async fn changed(&mut self) {
        let quiet_at = self.quiet_since + QUIET;
        let next = if Instant::now() < quiet_at { quiet_at.into() } else { tokio::time::Instant::now() + QUIET };
        if let Ok(Some(update)) = tokio::time::timeout_at(next, self.updates.recv()).await {
            self.take(update);
            while let Ok(update) = self.updates.try_recv() {
                self.take(update);
            }
        }
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Row(row) => {
                let id = row.id();
                let old = self.rows.insert(id, (*row).clone());
                let same = |old: &Row| old.state == row.state && old.message == row.message;
                if !old.as_ref().is_some_and(same) {
                    self.quiet_since = Instant::now();
                    self.changed.push(*row);
                }
            }
            Update::Gone(id) => {
                self.rows.remove(&id);
                self.quiet_since = Instant::now();
            }
            Update::Listed => self.unknown = self.unknown.saturating_sub(1),
        }
    }

    /// The rows that changed since the last call.
    pub fn changes(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.changed)
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub fn verdict(&self) -> Verdict {
        if self.unknown > 0 || self.rows.is_empty() {
            return Verdict::Working;
        }
        let fine = |row: &Row| matches!(row.state, State::Ready | State::Suspended);
        if self.rows.values().all(fine) {
            return Verdict::Ready;
        }
        let failed = self.rows.values().any(|row| matches!(row.state, State::Failed | State::Stalled));
        // Those that wait for a failed one never get further by themselves.
        let moving = self.rows.values().any(|row| row.state == State::Working && !is_waiting(row));
        if failed && !moving && self.quiet_since.elapsed() >= QUIET { Verdict::Failed } else { Verdict::Working }
    }

    /// Why not everything is ready, a line per object.
    pub fn reasons(&self) -> Vec<String> {
        self.rows
            .values()
            .filter(|row| !matches!(row.state, State::Ready | State::Suspended))
            .map(|row| format!("{}: {}: {}", row.id(), row.reason, row.message))
            .collect()
    }
}

fn is_waiting(row: &Row) -> bool {
    matches!(row.reason.as_str(), "DependencyNotReady" | "ArtifactFailed")
}

fn row(kind: &'static str, object: &DynamicObject) -> Row {
    let data = &object.data;
    let condition = |kind: &str| {
        let list = data.pointer("/status/conditions").and_then(Value::as_array);
        list.and_then(|list| list.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(kind)))
    };
    let text = |condition: Option<&Value>, key: &str| {
        condition.and_then(|c| c.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let ready = condition("Ready");
    let observed = data.pointer("/status/observedGeneration").and_then(Value::as_i64);
    let current = observed.is_none() || observed == object.metadata.generation;
    let waits = text(ready, "reason") == "DependencyNotReady"
        || (text(ready, "reason") == "ArtifactFailed" && text(ready, "message").contains("retrying in"));
    let state = if data.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        State::Suspended
    } else if text(condition("Stalled"), "status") == "True" {
        State::Stalled
    } else {
        match text(ready, "status").as_str() {
            "True" if current => State::Ready,
            "False" if !waits => State::Failed,
            _ => State::Working,
        }
    };
    Row {
        kind,
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
        state,
        reason: text(ready, "reason"),
        message: text(ready, "message"),
        object: data.clone(),
    }
}
