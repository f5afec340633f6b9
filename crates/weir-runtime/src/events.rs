use std::collections::BTreeMap;
use weir_doc::{Map, Node};
use weir_kube::Session;

/// What an event says besides its message: keys without the group's prefix, such as `revision`.
pub type Metadata = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Info,
    Error,
}

/// The object an event is about.
#[derive(Clone, Debug)]
pub(crate) struct Involved {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
}

/// Writes Kubernetes Events (core/v1), as client-go's recorder does for Flux.
#[derive(Clone)]
pub struct Recorder {
    session: Session,
    controller: &'static str,
    host: String,
}

/// The API server refuses longer messages in events; Flux cuts at the same length for its own.
const MESSAGE_LIMIT: usize = 1024;

impl Recorder {
    pub fn new(session: Session, controller: &'static str, host: impl Into<String>) -> Self {
        Self { session, controller, host: host.into() }
    }

    /// Sends an event in the background. An event that cannot be written is logged and nothing else.
    pub(crate) fn send(
        &self,
        involved: &Involved,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: &Metadata,
    ) {
        let event = self.event(involved, severity, reason, message, metadata);
        let (session, controller) = (self.session.clone(), self.controller);
        tokio::spawn(async move {
            if let Err(error) = session.create(&event, controller).await {
                tracing::warn!(error = %error, "an event was not written");
            }
        });
    }

    fn event(&self, involved: &Involved, severity: Severity, reason: &str, message: &str, metadata: &Metadata) -> Node {
        let now = jiff::Timestamp::now();
        let stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let map = |pairs: &[(&str, &str)]| -> Map { pairs.iter().map(|(k, v)| (*k, Node::string(*v))).collect() };
        let mut event = Node::map();
        event.set("apiVersion", "v1");
        event.set("kind", "Event");
        let name = format!("{}.{:x}", involved.name, now.as_nanosecond());
        event.set("metadata", map(&[("name", &name), ("namespace", &involved.namespace)]));
        if !metadata.is_empty() {
            let group = involved.api_version.split('/').next().unwrap_or_default();
            let annotations: Map =
                metadata.iter().map(|(key, value)| (format!("{group}/{key}"), Node::string(value.as_str()))).collect();
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
        event.set("type", if severity == Severity::Error { "Warning" } else { "Normal" });
        event.set("reason", reason);
        event.set("message", cut(message));
        event.set("firstTimestamp", stamp.as_str());
        event.set("lastTimestamp", stamp.as_str());
        event.set("count", 1i64);
        event.set("source", map(&[("component", self.controller), ("host", &self.host)]));
        event.set("reportingComponent", self.controller);
        event.set("reportingInstance", self.host.as_str());
        event
    }
}

fn cut(message: &str) -> String {
    if message.len() <= MESSAGE_LIMIT {
        return message.to_owned();
    }
    let end = (0..MESSAGE_LIMIT - 3).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &message[..end])
}
