//! Identities and key services against the servers of weir-testkit, and AWS against moto too.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

mod aws;
mod azure;
mod cluster;
mod common;
mod gcp;
mod moto;
mod secrets;
mod vault;
