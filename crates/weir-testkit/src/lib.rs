//! What the tests run against: a real control plane, a pretend kubelet, Git repositories made by
//! the real git, the real OpenSSH, services of clouds. Depends on no crate of weir.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

pub mod cloud;
mod events;
mod git;
mod git_http;
mod git_pack;
mod kubectl;
mod kubed;
mod kubelet;
mod listener;
mod proxy;
mod socks;
mod ssh_agent;
mod ssh_key;
mod sshd;
mod tls;
mod tunnel;
mod wait;
mod webhook;

pub use events::EventReceiver;
pub use git::GitRepo;
pub use git_http::{Answer, GitHttp, Request};
pub use kubectl::Kubectl;
pub use kubed::{Kubed, program as kubed_program};
pub use proxy::Proxy;
pub use socks::Socks;
pub use ssh_agent::SshAgent;
pub use ssh_key::{SshKey, keygen};
pub use sshd::Sshd;
pub use tls::Authority;
pub use tunnel::Tunnel;
pub use wait::{eventually, eventually_within};
pub use webhook::{Verdict, Webhook};
