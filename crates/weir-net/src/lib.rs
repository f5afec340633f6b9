//! HTTP as the controllers speak it to each other, client and server, and which addresses a stranger's URL may lead to.
//!
//! Contract: a redirect is an answer and is never followed, so that nothing is sent to a host that
//! was not named; no message shows the credentials of a URL; a request ends with its future.
//!
//! Limits: no proxy; certificates are checked against the system's roots.

mod client;
mod reach;
mod server;
mod url;

pub use client::{HttpClient, NetError};
pub use reach::{INSIDE, Reach, is_metadata};
pub use server::{Answer, serve};
pub use url::percent_decoded;
