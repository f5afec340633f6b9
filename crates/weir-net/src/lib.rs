//! HTTP as the controllers speak it to each other, client and server.
//!
//! Contract: a redirect is an answer and is never followed, so that nothing is sent to a host that
//! was not named; no message shows the credentials of a URL; a request ends with its future.
//!
//! Limits: no proxy; certificates are checked against the system's roots.

mod client;
mod server;

pub use client::{HttpClient, NetError};
pub use server::{Answer, serve};
