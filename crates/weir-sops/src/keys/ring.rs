use super::age::{self, Identity};
use crate::SopsError;
use zeroize::Zeroizing;

/// Private keys that decrypt without asking anybody. They are wiped when it is dropped, and never printed.
#[derive(Default)]
pub struct Keyring {
    pub(crate) age: Vec<Identity>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.held()).finish()
    }
}

impl Keyring {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.age.is_empty()
    }

    /// The public names of the keys that are held.
    pub fn held(&self) -> Vec<String> {
        self.age.iter().map(Identity::recipient).collect()
    }

    /// Adds the age identities of a key file: one a line, between comments and empty lines. `name` is what an error
    /// calls the file. Says how many were added.
    pub fn add_age(&mut self, name: &str, text: &[u8]) -> Result<usize, SopsError> {
        let text = std::str::from_utf8(text).map_err(|_| SopsError::key(name, "it is not text"))?;
        let mut added = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = Identity::parse(line);
            added.push(identity.ok_or_else(|| SopsError::key(name, format!("line {} is not an age identity", at + 1)))?);
        }
        if added.is_empty() {
            return Err(SopsError::key(name, "it holds no age identity"));
        }
        let count = added.len();
        self.age.append(&mut added);
        Ok(count)
    }

    /// What one of the age keys opens.
    pub(crate) fn open_age(&self, enc: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        age::decrypt(enc, self.age.iter())
    }
}
