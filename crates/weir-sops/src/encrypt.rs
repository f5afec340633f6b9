//! Encryption, rotation of the data key, and a change of who may decrypt.

use crate::cipher::DataKey;
use crate::error::SopsError;
use crate::file::{File, MAX_FILE, Mac};
use crate::keys::Keyring;
use crate::master::MasterKey;
use crate::metadata::{MAX_GROUPS, Metadata};
use crate::rule::{Matcher, Rule};
use crate::time::Time;
use crate::tree::{Branch, Value};
use crate::walk::{Direction, Stop, Walk};
use crate::{Format, shamir, stores};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use zeroize::Zeroizing;

/// The program whose format is written.
const VERSION: &str = "3.13.2";

/// What a file is encrypted with.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The keys by group, none of them empty.
    pub groups: Vec<Vec<MasterKey>>,
    /// How many groups are needed where there are several; 0 for all.
    pub threshold: usize,
    pub rule: Rule,
    /// The MAC covers encrypted values only.
    pub mac_only_encrypted: bool,
}

/// What the caller knows of the world: random bytes of cryptographic quality, and the time.
pub struct World<'a> {
    pub random: &'a mut dyn FnMut(&mut [u8]),
    /// Seconds since 1970.
    pub now: u64,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// An age recipient to encrypt to.
    pub fn age(recipient: &str) -> Self {
        MasterKey::Age { recipient: recipient.trim().to_owned(), enc: String::new() }
    }

    /// An OpenPGP key to encrypt to, by its fingerprint.
    pub fn pgp(fingerprint: &str, now: u64) -> Self {
        let created_at = Time::of_unix(now).seconds();
        MasterKey::Pgp { fingerprint: fingerprint.replace(' ', ""), enc: String::new(), created_at }
    }

    /// The same key, whatever is encrypted with it.
    fn is(&self, other: &MasterKey) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.name() == other.name()
    }
}

/// Encrypts a plain file; `path` is what errors call it.
pub fn encrypt(
    text: &[u8],
    format: Format,
    path: &str,
    plan: &Plan,
    keyring: &Keyring,
    world: &mut World<'_>,
    budget: &Budget,
) -> Result<Vec<u8>, SopsError> {
    let path: Option<Arc<str>> = (!path.is_empty()).then(|| path.into());
    let at = Origin::new(path.clone(), 0, 0);
    if text.len() > MAX_FILE {
        let what = format!("the file has {} bytes, and may have {MAX_FILE}", text.len());
        return Err(SopsError::TooLarge { at, what });
    }
    let branches = stores::load_plain(text, format, &path, budget)?;
    if let Some((name, line)) = stores::reserved(&branches, format) {
        let at = Origin::new(path, line, 0);
        let message = "sops keeps its metadata there; the file may be encrypted already".to_owned();
        return Err(SopsError::Plain { at, path: name, message });
    }
    if branches.is_empty() {
        let message = "the file is empty, and at least one document is needed".to_owned();
        return Err(SopsError::Emit { at, format, message });
    }
    let metadata = Metadata {
        groups: plan.groups.clone(),
        threshold: plan.threshold,
        last_modified: Time::of_unix(world.now),
        mac: String::new(),
        mac_only_encrypted: plan.mac_only_encrypted,
        // Data of one value are encrypted whatever the rule says.
        rule: if format == Format::Binary { Rule::UnencryptedSuffix(String::new()) } else { plan.rule.clone() },
        version: VERSION.to_owned(),
        line: 0,
    };
    if Matcher::new(&metadata.rule).is_broken() {
        let (field, pattern) = metadata.rule.field();
        let message = format!("{field}: '{pattern}' is not a regular expression that can be used");
        return Err(SopsError::Rules { at, message });
    }
    let file = File { branches, metadata, format, path, size: text.len() };
    file.seal_with_new_key(keyring, world, budget)
}

impl File {
    /// The same file under a new data key. One whose MAC does not fit is refused unless `any_mac` is set.
    pub fn rotate(
        &self,
        key: &DataKey,
        keyring: &Keyring,
        any_mac: bool,
        world: &mut World<'_>,
        budget: &Budget,
    ) -> Result<Vec<u8>, SopsError> {
        let (branches, mac) = self.open(key, budget)?;
        if mac != Mac::Valid && !any_mac {
            return Err(SopsError::metadata(&self.path, self.metadata.line, "the MAC does not fit the file"));
        }
        let metadata = Metadata { last_modified: Time::of_unix(world.now), ..self.metadata.clone() };
        let file = File { branches, metadata: Metadata { version: VERSION.to_owned(), ..metadata }, ..self.clone() };
        file.seal_with_new_key(keyring, world, budget)
    }

