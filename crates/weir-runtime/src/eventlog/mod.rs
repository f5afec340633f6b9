//! Kubernetes Events, without flooding the API server: as by client-go's recorder.

mod correlate;

use crate::Metadata;
use crate::events::{Involved, Severity};
use crate::outbox::{Outbox, Waiting};
use correlate::{Correlator, Facts, Told};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher, RandomState};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weir_doc::{Map, Node};
use weir_kube::{KubeError, Session};
use weir_object::{ObjectId, ObjectRef};

/// Tasks that write. The events of one object are written by one of them, in their order.
const WRITERS: usize = 4;
/// Events that wait for the API server, for each writer.
const QUEUE: usize = 1000;
/// Flux cuts at the same length; the API server refuses longer messages.
const MESSAGE_LIMIT: usize = 1024;
/// An API server that cannot be reached: everything waits, as in client-go.
const TRIES: u32 = 12;
const BETWEEN_TRIES: Duration = Duration::from_secs(10);

/// The way to the tasks that write.
#[derive(Clone)]
pub(crate) struct EventLog {
    queues: Vec<mpsc::Sender<Said>>,
    outbox: Outbox,
}

/// One thing that was said about an object.
struct Said {
    involved: Involved,
    severity: Severity,
    reason: String,
    message: String,
    metadata: Metadata,
    at: jiff::Timestamp,
    _waiting: Waiting,
}

struct Writer {
    session: Session,
    controller: &'static str,
    host: String,
    outbox: Outbox,
    correlator: Correlator,
}

impl EventLog {
    pub fn start(session: Session, controller: &'static str, host: String, outbox: Outbox) -> Self {
        let writer = |_| {
            let (queue, mut events) = mpsc::channel::<Said>(QUEUE);
            let mut writer = Writer {
                session: session.clone(),
                controller,
                host: host.clone(),
                outbox: outbox.clone(),
                correlator: Correlator::default(),
            };
            tokio::spawn(async move {
                while let Some(said) = events.recv().await {
                    writer.tell(&said).await;
                }
            });
            queue
        };
        Self { queues: (0..WRITERS).map(writer).collect(), outbox: outbox.clone() }
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
        let said = Said {
            involved,
            severity,
            reason: reason.to_owned(),
            message: cut(message),
            metadata,
            at: jiff::Timestamp::now(),
            _waiting: self.outbox.add(),
        };
        let object = (&said.involved.kind, &said.involved.namespace, &said.involved.name);
        let writer = BuildHasherDefault::<DefaultHasher>::default().hash_one(object) as usize % self.queues.len();
        self.queues[writer].try_send(said).is_ok()
    }
}

impl Writer {
    async fn tell(&mut self, said: &Said) {
        let Involved { api_version, kind, namespace, name, uid, .. } = &said.involved;
        let facts = Facts {
            object: &format!("{kind}/{namespace}/{name} {uid} {api_version}"),
            kind: said.kind(),
            reason: &said.reason,
            message: &said.message,
        };
        let Some(told) = self.correlator.correlate(facts, Instant::now()) else { return };
        let mut attempt = 1;
        loop {
            match self.write(said, &told).await {
                Ok(name) => return self.correlator.wrote(&told.key, &name, Instant::now()),
                Err(error) if can_be_retried(&error) && attempt < TRIES && !self.outbox.is_ending() => {
                    // Controllers that lost the server together do not come back in step.
                    let share = (RandomState::new().build_hasher().finish() % 1000) as f64 / 1000.0;
                    let rest = if attempt == 1 { BETWEEN_TRIES.mul_f64(share) } else { BETWEEN_TRIES };
                    self.outbox.rest(rest).await;
                    attempt += 1;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "an event was not written");
                    return;
                }
            }
        }
    }

    /// The name of the Event.
    async fn write(&self, said: &Said, told: &Told) -> Result<String, KubeError> {
        if let Some(name) = &told.update {
            let mut patch = Node::map();
            patch.set("count", told.count);
            patch.set("lastTimestamp", stamp(said.at).as_str());
            patch.set("message", told.message.as_str());
            let event = event_ref(&said.involved.namespace, name);
            match self.session.merge_patch(&event, "", self.controller, &patch).await {
                // The server forgets events after an hour.
                Err(error) if error.is_not_found() => {}
                answer => return answer.map(|_| name.clone()),
            }
        }
        let name = format!("{}.{:x}", said.involved.name, said.at.as_nanosecond());
        match self.session.create(&self.event(said, told, &name), self.controller).await {
            // Only the answer to an earlier try was lost.
            Err(KubeError::Refused { reason, .. }) if reason == "AlreadyExists" => Ok(name),
            answer => answer.map(|_| name),
        }
    }

    fn event(&self, said: &Said, told: &Told, name: &str) -> Node {
        let involved = &said.involved;
        let map = |pairs: &[(&str, &str)]| -> Map { pairs.iter().map(|(k, v)| (*k, Node::string(*v))).collect() };
        let stamp = stamp(said.at);
        let mut event = Node::map();
        event.set("apiVersion", "v1");
        event.set("kind", "Event");
        event.set("metadata", map(&[("name", name), ("namespace", &involved.namespace)]));
        if !said.metadata.is_empty() && !told.combined {
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
        event.set("type", said.kind());
        event.set("reason", said.reason.as_str());
        event.set("message", told.message.as_str());
        event.set("firstTimestamp", stamp.as_str());
        event.set("lastTimestamp", stamp.as_str());
        event.set("count", told.count);
        event.set("source", map(&[("component", self.controller), ("host", &self.host)]));
        event.set("reportingComponent", self.controller);
        event.set("reportingInstance", self.host.as_str());
        event
    }
}

