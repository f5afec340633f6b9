//! What the tests run against: a real control plane, a pretend kubelet, Git repositories made by
//! the real git. Depends on no crate of weir.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

mod git;
mod git_http;
mod git_pack;
mod kubectl;
mod kubed;
mod kubelet;
mod tls;
mod wait;

pub use git::GitRepo;
pub use git_http::{Answer, GitHttp, Request};
pub use kubectl::Kubectl;
pub use kubed::{Kubed, program as kubed_program};
pub use tls::Authority;
pub use wait::{eventually, eventually_within};
