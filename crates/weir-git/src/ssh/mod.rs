//! gix's transport over ssh, spoken by russh: one connection per exchange, with keys and known hosts
//! that are given, in memory. No agent and no key of the machine that is not given, no configuration file
//! and no proxy is ever used.

mod address;
mod identity;
mod keys;
mod known_hosts;
mod link;
mod options;
mod scan;
mod session;
#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tools_tests;

pub use keys::{Curve, KeyKind, KeyPair};
pub use options::{HostKeyAlgorithms, KexAlgorithms, Options};
pub use scan::{host_of, scan};

use crate::limits::Guard;
use crate::{Access, GitError};
use address::Address;
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::git::ConnectMode;
use gix::protocol::transport::client::git::blocking_io::Connection;
use known_hosts::Known;
use link::{Drive, Reader, Writer};
use std::sync::Arc;

/// A transport to `ssh://[USER@]HOST[:PORT]/PATH`; the user is `git` where none is named.
pub(crate) fn connect(url: &str, access: &Access, guard: Arc<Guard>) -> Result<Connection<Reader, Writer>, GitError> {
    let address = Address::parse(url)?;
    if !access.hosts.allows(&address.host) {
        return Err(GitError::Host { host: address.host });
    }
    let identity = access.ssh.as_ref().ok_or_else(|| {
        GitError::Credentials("an ssh URL needs a private key ('identity') and 'known_hosts'".to_owned())
    })?;
    let keys = identity::keys(identity)?;
    let known = Known::look_up(&identity.known_hosts, &address.host, address.port);
    let drive = Drive::new(guard)?;
    let opened = drive.run(session::open(&address, keys, known, &access.ssh_options, access.reach));
    let session = opened.map_err(|_| drive.failure())??;
    let path = address.path.clone();
    let url = address.shown.clone();
    let (reader, writer) = link::halves(drive, session, address.shown);
    let host = Some((address.host, Some(address.port)));
    // The command is sent already, so that nothing is left to say but the protocol itself.
    let connection = Connection::new(reader, writer, Protocol::V2, path, host, ConnectMode::Process, false);
    Ok(connection.custom_url(Some(url.into())))
}
