//! Clusters that others describe: by a kubeconfig in a Secret, or by an address and tokens of a provider.

mod connect;
mod kubeconfig;

use crate::client::Guarding;
use crate::{Fence, Hub, Session};
use futures::future::BoxFuture;
use kube::config::KubeConfigOptions;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use weir_base::{Diagnose, Secret};
use weir_net::{INSIDE, Reach};
use zeroize::Zeroizing;

/// A connection that nobody asked for so long is given up, and with it what its kubeconfig held.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// What kubeconfigs may do; nothing by default (`--insecure-kubeconfig-exec`, `--insecure-kubeconfig-tls`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Start programs that give credentials.
    pub exec: bool,
    /// Not look at the server's certificate.
    pub insecure_tls: bool,
    /// Where their servers may be.
    pub reach: Reach,
}

/// Why there is no session with another cluster. No variant holds a value of a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    #[error("the kubeconfig cannot be used: {0}")]
    Malformed(String),
    #[error("the kubeconfig cannot be used: {field} is not allowed")]
    Refused { field: &'static str, remedy: &'static str },
    #[error("the kubeconfig cannot be used: {0} names a file of the controller")]
    File(&'static str),
    #[error("the kubeconfig cannot be used: {field}: {host} {INSIDE}")]
    Inside { field: &'static str, host: String },
}

impl Diagnose for RemoteError {
    fn reason(&self) -> &'static str {
        "ReconciliationFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            RemoteError::Refused { remedy, .. } => Some((*remedy).to_owned()),
            RemoteError::File(_) => {
                Some("put its content in, under the name that ends in -data, or as the token".to_owned())
            }
            RemoteError::Malformed(_) | RemoteError::Inside { .. } => None,
        }
    }
}

/// Where a token for each request comes from; it keeps them for as long as they hold.
pub trait Tokens: Send + Sync {
    /// A token that holds now. What is said of a failure is shown, and holds no secret.
    fn token(&self) -> BoxFuture<'_, Result<Secret<Zeroizing<String>>, String>>;
}

/// A cluster that is known by its address.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://HOST[:PORT]`.
    pub server: String,
    /// The certificates that the server's has to lead to, in PEM; without them those of the system.
    pub ca: Option<Vec<u8>>,
}

type Count = dyn Fn(&str, &str, &str) + Send + Sync;

/// The sessions with other clusters: one for each kubeconfig, so that discovery, watches and connections are shared by
/// whoever uses the same.
pub struct Clusters {
    count: Arc<Count>,
    fence: Fence,
    hub: Arc<Hub>,
    access: Access,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

struct Known {
    session: Session,
    used: Instant,
}

impl std::fmt::Debug for Clusters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clusters").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Clusters {
    /// `count` is told host, method and status of each request. `fence` and `hub` are those of the process.
    pub fn new(
        count: impl Fn(&str, &str, &str) + Send + Sync + 'static,
        fence: Fence,
        hub: Arc<Hub>,
        access: Access,
    ) -> Self {
        Self { count: Arc::new(count), fence, hub, access, known: Mutex::default() }
    }

    /// The session of a kubeconfig, as the user that it names.
    ///
    /// # Errors
    /// The kubeconfig cannot be read, or wants what is not allowed. Nothing is sent yet.
    pub async fn of_kubeconfig(&self, text: &[u8]) -> Result<Session, RemoteError> {
        let key = Sha256::digest(text).into();
        if let Some(session) = self.known(&key) {
            return Ok(session);
        }
        let kubeconfig = kubeconfig::read(text, self.access)?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            // Its words may quote what is encoded wrongly.
            .map_err(|_| RemoteError::Malformed("a certificate, a key or an address in it is malformed".to_owned()))?;
        self.open(key, config, None)
    }

    /// The session of a cluster whose tokens come from elsewhere. `identity` tells apart who asks for them.
    ///
    /// # Errors
    /// The address or the certificates cannot be used.
    pub fn of_endpoint(
        &self,
        endpoint: &Endpoint,
        identity: &str,
        tokens: Arc<dyn Tokens>,
    ) -> Result<Session, RemoteError> {
        let Endpoint { server, ca } = endpoint;
        let mut key = Sha256::new();
        for part in [server.as_bytes(), identity.as_bytes(), ca.as_deref().unwrap_or_default()] {
            key.update(part.len().to_le_bytes());
            key.update(part);
        }
        let key = key.finalize().into();
        if let Some(session) = self.known(&key) {
            return Ok(session);
        }
        let malformed = |what: &str| RemoteError::Malformed(format!("{what} is malformed"));
        let uri: http::Uri = server.parse().map_err(|_| malformed("the address of the cluster"))?;
        let host = uri.host().ok_or_else(|| malformed("the address of the cluster"))?;
        if !self.access.reach.allows(host) {
            return Err(RemoteError::Inside { field: "address", host: host.to_owned() });
        }
        let mut config = kube::Config::new(uri);
        config.root_cert =
            ca.as_deref().map(|pem| connect::certificates(pem).ok_or_else(|| malformed("ca.crt"))).transpose()?;
        self.open(key, config, Some(tokens))
    }

    fn open(
        &self,
        key: [u8; 32],
        config: kube::Config,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> Result<Session, RemoteError> {
        let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
        let count = self.count.clone();
        let guarding = Guarding::new(move |method, status| count(&host, method, status), self.fence.clone());
        let client = connect::client(config, tokens, self.access.reach)?;
        let session = Session::with_hub(client.with_layer(&guarding).build(), self.hub.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.used.elapsed() < IDLE);
        let used = Instant::now();
        Ok(known.entry(key).or_insert(Known { session, used }).session.clone())
    }

    fn known(&self, key: &[u8; 32]) -> Option<Session> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_mut(key)?;
        known.used = Instant::now();
        Some(known.session.clone())
    }
}
