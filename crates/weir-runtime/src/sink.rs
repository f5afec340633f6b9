//! Events as notification-controller takes them: JSON over HTTP.

use crate::Metadata;
use crate::events::{Involved, Severity};
use crate::metrics::{Metrics, series};
use crate::outbox::{Outbox, Waiting};
use serde::Serialize;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use weir_net::{HttpClient, NetError};

/// Events that wait; one more is dropped and counted, so that no reconcile ever waits for the receiver.
const QUEUE: usize = 1000;
/// Events posted at once. Those about one object are posted one after the other: the last word counts.
const LANES: u64 = 8;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries, doubled each time.
const RETRY_AT_LEAST: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Flux's client gives up after 15 s of waiting, since its reconcile waits with it. Here nothing else waits, so that
/// the events outlive a restart of the receiver.
const GIVE_UP: Duration = Duration::from_secs(5 * 60);
/// notification-controller refuses longer ones.
const MESSAGE_LIMIT: usize = 39_000;

/// Where events are posted (`--events-addr`).
#[derive(Clone, Debug)]
pub struct Sink {
    lanes: Vec<mpsc::UnboundedSender<Letter>>,
    room: Arc<Semaphore>,
    outbox: Outbox,
    metrics: Arc<Metrics>,
}

/// An event on its way.
#[derive(Debug)]
struct Letter {
    body: bytes::Bytes,
    said: Instant,
    _room: OwnedSemaphorePermit,
    _waiting: Waiting,
}

/// What posts the letters of one lane.
struct Postman {
    client: HttpClient,
    url: String,
    outbox: Outbox,
    metrics: Arc<Metrics>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    involved_object: Reference<'a>,
    severity: &'a str,
    timestamp: String,
    message: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'a Metadata,
    reporting_controller: &'a str,
    reporting_instance: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    api_version: &'a str,
    resource_version: &'a str,
}

impl Sink {
    /// Posts in the background until the last clone is dropped.
    pub fn start(url: &str, metrics: Arc<Metrics>, outbox: Outbox) -> Result<Self, NetError> {
        HttpClient::check(url)?;
        let client = HttpClient::default();
        let lane = |_| {
            let (lane, mut letters) = mpsc::unbounded_channel::<Letter>();
            let (client, url) = (client.clone(), url.to_owned());
            let postman = Postman { client, url, outbox: outbox.clone(), metrics: metrics.clone() };
            tokio::spawn(async move {
                while let Some(letter) = letters.recv().await {
                    postman.deliver(letter).await;
                }
            });
            lane
        };
        let lanes = (0..LANES).map(lane).collect();
        Ok(Self { lanes, room: Arc::new(Semaphore::new(QUEUE)), outbox, metrics })
    }

    /// `metadata` has its full keys already.
    pub(crate) fn send(
        &self,
        involved: &Involved,
        (severity, reason, message): (Severity, &str, &str),
        metadata: &Metadata,
        (controller, host): (&str, &str),
    ) {
        let event = Event {
            involved_object: Reference {
                kind: &involved.kind,
                namespace: &involved.namespace,
                name: &involved.name,
                uid: &involved.uid,
                api_version: &involved.api_version,
                resource_version: &involved.resource_version,
            },
            severity: if severity == Severity::Error { "error" } else { "info" },
            timestamp: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            message: cut(message),
            reason,
            metadata,
            reporting_controller: controller,
            reporting_instance: host,
        };
        let Ok(body) = serde_json::to_vec(&event) else { return };
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            dropped(&self.metrics);
            tracing::warn!("an event was dropped: the receiver of --events-addr is too slow");
            return;
        };
        let waiting = self.outbox.add();
        let letter = Letter { body: body.into(), said: Instant::now(), _room: room, _waiting: waiting };
        let mut hash = DefaultHasher::new();
        (&involved.kind, &involved.namespace, &involved.name).hash(&mut hash);
        let lane = usize::try_from(hash.finish() % LANES).unwrap_or_default();
        if let Some(lane) = self.lanes.get(lane) {
            // A lane ends with the process only.
            let _ = lane.send(letter);
        }
    }
}

fn dropped(metrics: &Metrics) {
    metrics.add(&series::DROPPED_EVENTS, &[("sink", "http")], 1.0);
}

