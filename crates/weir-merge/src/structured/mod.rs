//! Server-side apply, and whom other writes make the owner of what.

mod compare;
mod field_set;
mod items;
mod managed;
mod merge;
mod remove;
mod update;
mod validate;

pub use compare::{Comparison, compare};
pub use field_set::to_field_set;
pub use managed::{ManagedEntry, ManagedError, Operation, decode, encode};
pub use merge::merge;
pub use remove::remove;
pub use update::{Applied, ApplyError, Conflict, Write, apply, update};
pub use validate::validate;
