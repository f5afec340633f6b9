//! Events as notification-controller takes them: JSON over HTTP.

use crate::Metadata;
use crate::events::{Involved, Severity};
use crate::metrics::{Metrics, series};
use futures::StreamExt;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use weir_net::{HttpClient, NetError};

/// Events that wait; one more is dropped and counted, so that no reconcile ever waits for the receiver.
const QUEUE: usize = 1000;
const IN_FLIGHT: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(5);
const RETRIES: u32 = 4;
const RETRY_AT_LEAST: Duration = Duration::from_secs(1);
/// notification-controller refuses longer ones.
const MESSAGE_LIMIT: usize = 39_000;

/// Where events are posted (`--events-addr`).
#[derive(Clone, Debug)]
pub struct Sink {
    queue: mpsc::Sender<Vec<u8>>,
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
    /// Posts in the background until the last clone is dropped and the queue is empty.
    pub fn start(url: &str, metrics: Arc<Metrics>) -> Result<Self, NetError> {
        HttpClient::check(url)?;
        let (queue, mut events) = mpsc::channel::<Vec<u8>>(QUEUE);
        let (client, url, counted) = (HttpClient::default(), url.to_owned(), metrics.clone());
        tokio::spawn(async move {
            let stream = futures::stream::poll_fn(move |cx| events.poll_recv(cx));
            let each = |body: Vec<u8>| post(&client, &url, &counted, body);
            stream.for_each_concurrent(IN_FLIGHT, each).await;
        });
        Ok(Self { queue, metrics })
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
        if self.queue.try_send(body).is_err() {
            dropped(&self.metrics);
            tracing::warn!("an event was dropped: the receiver of --events-addr is too slow");
        }
    }
}

fn dropped(metrics: &Metrics) {
    metrics.add(&series::DROPPED_EVENTS, &[("sink", "http")], 1.0);
}

/// One event, with retries where they can help. 429 says that it is known already.
async fn post(client: &HttpClient, url: &str, metrics: &Metrics, body: Vec<u8>) {
    let body = bytes::Bytes::from(body);
    let mut problem = String::new();
    for attempt in 0..=RETRIES {
        if attempt > 0 {
            tokio::time::sleep(RETRY_AT_LEAST.saturating_mul(1 << (attempt - 1))).await;
        }
        match tokio::time::timeout(TIMEOUT, client.post_json(url, body.clone())).await {
            Ok(Ok(status)) if status.is_success() || status.as_u16() == 429 => return,
            Ok(Ok(status)) if status.is_server_error() => problem = format!("the receiver answered {status}"),
            Ok(Ok(status)) => {
                problem = format!("the receiver answered {status}");
                break;
            }
            Ok(Err(error)) => problem = error.to_string(),
            Err(_) => problem = format!("no answer within {} s", TIMEOUT.as_secs()),
        }
    }
    dropped(metrics);
    tracing::error!(error = problem, "unable to record event");
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}