impl Postman {
    /// One event, with retries where they can help. 429 says that it is known already.
    async fn deliver(&self, letter: Letter) {
        let mut rest = RETRY_AT_LEAST;
        let problem = loop {
            let answer = tokio::time::timeout(TIMEOUT, self.client.post_json(&self.url, letter.body.clone())).await;
            let (problem, can_help) = match answer {
                Ok(Ok(status)) if status.is_success() || status.as_u16() == 429 => return,
                Ok(Ok(status)) => {
                    (format!("the receiver answered {status}"), status.is_server_error() && status.as_u16() != 501)
                }
                Ok(Err(error)) => (error.to_string(), true),
                Err(_) => (format!("no answer within {} s", TIMEOUT.as_secs()), true),
            };
            if !can_help || self.outbox.is_ending() || letter.said.elapsed() + rest > GIVE_UP {
                break problem;
            }
            tracing::debug!(error = problem, "the event is posted again");
            self.outbox.rest(rest).await;
            rest = rest.saturating_mul(2).min(RETRY_AT_MOST);
        };
        dropped(&self.metrics);
        tracing::error!(error = problem, "unable to record event");
    }
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use weir_testkit::{EventReceiver, eventually};

    fn involved(name: &str) -> Involved {
        Involved {
            api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
            kind: "Kustomization".into(),
            namespace: "a".into(),
            name: name.into(),
            uid: String::new(),
            resource_version: String::new(),
            annotations: BTreeMap::new(),
        }
    }

    fn say(sink: &Sink, object: &str, message: &str) {
        sink.send(&involved(object), (Severity::Info, "R", message), &Metadata::new(), ("test-controller", "host"));
    }

    fn messages(receiver: &EventReceiver) -> Vec<String> {
        receiver.events().iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn lost(metrics: &Metrics) -> bool {
        metrics.text().contains("weir_events_dropped_total{sink=\"http\"}")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn events_arrive_in_order_when_the_receiver_is_back() {
        let failing = EventReceiver::answering(0, "503 Service Unavailable");
        let port = failing.port;
        let (metrics, outbox) = (Arc::<Metrics>::default(), Outbox::default());
        let sink = Sink::start(&failing.url, metrics.clone(), outbox.clone()).expect("an address");
        for message in ["1", "2", "3"] {
            say(&sink, "x", message);
        }
        eventually("the first was tried", || {
            let tried = messages(&failing);
            if tried.is_empty() { Err("nothing was posted") } else { Ok(()) }
        });
        drop(failing);
        let receiver = EventReceiver::on(port);
        eventually("the events arrive", || {
            let found = messages(&receiver);
            if found == ["1", "2", "3"] { Ok(()) } else { Err(format!("{found:?}")) }
        });
        assert_eq!(outbox.finish(TIMEOUT).await, 0);
        assert!(!lost(&metrics));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_duplicate_is_not_posted_again() {
        let receiver = EventReceiver::answering(0, "429 Too Many Requests");
        let (metrics, outbox) = (Arc::<Metrics>::default(), Outbox::default());
        let sink = Sink::start(&receiver.url, metrics.clone(), outbox.clone()).expect("an address");
        say(&sink, "x", "1");
        assert_eq!(outbox.finish(TIMEOUT).await, 0);
        assert_eq!(messages(&receiver), ["1"]);
        assert!(!lost(&metrics), "it is known already");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_end_does_not_wait_for_a_receiver_that_is_gone_or_silent() {
        let gone = EventReceiver::start().url.clone();
        let (metrics, outbox) = (Arc::<Metrics>::default(), Outbox::default());
        let sink = Sink::start(&gone, metrics.clone(), outbox.clone()).expect("an address");
        say(&sink, "x", "1");
        say(&sink, "x", "2");
        assert_eq!(outbox.finish(TIMEOUT).await, 0, "each had its last try");
        assert!(lost(&metrics));

        let silent = EventReceiver::answering(0, "");
        let outbox = Outbox::default();
        let sink = Sink::start(&silent.url, Arc::default(), outbox.clone()).expect("an address");
        say(&sink, "x", "1");
        assert_eq!(outbox.finish(Duration::from_millis(200)).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_has_no_room_is_dropped_and_counted() {
        let silent = EventReceiver::answering(0, "");
        let metrics = Arc::<Metrics>::default();
        let sink = Sink::start(&silent.url, metrics.clone(), Outbox::default()).expect("an address");
        (0..QUEUE).for_each(|n| say(&sink, "x", &n.to_string()));
        assert!(!lost(&metrics));
        say(&sink, "y", "one too many");
        assert!(lost(&metrics));
    }
}
