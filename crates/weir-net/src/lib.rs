//! HTTP as the controllers speak it to each other and to the services of clouds, client and server, and which addresses a
//! stranger's URL may lead to.
//!
//! Contract: a redirect is an answer and is never followed, so that nothing is sent to a host that
//! was not named; no message shows the credentials of a URL; a request ends with its future.
//! [`Settings`] say whose certificates are believed, which proxies are asked ([`Proxies::of`] reads
//! an environment as Go does) and whether addresses of this machine may be reached.
//!
//! Limits: HTTP/1.1; no certificates of clients. `HttpClient::default()` goes directly.

mod client;
mod connect;
mod proxy;
mod reach;
mod server;
mod tls;
mod url;

pub use client::{HttpClient, NetError, Reply, Settings};
pub use connect::Connector;
pub use proxy::Proxies;
pub use reach::{INSIDE, Reach, is_metadata};
pub use server::{Answer, serve};
pub use tls::Roots;
pub use url::{percent_decoded, percent_encoded};
