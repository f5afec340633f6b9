use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::sink::Sink;
use kube::Resource;
use kube::api::Api;
use kube::runtime::watcher;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use weir_api::names;
use weir_kube::Session;

/// What the controllers of one process share.
#[derive(Clone)]
pub struct Runtime {
    pub session: Session,
    /// Name of the host or pod, in events.
    pub host: String,
    pub watch: Watch,
    pub retry: RetryDelay,
    /// By how many per cent an interval is shifted either way (`--interval-jitter-percentage`).
    pub jitter_percent: u8,
    /// No single pass of a reconciler runs longer; waiting is done between passes.
    pub pass_limit: Duration,
    /// Where events go besides the API server (`--events-addr`).
    pub sink: Option<Sink>,
    /// The events that are not delivered yet; shared with the sink.
    pub outbox: Outbox,
    pub metrics: Arc<Metrics>,
}

impl Runtime {
    /// Flux's defaults.
    pub fn new(session: Session, host: impl Into<String>) -> Self {
        Self {
            session,
            host: host.into(),
            watch: Watch::default(),
            retry: RetryDelay::default(),
            jitter_percent: 5,
            pass_limit: Duration::from_secs(10 * 60),
            sink: None,
            outbox: Outbox::default(),
            metrics: Arc::default(),
        }
    }

    /// Where this process looks at the objects of a kind: everywhere, or in each of its namespaces.
    pub fn places<K>(&self) -> Vec<Api<K>>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let client = || self.session.client().clone();
        match self.watch.namespaces.as_slice() {
            [] => vec![Api::all(client())],
            namespaces => namespaces.iter().map(|namespace| Api::namespaced(client(), namespace)).collect(),
        }
    }

    /// How they are watched.
    pub fn watch_config(&self) -> watcher::Config {
        match &self.watch.selector {
            Some(selector) => watcher::Config::default().labels(selector),
            None => watcher::Config::default(),
        }
    }
}

/// Which objects are reconciled: all, some namespaces', a shard's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Empty: all.
    pub namespaces: Vec<String>,
    /// A label selector as Kubernetes writes it (`--watch-label-selector`).
    pub selector: Option<String>,
    /// The ConfigMaps and Secrets whose change makes the objects due that name them
    /// (`--watch-configs-label-selector`): empty for all, `None` for none.
    pub configs: Option<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            selector: None,
            configs: Some(format!("{}={}", names::WATCH, names::WATCH_ENABLED)),
        }
    }
}

/// `--min-retry-delay` and `--max-retry-delay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryDelay {
    pub min: Duration,
    pub max: Duration,
}

impl Default for RetryDelay {
    fn default() -> Self {
        Self { min: Duration::from_millis(750), max: Duration::from_secs(15 * 60) }
    }
}
