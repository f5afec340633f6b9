//! The API over TLS.

pub(crate) mod authority;

use crate::error::SandboxError;
use crate::sandbox::Sandbox;
use crate::service::SandboxService;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use weir_doc::{Map, Node};

/// A running server. It ends when it is dropped.
pub struct Server {
    /// `https://127.0.0.1:PORT`
    pub url: String,
    /// The certificate that signed the server's.
    pub ca_pem: String,
    /// The administrator's bearer token.
    pub token: weir_base::Secret<String>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sandbox {
    /// Listens on a loopback address; with a data directory on the same port as the last time, when
    /// that is free and `address` asks for no port of its own (port 0).
    pub async fn listen(&self, address: SocketAddr) -> Result<Server, SandboxError> {
        let known = self.authority.port().filter(|_| address.port() == 0);
        let listener = match known {
            Some(port) => match TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
                Ok(listener) => listener,
                Err(_) => TcpListener::bind(address).await.map_err(SandboxError::Listen)?,
            },
            None => TcpListener::bind(address).await.map_err(SandboxError::Listen)?,
        };
        self.serve(listener)
    }

    /// Serves on a listener. Needs a tokio runtime.
    pub fn serve(&self, listener: TcpListener) -> Result<Server, SandboxError> {
        let address = listener.local_addr().map_err(SandboxError::Listen)?;
        if let Some(disk) = &self.cluster.disk {
            disk.set("port", address.port().to_string().as_bytes());
        }
        let acceptor = tokio_rustls::TlsAcceptor::from(self.authority.server_config(address.ip())?);
        let service = SandboxService::new(self.cluster.clone(), false);
        let task = tokio::spawn(accept(listener, acceptor, service));
        Ok(Server {
            url: format!("https://{address}"),
            ca_pem: self.authority.ca_pem().to_owned(),
            token: weir_base::Secret::new(self.cluster.keys.admin_token().to_owned()),
            task,
        })
    }
}

async fn accept(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor, service: SandboxService) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // A connection that is gone already, or no file descriptors for a moment.
                Err(error) => {
                    tracing::debug!(%error, "a connection was not accepted");
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let stream = match acceptor.accept(stream).await {
                Ok(stream) => stream,
                Err(error) => return tracing::debug!(%error, "a TLS handshake failed"),
            };
            let service = TowerToHyperService::new(service);
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http2().max_concurrent_streams(1000);
            if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

impl Server {
    /// A kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> String {
        use base64::Engine;
        let entry = |name: &str, key: &str, value: Map| {
            let mut map = Map::new();
            map.insert("name", name);
            map.insert(key, value);
            vec![Node::from(map)]
        };
        let mut cluster = Map::new();
        cluster.insert("server", self.url.as_str());
        cluster.insert("certificate-authority-data", base64::engine::general_purpose::STANDARD.encode(&self.ca_pem));
        let mut user = Map::new();
        user.insert("token", self.token.expose().as_str());
        let mut context = Map::new();
        context.insert("cluster", "weir-sandbox");
        context.insert("user", "weir-sandbox-admin");
        let mut config = Map::new();
        config.insert("apiVersion", "v1");
        config.insert("kind", "Config");
        config.insert("clusters", entry("weir-sandbox", "cluster", cluster));
        config.insert("users", entry("weir-sandbox-admin", "user", user));
        config.insert("contexts", entry("weir-sandbox", "context", context));
        config.insert("current-context", "weir-sandbox");
        weir_doc::emit::to_yaml(&Node::from(config))
    }

    /// Waits until the server ends; it does not by itself.
    pub async fn wait(mut self) {
        let _ = (&mut self.task).await;
    }
}

/// Keeps the sandbox's cluster alive with the service.
impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let objects = Arc::strong_count(&self.cluster);
        f.debug_struct("Sandbox").field("holders", &objects).finish_non_exhaustive()
    }
}
