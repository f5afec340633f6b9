//! Opening a sandbox: what is on disk, or the first objects of a new cluster.

use crate::auth::Keys;
use crate::cluster::{Cluster, Limits, ref_of_record};
use crate::error::SandboxError;
use crate::serve::authority::Authority;
use crate::service::SandboxService;
use crate::store::Disk;
use crate::{bootstrap, controllers};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

/// How a sandbox is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where objects, keys and the port are kept. `None`: in memory only.
    pub data_dir: Option<PathBuf>,
    /// Whether Deployments, Jobs and the other workloads come to life. Garbage collection and
    /// namespaces always work.
    pub workloads: bool,
    /// At most this many watches at a time.
    pub max_watches: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { data_dir: None, workloads: true, max_watches: 10_000 }
    }
}

/// An API server in this process. Dropping it, its services and servers ends its controllers.
pub struct Sandbox {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) authority: Authority,
}

impl Sandbox {
    /// Opens a sandbox; with a data directory, the one that was there.
    pub fn open(options: Options) -> Result<Arc<Sandbox>, SandboxError> {
        let data = |why: String| {
            let path = options.data_dir.as_deref().map(|dir| dir.display().to_string()).unwrap_or_default();
            SandboxError::Data { path, why }
        };
        let (mut disk, mut saved) = (None, Default::default());
        if let Some(dir) = &options.data_dir {
            std::fs::create_dir_all(dir).map_err(|error| data(error.to_string()))?;
            let (opened, found) = Disk::open(&dir.join("sandbox.redb")).map_err(|error| data(error.to_string()))?;
            (disk, saved) = (Some(Arc::new(opened)), found);
        }
        let setting =
            |key: &str| saved.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_slice());
        let text = |key: &str| setting(key).and_then(|value| String::from_utf8(value.to_vec()).ok());
        let keys = match (text("admin-token"), setting("signing-key").and_then(|key| key.try_into().ok())) {
            (Some(token), Some(signing)) => Keys::from_parts(token, signing),
            _ => Keys::generate(),
        };
        let authority = match (text("ca-cert"), text("ca-key")) {
            (Some(cert), Some(key)) => Authority::load(&cert, &key)?,
            _ => Authority::generate()?,
        };
        if let Some(disk) = &disk {
            disk.set("admin-token", keys.admin_token().as_bytes());
            disk.set("signing-key", keys.signing_key());
            disk.set("ca-cert", authority.ca_pem().as_bytes());
            disk.set("ca-key", authority.key_pem().as_bytes());
        }
        let (changes, inbox) = mpsc::channel();
        let limits = Limits { watches: options.max_watches };
        let port = text("port").and_then(|port| port.parse().ok());
        let cluster = Arc::new(Cluster::new(disk, keys, authority.ca_pem().to_owned(), limits, Some(changes)));
        let revision: u64 = text("revision").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut state = cluster.lock();
        let mut objects = Vec::new();
        for (key, value) in &saved.objects {
            let node = weir_doc::from_json(value).map_err(|error| data(format!("the object {key:?}: {error}")))?;
            objects
                .push((ref_of_record(key).ok_or_else(|| data(format!("the key {key:?} is not one of ours")))?, node));
        }
        // Definitions first: they make the places for their objects.
        objects.sort_by_key(|(at, _)| &*at.resource != "customresourcedefinitions.apiextensions.k8s.io");
        for (at, node) in objects {
            let own = node.path(&["metadata", "resourceVersion"]).and_then(weir_doc::Node::as_str);
            let own = own.and_then(|own| own.parse().ok()).unwrap_or(revision);
            state.restore(at, node, own);
        }
        if revision > 0 {
            // Revisions that watches saw but no commit did must not come again.
            state.store.set_revision(revision + 1000);
        }
        bootstrap::fill(&mut state, &cluster.ca_pem);
        drop(state);
        controllers::start(&cluster, inbox, options.workloads).map_err(SandboxError::Thread)?;
        Ok(Arc::new(Sandbox { cluster, authority: authority.with_port(port) }))
    }

    /// The API without a socket. A request without credentials is the administrator's
    /// (`weir-sandbox-admin` in `system:masters`).
    pub fn service(&self) -> SandboxService {
        SandboxService::new(self.cluster.clone(), true)
    }
}
