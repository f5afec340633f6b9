//! Private keys that are held, and what they open.

pub(crate) mod age;
pub(crate) mod pgp;
mod ring;

pub use ring::Keyring;
