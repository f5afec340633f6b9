//! What a Kubernetes object is to a controller: its identity, its place in the order of applying,
//! the inventory of what was applied, and whether it is healthy (kstatus).
//!
//! Contract: pure functions over [`weir_doc::Node`]; no I/O.

mod id;
mod inventory;
pub mod kstatus;
pub mod meta;
mod order;

pub use id::{GroupKind, IdError, ObjectId, ObjectRef};
pub use inventory::{Entry, Inventory};
pub use order::{Stage, order_key, sort, stage};
