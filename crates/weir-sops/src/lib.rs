//! SOPS files: reading, decrypting and encrypting them as getsops/sops does, without I/O.
//!
//! Contract: pure. Keys, randomness and limits are parameters; a key that a service holds is not asked for but named
//! ([`Unmet::ask`]), and its answer handed in ([`Resolved`]). What is decrypted prints as the original prints it, byte
//! for byte. No error, no `Debug` shows a value of a file, a data key or a private key; what is secret is wiped when it
//! is dropped, as far as it is not handed on.
//!
//! ```text
//! File::parse -> File::data_key(&Keyring, &Resolved) -> File::decrypt -> Plain { text, lines, mac }
//! ```
//!
//! A MAC that does not fit is reported, not refused: Flux does not look at it, and the caller decides.
//!
//! Limits: 5 MiB a file ([`MAX_FILE`]), 256 levels, 255 key groups with 1024 keys in all, the caller's [`Budget`].
//!
//! [`Budget`]: weir_base::Budget

mod cipher;
mod encrypt;
mod error;
mod file;
mod format;
mod keys;
mod master;
mod metadata;
mod node;
mod number;
mod rule;
mod rules;
mod shamir;
mod stores;
mod time;
mod tree;
mod unlock;
mod walk;
mod yaml;

pub use cipher::DataKey;
pub use encrypt::{Plan, World, encrypt};
pub use error::{KeyRef, SopsError, Unmet};
pub use file::{File, MAX_FILE, Mac, Plain};
pub use format::Format;
pub use keys::Keyring;
pub use master::MasterKey;
pub use rule::Rule;
pub use rules::Rules;
pub use unlock::Resolved;
