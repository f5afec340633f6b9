//! What every other crate of weir may use: where a thing came from, how much work may be spent on
//! it, how an error explains itself, and how a secret stays one.
//!
//! Contract: no I/O, no clock, no randomness, no dependency on another weir crate.

mod budget;
mod diagnose;
mod hex;
mod origin;
mod range;
pub mod re2;
mod secret;
pub mod tree;

pub use budget::{Budget, Exhausted, MAX_DEPTH};
pub use diagnose::{Class, Diagnose, Report};
pub use hex::hex;
pub use origin::Origin;
pub use range::{Range, version_of};
pub use secret::{Secret, panic_text, redact_url};
pub use tree::Tree;
