//! Private keys that are held, and what they open.

pub(crate) mod age;
mod ring;

pub use ring::Keyring;
