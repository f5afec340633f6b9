use std::path::PathBuf;
use weir_base::Secret;

/// What a server is shown, and the way to it. Nothing in here can be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Overrules what stands in the URL.
    pub login: Option<Login>,
    /// Certificates, as PEM, that are trusted besides the system's.
    pub authorities: Option<Secret<Vec<u8>>>,
    pub certificate: Option<ClientCertificate>,
    pub ssh: Option<SshIdentity>,
    /// What is agreed on with an ssh server.
    pub ssh_options: crate::ssh::Options,
    pub proxy: Option<Proxy>,
    pub reach: crate::Reach,
    /// Where all that is fetched has to be: the repository, what its redirects lead to, its submodules. Not the proxy.
    pub hosts: crate::Hosts,
}

/// What is sent with each request to the URL's own host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    Basic { username: Secret<String>, password: Secret<String> },
    Bearer(Secret<String>),
}

/// A certificate and its key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: Secret<Vec<u8>>,
    pub key: Secret<Vec<u8>>,
}

/// Who we are over ssh, and whom we expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshIdentity {
    /// Shown one after the other, until one is taken.
    pub keys: Vec<SshKey>,
    /// Lines in the format of OpenSSH's `known_hosts`.
    pub known_hosts: String,
}

/// What proves who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshKey {
    Private {
        /// The key, as PEM.
        pem: Secret<Vec<u8>>,
        passphrase: Option<Secret<String>>,
        /// The file that it is from, for messages; without one it is from a Secret.
        file: Option<PathBuf>,
    },
    /// All keys of an agent that listens on this socket.
    Agent(PathBuf),
}

/// A proxy for http and https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// An `http`, `https` or `socks5` URL without a user.
    pub address: String,
    pub login: Option<(Secret<String>, Secret<String>)>,
}
