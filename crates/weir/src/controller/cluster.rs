//! The cluster that the controllers run against, and what the process knows of its surroundings.

use crate::controllers::Role;
use crate::error::CliError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_api::{FluxKind, GitRepository, KindInfo, Kustomization};
use weir_kube::{Access, Clusters, Fence, Hub, HubLimits, KubeError, Session, percent_encoded};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::metrics::{Metrics, series};

/// Where a pod finds its own namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The connections of a process.
pub struct Connections {
    /// What the controllers use; it writes nothing once a lease has run out.
    pub session: Session,
    /// What the leases are renewed with, whatever else is under way.
    pub leases: kube::Client,
    pub fence: Fence,
    /// What a request is told to: host, method and status.
    pub count: Count,
}

pub type Count = Arc<dyn Fn(&str, &str, &str) + Send + Sync>;

impl Connections {
    /// The clusters that kubeconfigs name.
    pub fn clusters(&self, access: Access) -> Clusters {
        let count = self.count.clone();
        let count = move |host: &str, method: &str, code: &str| count(host, method, code);
        Clusters::new(count, self.fence.clone(), self.session.hub().clone(), access)
    }
}

/// `--kubeconfig`, else KUBECONFIG and the home folder, else the cluster of this pod. Each request is counted.
pub async fn connect(
    kubeconfig: Option<&Path>,
    metrics: Arc<Metrics>,
    watch_streams: usize,
) -> Result<Connections, CliError> {
    let failed = |error: &dyn std::fmt::Display| match kubeconfig {
        Some(file) => CliError::new(format!("--kubeconfig {}: {error}", file.display())),
        None => CliError::new(format!("no cluster: {error} (name one with --kubeconfig or KUBECONFIG)")),
    };
    let config = match kubeconfig {
        Some(file) => {
            let read = Kubeconfig::read_from(file).map_err(|error| failed(&error))?;
            kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
                .await
                .map_err(|error| failed(&error))?
        }
        None => kube::Config::infer().await.map_err(|error| failed(&error))?,
    };
    let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
    let told: Count = Arc::new(move |host, method, code| {
        metrics.add(&series::CLIENT_REQUESTS, &[("code", code), ("host", host), ("method", method)], 1.0);
    });
    let counted = told.clone();
    let count = move |method: &str, code: &str| counted(&host, method, code);
    let fence = Fence::default();
    let leases = weir_kube::client(config.clone(), count.clone(), Fence::default()).map_err(|error| failed(&error))?;
    let client = weir_kube::client(config, count, fence.clone()).map_err(|error| failed(&error))?;
    client.apiserver_version().await.map_err(|error| failed(&error))?;
    let hub = Hub::new(HubLimits { streams: watch_streams, ..HubLimits::default() });
    Ok(Connections { session: Session::with_hub(client, Arc::new(hub)), leases, fence, count: told })
}

/// Where the controllers are when nothing says otherwise.
pub const DEFAULT_NAMESPACE: &str = "flux-system";

/// The namespace that the process belongs to.
pub fn runtime_namespace() -> Option<String> {
    let named = std::env::var("RUNTIME_NAMESPACE").ok();
    let found = named.or_else(|| std::fs::read_to_string(NAMESPACE_FILE).ok());
    found.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The same, with Flux's own where nothing says it.
pub fn home() -> String {
    runtime_namespace().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned())
}

/// Name of the pod or machine.
pub fn hostname() -> String {
    let named = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "weir".to_owned())
}

/// A controller without the definition of its kind, or with a selector that is none, would watch nothing, silently.
/// `selectors` are the flags and their values; `namespaces` are those that are watched, all for none.
pub async fn can_watch(
    session: &Session,
    roles: &BTreeSet<Role>,
    selectors: &[(&str, &str)],
    namespaces: &[String],
) -> Result<(), CliError> {
    let places: Vec<&str> = match namespaces {
        [] => vec![""],
        some => some.iter().map(String::as_str).collect(),
    };
    let needed: [(Role, &KindInfo); 2] = [(Role::Source, GitRepository::INFO), (Role::Kustomize, Kustomization::INFO)];
    for (_, info) in needed.iter().filter(|(role, _)| roles.contains(role)) {
        let id = ObjectId {
            group: info.group.to_owned(),
            kind: info.kind.to_owned(),
            namespace: String::new(),
            name: String::new(),
        };
        let kind = ObjectRef { id, version: info.version.to_owned() };
        let resource = session.resource(&kind).await.map_err(|error| {
            CliError::new(format!("{error} (apply config/crd, or run `flux install`, before the controllers start)"))
        })?;
        for (flag, selector) in selectors {
            let query = format!("limit=1&labelSelector={}", percent_encoded(selector));
            for place in &places {
                // Whatever else is wrong is told by the controllers, and may pass.
                match session.list(&resource, place, &query).await {
                    Err(KubeError::Refused { code: 400, message, .. }) => {
                        return Err(CliError::new(format!("{flag}={selector}: {message}")));
                    }
                    // One that may not be looked at would keep the objects of all the others waiting.
                    Err(error) if error.is_forbidden() && places.len() > 1 => {
                        return Err(CliError::new(format!(
                            "--watch-namespaces: {error} (weir install --namespaces writes the rights)"
                        )));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// What asks the process to end.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn new() -> Result<Self, CliError> {
        let failed = |error| CliError::new(format!("signals cannot be waited for: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
