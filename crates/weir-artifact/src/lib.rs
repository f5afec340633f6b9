//! Artifacts: what a source controller publishes and everyone else reads.
//!
//! Contract: an [`Artifact`](weir_api::common::Artifact) that [`Store::publish`] returned is on disk,
//! complete, and served under its URL. Reading one, from the disk or over HTTP, checks its digest. The archive of a tree depends
//! on its content only, so that equal content has an equal digest.
//!
//! Layout, archive rules and ignore rules are Flux's: `KIND/NAMESPACE/NAME/FILE` below the root;
//! gzip'd tar of folders and regular files in lexical order without owners and times.
//!
//! Limits: packing holds one file in memory, unpacking the whole artifact.

mod archive;
mod digest;
mod draft;
mod error;
mod fetcher;
pub mod ignore;
mod retention;
mod server;
mod store;

pub use archive::{Packer, UNPACKED_BYTES, pack, unpack, unpack_budget};
pub use digest::{Algorithm, digest};
pub use draft::Draft;
pub use error::ArtifactError;
pub use fetcher::Fetcher;
pub use retention::Retention;
pub use server::serve;
pub use store::{Place, Store};
