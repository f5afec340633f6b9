//! Kubernetes Events, without flooding the API server: an event that is repeated counts up the one
//! that is there, and an object that has too much to say is limited, as by client-go's recorder.

use crate::Metadata;
use crate::events::{Involved, Severity};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weir_doc::{Map, Node};
use weir_kube::{KubeError, Session};
use weir_object::{ObjectId, ObjectRef};

/// Events that wait for the API server.
const QUEUE: usize = 1000;
/// Flux cuts at the same length; the API server refuses longer messages.
const MESSAGE_LIMIT: usize = 1024;
/// Events that are remembered; then the oldest half is forgotten, which only costs a new Event object.
const REMEMBERED: usize = 4096;
/// New events about one object: so many at once, and one more per this time.
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);

/// The way to the task that writes.
#[derive(Clone)]
pub(crate) struct EventLog {
    queue: mpsc::Sender<Said>,
}

/// One thing that was said about an object.
struct Said {
    involved: Involved,
    severity: Severity,
    reason: String,
    message: String,
    metadata: Metadata,
}

struct Writer {
    session: Session,
    controller: &'static str,
    host: String,
    written: HashMap<String, Written>,
    allowance: HashMap<String, (f64, Instant)>,
}

/// An Event object that is on the server.
struct Written {
    name: String,
    count: i64,
    at: Instant,
}

impl EventLog {
    pub fn start(session: Session, controller: &'static str, host: String) -> Self {
        let (queue, mut events) = mpsc::channel::<Said>(QUEUE);
        tokio::spawn(async move {
            let mut writer = Writer { session, controller, host, written: HashMap::new(), allowance: HashMap::new() };
            while let Some(said) = events.recv().await {
                if let Err(error) = writer.write(&said).await {
                    tracing::warn!(error = %error, "an event was not written");
                }
            }
        });
        Self { queue }
    }

    /// Whether there was room.
    pub fn send(
        &self,
        involved: Involved,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: Metadata,
    ) -> bool {
        let said = Said { involved, severity, reason: reason.to_owned(), message: cut(message), metadata };
        self.queue.try_send(said).is_ok()
    }
}

impl Writer {
    async fn write(&mut self, said: &Said) -> Result<(), KubeError> {
        let now = jiff::Timestamp::now();
        let key = format!(
            "{}/{}/{} {} {:?} {} {}",
            said.involved.kind,
            said.involved.namespace,
            said.involved.name,
            said.involved.uid,
            said.severity,
            said.reason,
            said.message
        );
        if !self.may_say(&said.involved) {
            return Ok(());
        }
        if let Some(written) = self.written.get_mut(&key) {
            let count = written.count + 1;
            let mut patch = Node::map();
            patch.set("count", count);
            patch.set("lastTimestamp", stamp(now).as_str());
            let event = event_ref(&said.involved.namespace, &written.name);
            match self.session.merge_patch(&event, "", self.controller, &patch).await {
                Ok(_) => {
                    (written.count, written.at) = (count, Instant::now());
                    return Ok(());
                }
                // The server forgets events after an hour.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let name = format!("{}.{:x}", said.involved.name, now.as_nanosecond());
        self.session.create(&self.event(said, &name, now), self.controller).await?;
        if self.written.len() >= REMEMBERED {
            let mut ages: Vec<Instant> = self.written.values().map(|written| written.at).collect();
            ages.sort();
            let middle = ages.get(ages.len() / 2).copied();
            self.written.retain(|_, written| Some(written.at) > middle);
        }
        self.written.insert(key, Written { name, count: 1, at: Instant::now() });
        Ok(())
    }

    fn may_say(&mut self, involved: &Involved) -> bool {
        let now = Instant::now();
        if self.allowance.len() >= REMEMBERED {
            self.allowance.retain(|_, (_, at)| now.duration_since(*at) < REFILL);
        }
        let key = format!("{}/{}/{}", involved.kind, involved.namespace, involved.name);
        let (left, at) = self.allowance.entry(key).or_insert((BURST, now));
        *left = (*left + now.duration_since(*at).div_duration_f64(REFILL)).min(BURST);
        *at = now;
        let may = *left >= 1.0;
        if may {
            *left -= 1.0;
        }
        may
    }

    fn event(&self, said: &Said, name: &str, now: jiff::Timestamp) -> Node {
        let involved = &said.involved;
        let map = |pairs: &[(&str, &str)]| -> Map { pairs.iter().map(|(k, v)| (*k, Node::string(*v))).collect() };
        let stamp = stamp(now);
        let mut event = Node::map();
        event.set("apiVersion", "v1");
        event.set("kind", "Event");
        event.set("metadata", map(&[("name", name), ("namespace", &involved.namespace)]));
        if !said.metadata.is_empty() {
            let annotations: Map =
                said.metadata.iter().map(|(key, value)| (key.as_str(), Node::string(value.as_str()))).collect();
            event.ensure_map(&["metadata"]).insert("annotations", annotations);
        }
        event.set(
            "involvedObject",
            map(&[
                ("apiVersion", &involved.api_version),
                ("kind", &involved.kind),
                ("namespace", &involved.namespace),
                ("name", &involved.name),
                ("uid", &involved.uid),
                ("resourceVersion", &involved.resource_version),
            ]),
        );
        event.set("type", if said.severity == Severity::Error { "Warning" } else { "Normal" });
        event.set("reason", said.reason.as_str());
        event.set("message", said.message.as_str());
        event.set("firstTimestamp", stamp.as_str());
        event.set("lastTimestamp", stamp.as_str());
        event.set("count", 1i64);
        event.set("source", map(&[("component", self.controller), ("host", &self.host)]));
        event.set("reportingComponent", self.controller);
        event.set("reportingInstance", self.host.as_str());
        event
    }
}

fn stamp(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn event_ref(namespace: &str, name: &str) -> ObjectRef {
    let id = ObjectId {
        group: String::new(),
        kind: "Event".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    ObjectRef { id, version: "v1".to_owned() }
}

fn cut(message: &str) -> String {
    if message.len() <= MESSAGE_LIMIT {
        return message.to_owned();
    }
    let end = (0..MESSAGE_LIMIT - 3).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &message[..end])
}
