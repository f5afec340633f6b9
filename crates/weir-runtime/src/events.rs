use crate::eventlog::EventLog;
use crate::sink::Sink;
use crate::{Runtime, metrics};
use kube::Resource;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_api::names;

/// What an event says besides its message: keys without the group's prefix, such as `revision`.
pub type Metadata = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For Kubernetes Events only: nobody is notified.
    Trace,
    /// For receivers only: nothing changed.
    Repeat,
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
    pub annotations: BTreeMap<String, String>,
}

impl Involved {
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            api_version: format!("{}/{}", K::group(&()), K::version(&())),
            kind: K::kind(&()).into_owned(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
        }
    }
}

/// Says what happened: as Kubernetes Events (core/v1), and to the receiver of `--events-addr`.
#[derive(Clone)]
pub struct Recorder {
    controller: &'static str,
    host: String,
    log: EventLog,
    sink: Option<Sink>,
    metrics: Arc<metrics::Metrics>,
}

impl Recorder {
    pub fn new(runtime: &Runtime, controller: &'static str) -> Self {
        Self {
            controller,
            host: runtime.host.clone(),
            log: EventLog::start(runtime.session.clone(), controller, runtime.host.clone(), runtime.outbox.clone()),
            sink: runtime.sink.clone(),
            metrics: runtime.metrics.clone(),
        }
    }

    /// Sends an event in the background. An event that cannot be delivered is logged and nothing else.
    pub(crate) fn send(
        &self,
        involved: &Involved,
        severity: Severity,
        reason: &str,
        message: &str,
        metadata: &Metadata,
    ) {
        let metadata = full_keys(involved, metadata);
        if let Some(sink) = self.sink.as_ref().filter(|_| severity != Severity::Trace) {
            sink.send(involved, (severity, reason, message), &metadata, (self.controller, &self.host));
        }
        if severity != Severity::Repeat && !self.log.send(involved.clone(), severity, reason, message, metadata) {
            self.metrics.add(&metrics::series::DROPPED_EVENTS, &[("sink", "kubernetes")], 1.0);
            tracing::warn!("an event was dropped: the API server is too slow");
        }
    }
}

/// Our keys get the prefix of the object's group; the object's own event annotations keep theirs and win.
fn full_keys(involved: &Involved, metadata: &Metadata) -> Metadata {
    let group = involved.api_version.split('/').next().unwrap_or_default();
    let mut full: Metadata = metadata.iter().map(|(key, value)| (format!("{group}/{key}"), value.clone())).collect();
    let own = involved.annotations.iter().filter(|(key, _)| key.starts_with(names::EVENT_PREFIX));
    full.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_where_they_are_from() {
        let involved = Involved {
            api_version: "kustomize.toolkit.fluxcd.io/v1".into(),
            kind: "Kustomization".into(),
            namespace: "a".into(),
            name: "b".into(),
            uid: String::new(),
            resource_version: String::new(),
            annotations: [("event.toolkit.fluxcd.io/env", "prod"), ("other", "x")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        };
        let metadata = full_keys(&involved, &Metadata::from([("revision".to_owned(), "main".to_owned())]));
        let expect = [("event.toolkit.fluxcd.io/env", "prod"), ("kustomize.toolkit.fluxcd.io/revision", "main")];
        assert_eq!(metadata, expect.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }
}