    /// The same file for other keys; values stay as they are. `None` when its keys are the asked ones already.
    pub fn update_keys(
        &self,
        key: &DataKey,
        groups: &[Vec<MasterKey>],
        threshold: usize,
        keyring: &Keyring,
        world: &mut World<'_>,
    ) -> Result<Option<Vec<u8>>, SopsError> {
        let same_keys = |old: &Vec<MasterKey>, new: &Vec<MasterKey>| {
            old.len() == new.len() && old.iter().all(|key| new.iter().any(|other| other.is(key)))
        };
        let old = &self.metadata.groups;
        let wanted = if groups.len() > 1 && threshold == 0 { groups.len() } else { threshold };
        let same = old.len() == groups.len() && old.iter().zip(groups).all(|(old, new)| same_keys(old, new));
        if same && (groups.len() == 1 || self.metadata.threshold == wanted) {
            return Ok(None);
        }
        let mut file = self.clone();
        file.metadata.groups = groups.to_vec();
        file.metadata.threshold = if groups.len() > 1 { wanted } else { 0 };
        if let ([old], [new]) = (old.as_slice(), file.metadata.groups.as_mut_slice()) {
            // The whole data key is in each: a key that stays keeps what it has, so that no service need be asked.
            for key in new.iter_mut() {
                if let Some(known) = old.iter().find(|known| known.is(key)) {
                    *key = known.clone();
                }
            }
        }
        file.wrap(key, keyring, world)?;
        file.print().map(Some)
    }

    /// Adds keys to the first group and removes others by name, for the next [`File::rotate`].
    pub fn change_keys(&mut self, added: Vec<MasterKey>, removed: &[String]) {
        for group in &mut self.metadata.groups {
            group.retain(|key| !removed.contains(&key.name()));
        }
        if let Some(first) = self.metadata.groups.first_mut() {
            for key in added {
                if first.iter().all(|known| !known.is(&key)) {
                    first.push(key);
                }
            }
        }
        self.metadata.groups.retain(|group| !group.is_empty());
    }

    fn seal_with_new_key(
        mut self,
        keyring: &Keyring,
        world: &mut World<'_>,
        budget: &Budget,
    ) -> Result<Vec<u8>, SopsError> {
        let mut bytes = Zeroizing::new([0; 32]);
        (world.random)(bytes.as_mut_slice());
        let key = DataKey::new(bytes.as_slice()).expect("32 bytes are a key");
        for group in &mut self.metadata.groups {
            group.iter_mut().for_each(|key| key.set_enc(String::new()));
        }
        self.wrap(&key, keyring, world)?;
        let mut branches = std::mem::take(&mut self.branches);
        let mut walk = Walk::new(&key, &self.metadata, Direction::Encrypt(world.random), budget);
        for branch in &mut branches {
            walk.branch(branch).map_err(|stop| self.refused(stop))?;
        }
        let mac = Value::text(walk.mac());
        let mut nonce = [0; 32];
        (world.random)(&mut nonce);
        let time = self.metadata.last_modified.seconds();
        self.metadata.mac = key.encrypt(&mac, time.as_bytes(), &nonce).expect("text has a form");
        self.branches = branches;
        self.print()
    }

    /// Encrypts the data key, or its parts, to each key that does not have it yet.
    fn wrap(&mut self, key: &DataKey, keyring: &Keyring, world: &mut World<'_>) -> Result<(), SopsError> {
        let at = Origin::new(self.path.clone(), 0, 0);
        let rules = |message: String| SopsError::Rules { at: at.clone(), message };
        let count = self.metadata.groups.len();
        if count == 0 || self.metadata.groups.iter().any(Vec::is_empty) {
            return Err(rules("a key group is empty: give at least one recipient".to_owned()));
        }
        let parts = if count == 1 {
            vec![Zeroizing::new(key.expose().to_vec())]
        } else {
            if self.metadata.threshold == 0 {
                self.metadata.threshold = count;
            }
            let parts = shamir::split(key.expose(), count, self.metadata.threshold, world.random);
            parts.ok_or_else(|| {
                rules(format!(
                    "shamir_threshold has to be from 2 to {count}, the count of key groups (at most {MAX_GROUPS})"
                ))
            })?
        };
        for (group, part) in self.metadata.groups.iter_mut().zip(&parts) {
            for key in group.iter_mut().filter(|key| key.enc().is_empty()) {
                let enc = match key {
                    MasterKey::Age { recipient, .. } => Keyring::seal_age(recipient, part, world.random)?,
                    MasterKey::Pgp { fingerprint, .. } => keyring.seal_pgp(fingerprint, part, world.random)?,
                    _ => {
                        let message = "a key service would have to encrypt, and none is asked here".to_owned();
                        return Err(SopsError::Recipient { recipient: key.name(), message });
                    }
                };
                key.set_enc(enc);
            }
        }
        Ok(())
    }

    fn refused(&self, stop: Stop) -> SopsError {
        let at = Origin::new(self.path.clone(), stop.line, 0);
        SopsError::Plain { at, path: stop.path, message: stop.message }
    }

    /// The encrypted file.
    fn print(&self) -> Result<Vec<u8>, SopsError> {
        let block: Branch = self.metadata.write();
        let branches = stores::put_metadata(&self.branches, &block, self.format);
        let format = if self.format == Format::Binary { Format::Json } else { self.format };
        let (text, _) = stores::emit(&branches, format, self.size * 2 + 4096).map_err(|message| {
            let at = Origin::new(self.path.clone(), 0, 0);
            SopsError::Emit { at, format, message }
        })?;
        Ok(text.to_vec())
    }
}
