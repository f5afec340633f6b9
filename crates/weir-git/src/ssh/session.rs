use super::Options;
use super::address::Address;
use super::identity::Key;
use super::known_hosts::Known;
use crate::{GitError, Reach};
use russh::client::{AuthResult, Config, Handle, Handler, Msg, connect_stream};
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, Preferred, SshId};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::net::TcpStream;

/// An authenticated connection on which Git's program was started.
pub(super) struct Session {
    pub channel: Channel<Msg>,
    /// The connection ends with it.
    _handle: Handle<Verifier>,
}

/// Connects, looks at the host's key, logs in with ours and starts git-upload-pack.
pub(super) async fn open(
    address: &Address,
    keys: Vec<Key>,
    known: Known,
    options: &Options,
    reach: Reach,
) -> Result<Session, GitError> {
    let failed = |message: String| GitError::Remote { url: address.shown.clone(), message };
    let told = |error: russh::Error| failed(explained(&error));
    let addresses = reach.resolve(&address.host, address.port).await.map_err(|error| failed(error.to_string()))?;
    let socket = TcpStream::connect(addresses.as_slice()).await;
    let socket = socket.map_err(|error| failed(error.to_string()))?;
    socket.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
    let config = client_config(options.preferred(known.ordered(&options.host_keys.0)));
    let connected = connect_stream(Arc::new(config), socket, Verifier { known }).await;
    let mut handle = connected.map_err(|failure| match failure {
        Failure::Ours(error) => error,
        Failure::Library(error) => told(error),
    })?;
    log_in(&mut handle, address, keys).await.map_err(|failure| match failure {
        Failure::Ours(error) => error,
        Failure::Library(error) => told(error),
    })?;
    let channel = handle.channel_open_session().await.map_err(told)?;
    // A server that does not take it speaks an older version of the protocol.
    channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(told)?;
    channel.exec(true, address.command()).await.map_err(told)?;
    Ok(Session { channel, _handle: handle })
}

pub(super) fn client_config(preferred: Preferred) -> Config {
    let name = concat!("SSH-2.0-weir_", env!("CARGO_PKG_VERSION"));
    Config { client_id: SshId::Standard(Cow::Borrowed(name)), preferred, ..Config::default() }
}

/// Shows one key after the other.
async fn log_in(handle: &mut Handle<Verifier>, address: &Address, keys: Vec<Key>) -> Result<(), Failure> {
    let mut refused = Vec::new();
    let mut silent = None;
    for key in keys {
        match key {
            Key::Private(key) => {
                refused.push(key.fingerprint(HashAlg::Sha256).to_string());
                for hash in hashes(handle, &key.algorithm()).await? {
                    let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
                    if let AuthResult::Success = handle.authenticate_publickey(&address.user, key).await? {
                        return Ok(());
                    }
                }
            }
            Key::Agent(socket) => {
                let asked = async {
                    let mut agent = AgentClient::connect_uds(&socket).await?;
                    let keys = agent.request_identities().await?;
                    Ok::<_, russh::keys::Error>((agent, keys))
                };
                let (mut agent, keys) = match asked.await {
                    Ok(found) => found,
                    Err(error) => {
                        silent = Some(format!("the agent at {} does not answer: {error}", socket.display()));
                        continue;
                    }
                };
                for key in keys.iter().map(|key| key.public_key().into_owned()) {
                    refused.push(key.fingerprint(HashAlg::Sha256).to_string());
                    for hash in hashes(handle, &key.algorithm()).await? {
                        let shown = handle.authenticate_publickey_with(&address.user, key.clone(), hash, &mut agent);
                        // What an agent does not sign, since its user was asked and declined, is refused.
                        if let Ok(AuthResult::Success) = shown.await {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
    let (url, user, fingerprint) = (address.shown.clone(), address.user.clone(), refused.join(", "));
    Err(Failure::Ours(match (fingerprint.is_empty(), silent) {
        (true, Some(message)) => GitError::Credentials(message),
        (true, None) => GitError::Credentials("the agent has no keys: `ssh-add` gives it some".to_owned()),
        (false, _) => GitError::SshLogin { url, user, fingerprint },
    }))
}

/// How a signature with the key may be made, in the order to try. SHA-1 is never among them.
async fn hashes(handle: &Handle<Verifier>, algorithm: &Algorithm) -> Result<Vec<Option<HashAlg>>, russh::Error> {
    if !algorithm.clone().is_rsa() {
        return Ok(vec![None]);
    }
    Ok(match handle.best_supported_rsa_hash().await? {
        Some(Some(hash)) => vec![Some(hash)],
        // It did not say what it takes.
        _ => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
    })
}

/// Looks at the key that the host offers.
struct Verifier {
    known: Known,
}

#[derive(Debug)]
enum Failure {
    Ours(GitError),
    Library(russh::Error),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Failure::Library(error)
    }
}

impl Handler for Verifier {
    type Error = Failure;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        self.known.check(&offered.public_key()).map(|()| true).map_err(Failure::Ours)
    }
}

/// What went wrong on the connection, in words.
pub(super) fn explained(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => {
            let kind = match kind {
                russh::AlgorithmKind::Kex => "key exchange",
                russh::AlgorithmKind::Key => "kind of host key",
                russh::AlgorithmKind::Cipher => "cipher",
                russh::AlgorithmKind::Compression => "compression",
                russh::AlgorithmKind::Mac => "message authentication code",
            };
            format!("no common {kind}: ours are {}; the server's are {}", ours.join(", "), theirs.join(", "))
        }
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the server closed the connection".to_owned()
        }
        error => crate::error::with_causes(error),
    }
}
