//! One suite, two backends: the embedded API server and a real kube-apiserver. The built `weir` is
//! driven as a user would; a difference between the backends is a mistake in the embedded one.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod cluster;
mod controller;
pub mod installed;
mod process;
mod up;

pub use cluster::{Backend, Cluster, condition};
pub use controller::{Controller, free_port, http_get};
pub use process::Process;
pub use up::{Ended, Up, program, weir};

/// Runs a scenario on both backends, as two tests.
#[macro_export]
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[test]
            fn sandbox() {
                super::$scenario(&$crate::Cluster::sandbox());
            }

            #[test]
            fn kube_apiserver() {
                super::$scenario(&$crate::Cluster::kube_apiserver());
            }
        })+
    };
}

/// Runs a scenario on the real API server only. Beside it stands what the embedded one does not have.
#[macro_export]
macro_rules! on_kube_apiserver {
    ($($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            #[test]
            fn kube_apiserver() {
                super::$scenario(&$crate::Cluster::kube_apiserver());
            }
        })+
    };
}
