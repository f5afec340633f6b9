//! HTTP as the controllers speak it to each other and to the services of clouds, client and server.
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
mod server;
mod tls;

pub use client::{HttpClient, NetError, Reply, Settings};
pub use connect::Reach;
pub use proxy::Proxies;
pub use server::{Answer, serve};
pub use tls::Roots;
