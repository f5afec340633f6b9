//! `helm.toolkit.fluxcd.io`: charts released to a cluster.

mod actions;
mod helmrelease;
mod history;

pub use actions::*;
pub use helmrelease::*;
pub use history::*;
