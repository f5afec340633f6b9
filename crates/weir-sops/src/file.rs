use crate::cipher::DataKey;
use crate::error::{SopsError, Unmet};
use crate::keys::Keyring;
use crate::master::MasterKey;
use crate::metadata::Metadata;
use crate::tree::{Branch, Value};
use crate::unlock::{self, Resolved};
use crate::walk::{Direction, Stop, Walk};
use crate::{Format, Rule, stores};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::LineMap;
use zeroize::Zeroizing;

/// The largest file that is read, as in kustomize-controller.
pub const MAX_FILE: usize = 5 << 20;

/// An encrypted file.
#[derive(Clone)]
pub struct File {
    pub(crate) branches: Vec<Branch>,
    pub(crate) metadata: Metadata,
    pub(crate) format: Format,
    pub(crate) path: Option<Arc<str>>,
    pub(crate) size: usize,
}

/// A file as it was before it was encrypted.
pub struct Plain {
    pub text: Zeroizing<Vec<u8>>,
    pub format: Format,
    /// Where each line of the text stands in the encrypted file. Empty for formats other than YAML.
    pub lines: LineMap,
    pub mac: Mac,
}

/// Whether the file is as sops wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    Valid,
    /// A value, a key or their order was changed since; or the MAC itself was.
    Mismatch,
    /// The file has none.
    Absent,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").field("format", &self.format).field("mac", &self.mac).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}

impl File {
    /// Reads an encrypted file; `None` when it has no `sops` block. `path` is what errors call it.
    pub fn parse(text: &[u8], format: Format, path: &str, budget: &Budget) -> Result<Option<Self>, SopsError> {
        let path: Option<Arc<str>> = (!path.is_empty()).then(|| path.into());
        let at = Origin::new(path.clone(), 0, 0);
        if text.len() > MAX_FILE {
            let what = format!("the file has {} bytes, and may have {MAX_FILE}", text.len());
            return Err(SopsError::TooLarge { at, what });
        }
        budget.take_bytes(text.len() as u64).map_err(|why| SopsError::exhausted(&at, why))?;
        let mut branches = stores::load(text, format, &path, budget)?;
        let Some((block, line)) = stores::take_metadata(&mut branches, format, &path)? else { return Ok(None) };
        let metadata = Metadata::read(&block, line, &path)?;
        Ok(Some(Self { branches, metadata, format, path, size: text.len() }))
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The keys, by group: one of each group has to decrypt, of as many groups as [`File::threshold`] says.
    pub fn groups(&self) -> &[Vec<MasterKey>] {
        &self.metadata.groups
    }

    /// How many groups are needed.
    pub fn threshold(&self) -> usize {
        self.metadata.needed()
    }

    /// Which values are encrypted.
    pub fn rule(&self) -> &Rule {
        &self.metadata.rule
    }

    /// When it was encrypted last, in RFC 3339.
    pub fn last_modified(&self) -> String {
        self.metadata.last_modified.seconds()
    }

    /// The version of the program that wrote it.
    pub fn version(&self) -> &str {
        &self.metadata.version
    }

    /// The data key, from the keys that are held and what services answered. Keys that are held are tried first, so
    /// that a service is asked only where it is needed.
    pub fn data_key(&self, keyring: &Keyring, resolved: &Resolved, budget: &Budget) -> Result<DataKey, Unmet> {
        let at = Origin::new(self.path.clone(), self.metadata.line, 0);
        unlock::data_key(&self.metadata, &at, keyring, resolved, budget)
    }

    /// Decrypts every value and prints the file in its own format.
    pub fn decrypt(&self, key: &DataKey, budget: &Budget) -> Result<Plain, SopsError> {
        self.decrypt_as(key, self.format, budget)
    }

    /// Decrypts every value and prints the tree in another format.
    pub fn decrypt_as(&self, key: &DataKey, format: Format, budget: &Budget) -> Result<Plain, SopsError> {
        let (branches, mac) = self.open(key, budget)?;
        let at = Origin::new(self.path.clone(), 0, 0);
        budget.take_bytes(self.size as u64).map_err(|why| SopsError::exhausted(&at, why))?;
        let emitted = stores::emit(&branches, format, self.size + 1024);
        let (text, places) = emitted.map_err(|message| SopsError::Emit { at, format, message })?;
        let mut lines = LineMap::new();
        for line in places {
            lines.push(Origin::new(self.path.clone(), line, 0));
        }
        Ok(Plain { text, format, lines, mac })
    }

    pub(crate) fn open(&self, key: &DataKey, budget: &Budget) -> Result<(Vec<Branch>, Mac), SopsError> {
        let mut branches = self.branches.clone();
        let mut walk = Walk::new(key, &self.metadata, Direction::Decrypt, budget);
        for branch in &mut branches {
            walk.branch(branch).map_err(|stop| self.stopped(stop))?;
        }
        let found = walk.mac();
        Ok((branches, self.verify(key, &found)))
    }

    pub(crate) fn verify(&self, key: &DataKey, found: &str) -> Mac {
        if self.metadata.mac.is_empty() {
            return Mac::Absent;
        }
        let time = self.metadata.last_modified.seconds();
        match key.decrypt(self.metadata.mac.as_bytes(), time.as_bytes()) {
            Ok(Value::Str(expected)) if *expected == found.as_bytes() => Mac::Valid,
            _ => Mac::Mismatch,
        }
    }

    pub(crate) fn stopped(&self, stop: Stop) -> SopsError {
        let at = Origin::new(self.path.clone(), stop.line, 0);
        SopsError::Value { at, path: stop.path, message: stop.message }
    }
}
