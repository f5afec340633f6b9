//! The keys that a host offers, as lines of `known_hosts`. Nothing says that they are the host's own:
//! whoever writes them down has to make sure of it.

use super::Options;
use super::address::{Address, DEFAULT_PORT};
use super::link::Drive;
use super::session::{client_config, explained};
use crate::limits::Guard;
use crate::{GitError, Limits};
use russh::client::{Handler, connect_stream};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::TcpStream;

/// Host and port of an ssh URL.
pub fn host_of(url: &str) -> Result<(String, u16), GitError> {
    Address::parse(url).map(|address| (address.host, address.port))
}

/// One line for each kind of key that the host has, in the order of preference. Blocks, and ends by
/// itself within the time.
pub fn scan(host: &str, port: u16, options: &Options, time: Duration) -> Result<Vec<String>, GitError> {
    let name = if port == DEFAULT_PORT { host.to_owned() } else { format!("[{host}]:{port}") };
    let url =
        format!("ssh://{}", if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") });
    let failed = |message: String| GitError::Remote { url: url.clone(), message };
    let limits = Limits { time, ..Limits::default() };
    let drive = Drive::new(Arc::new(Guard::new(Arc::new(AtomicBool::new(false)), limits)))?;
    let found = drive.run(async {
        let mut found: Vec<PublicKey> = Vec::new();
        for kind in &options.host_keys.0 {
            // RSA is one key under several names.
            let is_found = found.iter().any(|key| super::known_hosts::same_kind(&key.algorithm(), kind));
            if !is_found && let Some(key) = offered(host, port, kind, options).await? {
                found.push(key);
            }
        }
        Ok::<_, String>(found)
    });
    let found = found.map_err(|_| failed(format!("it did not answer within {} s", time.as_secs())))?.map_err(failed)?;
    let lines = found.iter().map(|key| key.to_openssh().map(|line| format!("{name} {}", line.trim_end())));
    let lines = lines.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
    if lines.is_empty() {
        return Err(failed("it has no kind of host key that is known here".to_owned()));
    }
    Ok(lines)
}

/// The host's key of one kind; nothing where it has none.
async fn offered(host: &str, port: u16, kind: &Algorithm, options: &Options) -> Result<Option<PublicKey>, String> {
    let socket = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let config = client_config(options.preferred(vec![kind.clone()]));
    match connect_stream(Arc::new(config), socket, Look).await {
        Err(Seen::Key(key)) => Ok(Some(*key)),
        Err(Seen::Nothing(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. })) => Ok(None),
        Err(Seen::Nothing(error)) => Err(explained(&error)),
        Ok(_) => Ok(None),
    }
}

/// Looks at the key, and goes.
struct Look;

#[derive(Debug)]
enum Seen {
    Key(Box<PublicKey>),
    Nothing(russh::Error),
}

impl From<russh::Error> for Seen {
    fn from(error: russh::Error) -> Self {
        Seen::Nothing(error)
    }
}

impl Handler for Look {
    type Error = Seen;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Seen> {
        Err(Seen::Key(Box::new(offered.public_key())))
    }
}
