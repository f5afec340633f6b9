//! The source controller: one folder per kind.
//!
//! Contract: an artifact is on disk and served before any status names it; only a verified fetch is
//! published.
//!
//! Limits of this version: GitRepository reads local folders and repositories that the operator of
//! the process has named ([`Locals`]), and http, https and ssh URLs; cloud identities,
//! signatures and the other kinds of sources are Stalled `NotImplemented`.

mod folder;
pub mod gitrepository;
mod locals;

pub use folder::{FolderError, read as read_folder};
pub use gitrepository::GitRepositories;
pub use locals::{Local, Locals};

use std::time::Duration;

/// What the controller is told at its start; Flux's flags of the same names.
#[derive(Clone, Debug)]
pub struct Options {
    /// Passes under way at once (`--concurrent`).
    pub concurrent: u16,
    /// When an include that has no artifact yet is looked for again (`--requeue-dependency`).
    pub requeue_dependency: Duration,
    /// Bytes that a fetch may transfer, and that its files may have (`--git-max-size`).
    pub max_size: u64,
    /// What is agreed on with ssh servers (`--ssh-kex-algos`, `--ssh-hostkey-algos`).
    pub ssh: weir_git::ssh::Options,
    /// Hosts that repositories, their redirects and their submodules may be on (`--allowed-source-hosts`).
    pub hosts: weir_git::Hosts,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrent: 2,
            requeue_dependency: Duration::from_secs(30),
            max_size: weir_git::Limits::DEFAULT_BYTES,
            ssh: weir_git::ssh::Options::default(),
            hosts: weir_git::Hosts::default(),
        }
    }
}
