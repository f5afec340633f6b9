//! Files of a checkout that were changed after SOPS encrypted them. Flux does not look at the MAC; weir tells of it, or
//! refuses them (`--sops-mac`).

use super::plan::shown;
use crate::error::CliError;
use crate::folder;
use crate::objects::Say;
use crate::sops::Keys;
use std::path::Path;
use weir_base::Budget;
use weir_sops::{File, Format, Mac, Resolved};

/// Names of files that SOPS may have encrypted; what is binary has another ending in Git, and holds its metadata as JSON.
const ENDINGS: [&str; 6] = [".yaml", ".yml", ".json", ".env", ".ini", ".enc"];

/// Says which, as far as keys for them are held.
pub fn say(clone: &Path, keys: &Keys, say: &Say<'_>) -> Result<(), CliError> {
    let budget = Budget::standard();
    let tree = folder::read(clone, &budget)?;
    let keyring = keys.keyring()?;
    let (mut stale, mut locked, mut sound) = (Vec::new(), Vec::new(), 0);
    for (path, text) in tree.iter() {
        if text.len() > weir_sops::MAX_FILE || !ENDINGS.iter().any(|ending| path.ends_with(ending)) {
            continue;
        }
        // What is no file of SOPS, or is broken, is no matter of the migration.
        let Ok(Some(file)) = File::parse(text, Format::of_path(path), path, &budget) else { continue };
        let Ok(key) = file.data_key(&keyring, &Resolved::new(), &budget) else {
            locked.push(path.to_string());
            continue;
        };
        match file.decrypt(&key, &budget).map(|plain| plain.mac) {
            Ok(Mac::Valid) => sound += 1,
            _ => stale.push(path.to_string()),
        }
    }
    if sound > 0 {
        say.success(&format!("{sound} files of SOPS are as they were encrypted"));
    }
    if !stale.is_empty() {
        say.warning(&format!(
            "{} files of SOPS were changed after they were encrypted, which weir tells of and Flux does not: {} (look at their \
             history; `weir sops rotate` encrypts them anew)",
            stale.len(),
            shown(&stale)
        ));
    }
    if !locked.is_empty() {
        say.warning(&format!(
            "of {} files of SOPS no key is held here, so that it is not known whether they were changed: {}",
            locked.len(),
            shown(&locked)
        ));
    }
    Ok(())
}
