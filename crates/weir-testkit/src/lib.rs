//! What the tests run against: a real control plane, a pretend kubelet, Git repositories made by
//! the real git. Depends on no crate of weir.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

mod events;
mod git;
mod git_http;
mod kubectl;
mod kubed;
mod kubelet;
mod proxy;
mod wait;

pub use events::EventReceiver;
pub use git::GitRepo;
pub use git_http::{Answer, GitHttp, Request};
pub use kubectl::Kubectl;
pub use kubed::{Kubed, program as kubed_program};
pub use proxy::Proxy;
pub use wait::{eventually, eventually_within};
