//! From the keys that are held to the data key of a file.

use crate::cipher::DataKey;
use crate::error::{Attempts, GroupAttempt, KeyRef, Unmet};
use crate::keys::Keyring;
use crate::master::MasterKey;
use crate::metadata::Metadata;
use crate::shamir;
use std::collections::HashMap;
use weir_base::{Budget, Origin};
use zeroize::Zeroizing;

/// What key services answered: parts of a data key, or why there is none.
#[derive(Default)]
pub struct Resolved(HashMap<KeyRef, Result<Zeroizing<Vec<u8>>, String>>);

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Resolved {
    pub fn new() -> Self {
        Self::default()
    }

    /// The service decrypted the key's part.
    pub fn answered(&mut self, key: KeyRef, part: Zeroizing<Vec<u8>>) {
        self.0.insert(key, Ok(part));
    }

    /// It did not; `why` is shown, and must hold no secret.
    pub fn failed(&mut self, key: KeyRef, why: impl Into<String>) {
        self.0.insert(key, Err(why.into()));
    }
}

pub(crate) fn data_key(
    metadata: &Metadata,
    at: &Origin,
    keyring: &Keyring,
    resolved: &Resolved,
    budget: &Budget,
) -> Result<DataKey, Unmet> {
    let mut groups = Vec::new();
    let mut parts = Vec::new();
    let mut ask = Vec::new();
    for (group, keys) in metadata.groups.iter().enumerate() {
        // Age before PGP before the rest, each in the file's order.
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|key| keys[*key].priority());
        let mut attempt = GroupAttempt { opened: false, attempts: Vec::new() };
        let mut missing = Vec::new();
        for key in order {
            let at = KeyRef { group, key };
            match open(&keys[key], at, keyring, resolved, budget) {
                Ok(part) => {
                    parts.push(part);
                    attempt.opened = true;
                    break;
                }
                Err(why) => {
                    if keys[key].is_remote() && !resolved.0.contains_key(&at) {
                        missing.push(at);
                    }
                    attempt.attempts.push((keys[key].name(), why));
                }
            }
        }
        if !attempt.opened {
            ask.append(&mut missing);
        }
        groups.push(attempt);
    }
    let needed = metadata.needed();
    let unmet = |groups, ask, broken: Option<&str>| {
        let broken = broken.map(str::to_owned);
        Unmet(Box::new(Attempts { at: at.clone(), needed, groups, held: keyring.held(), ask, broken }))
    };
    if metadata.groups.len() > 1 {
        if parts.len() < needed {
            return Err(unmet(groups, ask, None));
        }
        return match shamir::combine(&parts) {
            Ok(secret) => DataKey::new(&secret)
                .ok_or_else(|| unmet(groups, Vec::new(), Some("the parts give no key of 32 bytes"))),
            Err(why) => Err(unmet(groups, Vec::new(), Some(why))),
        };
    }
    match parts.as_slice() {
        [part] => DataKey::new(part).ok_or_else(|| unmet(groups, Vec::new(), Some("it is not of 32 bytes"))),
        _ => Err(unmet(groups, ask, None)),
    }
}

fn open(
    key: &MasterKey,
    at: KeyRef,
    keyring: &Keyring,
    resolved: &Resolved,
    budget: &Budget,
) -> Result<Zeroizing<Vec<u8>>, String> {
    budget.spend(1_000).map_err(|why| why.to_string())?;
    match key {
        MasterKey::Age { enc, .. } => keyring.open_age(enc).map_err(str::to_owned),
        MasterKey::Pgp { enc, .. } => keyring.open_pgp(enc).map_err(str::to_owned),
        _ => match resolved.0.get(&at) {
            Some(Ok(part)) => Ok(part.clone()),
            Some(Err(why)) => Err(why.clone()),
            None => Err("the service was not asked".to_owned()),
        },
    }
}
