//! Pieces that several kinds share.

mod duration;
mod meta;
mod verify;

pub use duration::{Duration, INTERVAL_PATTERN, ParseDurationError, TIMEOUT_PATTERN};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
pub use meta::*;
pub use verify::*;
