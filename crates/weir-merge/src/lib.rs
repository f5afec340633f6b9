//! How Kubernetes merges: schema tables, field ownership, server-side apply, strategic, merge and
//! JSON patches.
//!
//! Contract: pure functions on [`weir_doc::Node`]; no I/O, no clock (a caller passes `now`). The
//! results are those of structured-merge-diff v6 and apimachinery's strategicpatch; golden cases in
//! `tests/golden` were recorded from a kube-apiserver 1.37.
//!
//! - [`schema`]: what a type looks like: its fields, how its lists and maps merge. The tables are
//!   versioned data files, never source: [`Schema::builtin`] is Kubernetes 1.37's, and
//!   [`Table::from_swagger`] makes one of any OpenAPI document.
//! - [`fields`]: sets of field paths and their `FieldsV1` form.
//! - [`structured`]: server-side apply and the bookkeeping of managedFields for other writes.
//! - [`strategic`], [`patch`]: the other three kinds of patch.
//!
//! Limits: all versions of a kind share one schema, as with CRD conversion `None`; a change between
//! `atomic` and `granular` in a CRD does not rewrite field sets that were recorded before. Strategic
//! patches have no limit of their own on depth: documents are bounded when they are parsed.

pub mod fields;
pub mod patch;
pub mod schema;
pub mod strategic;
pub mod structured;

pub use fields::{FieldSet, PathElement};
pub use patch::{PatchError, json_patch, merge_patch, operation};
pub use schema::{Schema, Table, TypeRef};
pub use structured::{Applied, ApplyError, Conflict, ManagedEntry, Operation, apply, update};