impl Said {
    fn kind(&self) -> &'static str {
        if self.severity == Severity::Error { "Warning" } else { "Normal" }
    }
}

/// Whether the server could not be asked, rather than that it said no.
fn can_be_retried(error: &KubeError) -> bool {
    match error {
        KubeError::Unreachable(_) | KubeError::Garbled(_) | KubeError::Unanswered { .. } => true,
        KubeError::Refused { code, .. } => *code == 429 || *code >= 500,
        KubeError::UnknownKind { .. } | KubeError::BadRequest(_) => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use tower::{BoxError, ServiceExt};
    use weir_sandbox::{Options, Sandbox};

    /// An API server that can be out of reach, and a recorder on it.
    struct Bench {
        session: Session,
        log: EventLog,
        outbox: Outbox,
        away: Arc<AtomicBool>,
        refused: Arc<AtomicUsize>,
        _sandbox: Arc<Sandbox>,
    }

    impl Bench {
        fn start() -> Self {
            let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).expect("opens");
            let (away, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let (inner, is_away, count) = (sandbox.service(), away.clone(), refused.clone());
            let service = tower::service_fn(move |request: Request<Body>| {
                let (inner, is_away, count) = (inner.clone(), is_away.clone(), count.clone());
                async move {
                    if is_away.load(Ordering::SeqCst) {
                        count.fetch_add(1, Ordering::SeqCst);
                        return Err::<Response<_>, BoxError>("connection refused".into());
                    }
                    inner.oneshot(request).await.map_err(Into::into)
                }
            });
            let session = Session::new(kube::Client::new(service, "default"));
            let outbox = Outbox::default();
            let log = EventLog::start(session.clone(), "test-controller", "host".to_owned(), outbox.clone());
            Self { session, log, outbox, away, refused, _sandbox: sandbox }
        }

        fn say(&self, message: &str) {
            let involved = Involved {
                api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
                kind: "Kustomization".into(),
                namespace: "default".into(),
                name: "x".into(),
                uid: "1".into(),
                resource_version: String::new(),
                annotations: BTreeMap::new(),
            };
            let metadata = Metadata::from([("kustomize.toolkit.fluxcd.io/revision".to_owned(), "main".to_owned())]);
            assert!(self.log.send(involved, Severity::Info, "R", message, metadata));
        }

        /// Message and count of each Event, sorted.
        async fn events(&self) -> Vec<(String, i64)> {
            let event = self.session.resource(&event_ref("default", "")).await.expect("is served");
            let list = self.session.list(&event, "default", "").await.expect("lists");
            let mut told: Vec<(String, i64)> = list
                .iter()
                .map(|e| {
                    let count = e.get("count").and_then(Node::as_i64).unwrap_or_default();
                    (e.str_at(&["message"]).unwrap_or_default().to_owned(), count)
                })
                .collect();
            told.sort();
            told
        }
    }

    #[tokio::test]
    async fn repeated_and_similar_events_are_one_object() {
        let bench = Bench::start();
        bench.say("0");
        (0..12).for_each(|n| bench.say(&n.to_string()));
        assert_eq!(bench.outbox.finish(Duration::from_secs(20)).await, 0);
        let mut expect = vec![("(combined from similar events): 11".to_owned(), 3), ("0".to_owned(), 2)];
        expect.extend((1..9).map(|n| (n.to_string(), 1)));
        assert_eq!(bench.events().await, expect);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_event_waits_for_the_api_server() {
        let bench = Bench::start();
        bench.away.store(true, Ordering::SeqCst);
        bench.say("1");
        bench.say("2");
        weir_testkit::eventually("it was tried", || {
            if bench.refused.load(Ordering::SeqCst) > 0 { Ok(()) } else { Err("not yet") }
        });
        bench.away.store(false, Ordering::SeqCst);
        assert_eq!(bench.outbox.finish(Duration::from_secs(20)).await, 0);
        assert_eq!(bench.events().await, [("1".to_owned(), 1), ("2".to_owned(), 1)]);
    }
}
