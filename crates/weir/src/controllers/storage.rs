//! Where the source controller keeps its artifacts, and the address they are served under.

use crate::error::CliError;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use tokio::net::TcpListener;
use weir_artifact::{Algorithm, Retention, Store};

/// The artifacts on disk and the socket of their server; nothing is answered before the server starts.
pub struct Storage {
    pub listener: TcpListener,
    pub store: Store,
}

/// `--storage-*`.
pub struct StorageOptions<'a> {
    pub path: &'a Path,
    pub address: &'a str,
    /// Empty: derived from the address.
    pub advertised: &'a str,
    pub algorithm: Algorithm,
    pub retention: Retention,
}

impl Storage {
    pub fn open(options: &StorageOptions<'_>) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::new(format!("--storage-addr {}: the artifact server cannot listen: {error}", options.address))
        };
        let listener = std::net::TcpListener::bind(socket(options.address)?)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .and_then(TcpListener::from_std)
            .map_err(|error| failed(&error))?;
        let port = listener.local_addr().map_err(|error| failed(&error))?.port();
        let hostname = std::env::var("HOSTNAME").unwrap_or_default();
        let base = advertised(options.address, options.advertised, &hostname, port);
        let store = Store::open(options.path, &base)?.with(options.algorithm, options.retention);
        Ok(Self { listener, store })
    }
}

/// An address as Go writes it: `:9090` is every interface.
pub fn socket(address: &str) -> Result<SocketAddr, CliError> {
    let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    let found = full.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| CliError::new(format!("'{address}' is not an address to listen on (write [HOST]:PORT)")))
}

/// The URL in front of an artifact's path, by Flux's rules.
pub fn advertised(address: &str, advertised: &str, hostname: &str, port: u16) -> String {
    if advertised.starts_with("http://") || advertised.starts_with("https://") {
        return advertised.trim_end_matches('/').to_owned();
    }
    if !advertised.is_empty() {
        return format!("http://{}", advertised.trim_end_matches('/'));
    }
    let host = match address.rsplit_once(':').map_or(address, |(host, _)| host) {
        "" => "localhost",
        "0.0.0.0" if !hostname.is_empty() => hostname,
        "0.0.0.0" => "localhost",
        host => host,
    };
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::advertised;

    #[test]
    fn the_advertised_address_follows_flux() {
        for (address, explicit, expect) in [
            (":9090", "", "http://localhost:9090"),
            ("0.0.0.0:9090", "", "http://pod-1:9090"),
            ("127.0.0.1:9090", "", "http://127.0.0.1:9090"),
            (
                ":9090",
                "source-controller.flux-system.svc.cluster.local.",
                "http://source-controller.flux-system.svc.cluster.local.",
            ),
            (":9090", "https://artifacts.example.com/", "https://artifacts.example.com"),
        ] {
            assert_eq!(advertised(address, explicit, "pod-1", 9090), expect);
        }
    }
}
