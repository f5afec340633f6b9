//! Files made by the real sops: `cases.json` says with which keys and rule, `plain/` of what, `files/` is what it made,
//! `expect/` what it makes of that again. The keys in `keys/` were generated for this and protect nothing.

use crate::root;
use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use weir_base::Budget;
use weir_sops::{File, Format, Keyring, MasterKey, Plain, Plan, Resolved, Rules};

#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub name: String,
    /// The file in `plain/`.
    pub plain: String,
    /// Keys of `keys/`, by group.
    pub groups: Vec<Vec<String>>,
    #[serde(default)]
    pub threshold: usize,
    /// Fields of a creation rule.
    #[serde(default)]
    pub rule: Map<String, Value>,
    /// The format to print, where it is another.
    pub output: Option<String>,
    /// The keys that are at hand.
    pub held: Vec<String>,
    /// What the original says of the MAC: `valid`, or `mismatch` where it cannot read its own.
    pub mac: String,
    /// The version of the original that made the file, where it is an old one; such a file is not made again.
    #[serde(default)]
    pub version: String,
}

pub fn cases() -> anyhow::Result<Vec<Case>> {
    Ok(serde_json::from_slice(&std::fs::read(root("sops").join("cases.json"))?)?)
}

/// The file of a private key.
pub fn key_file(name: &str) -> PathBuf {
    let ending = match name.split('-').next() {
        Some("ssh") => "",
        Some("pgp") => ".asc",
        _ => ".agekey",
    };
    root("sops").join("keys").join(format!("{name}{ending}"))
}

/// A keyring of some of the keys, with every certificate.
pub fn keyring(names: &[String]) -> anyhow::Result<Keyring> {
    let mut keyring = Keyring::new();
    for name in names {
        let text = std::fs::read(key_file(name))?;
        match name.starts_with("pgp") {
            true => keyring.add_pgp(name, &text)?,
            false => keyring.add_age(name, &text)?,
        };
    }
    for name in ["pgp-rsa", "pgp-ecc", "pgp-nist"] {
        let file = root("sops").join("keys").join(format!("{name}.pub.asc"));
        keyring.add_pgp_certificate(name, &std::fs::read(file)?)?;
    }
    Ok(keyring)
}

/// The public name of a key.
pub fn recipient(name: &str) -> anyhow::Result<String> {
    keyring(&[name.to_owned()])?.held().pop().context("a key has a name")
}

impl Case {
    pub fn plain(&self) -> PathBuf {
        root("sops").join("plain").join(&self.plain)
    }

    pub fn file(&self) -> PathBuf {
        let ending = Path::new(&self.plain).extension().unwrap_or_default().to_string_lossy();
        root("sops").join("files").join(format!("{}.{ending}", self.name))
    }

    pub fn expected(&self) -> PathBuf {
        root("sops").join("expect").join(&self.name)
    }

    pub fn format(&self) -> Format {
        Format::of_path(&self.plain)
    }

    /// A `.sops.yaml` with the case's keys and rule. JSON is YAML.
    pub fn config(&self) -> anyhow::Result<String> {
        let mut rule = self.rule.clone();
        let mut groups = Vec::new();
        for group in &self.groups {
            let mut lists = Map::new();
            for name in group {
                let kind = if name.starts_with("pgp") { "pgp" } else { "age" };
                let list = lists.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().context("made as a list")?.push(Value::String(recipient(name)?));
            }
            groups.push(Value::Object(lists));
        }
        if let [Value::Object(group)] = groups.as_mut_slice() {
            rule.append(group);
        } else {
            rule.insert("key_groups".to_owned(), Value::Array(groups));
        }
        if self.threshold > 0 {
            rule.insert("shamir_threshold".to_owned(), Value::from(self.threshold));
        }
        Ok(serde_json::json!({ "creation_rules": [rule] }).to_string())
    }

    pub fn plan(&self) -> anyhow::Result<Plan> {
        let rules = Rules::parse(self.config()?.as_bytes(), ".sops.yaml", &Budget::standard())?;
        rules.plan(&self.plain, 1_700_000_000)?.context("there is a rule")
    }

    /// Decrypts a file of the case with the keys that are at hand.
    pub fn decrypt(&self, text: &[u8]) -> anyhow::Result<Plain> {
        let budget = Budget::standard();
        let Some(file) = File::parse(text, self.format(), &self.name, &budget)? else { bail!("it has no metadata") };
        let key = file.data_key(&keyring(&self.held)?, &Resolved::new(), &budget)?;
        let output = match &self.output {
            Some(name) => Format::of_name(name).context("a format")?,
            None => self.format(),
        };
        Ok(file.decrypt_as(&key, output, &budget)?)
    }
}

/// Bytes that only look random, for tests.
pub fn dice(mut state: u64) -> impl FnMut(&mut [u8]) {
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 32) as u8;
        }
    }
}

/// A key of each kind as a recipient.
pub fn recipients(names: &[&str]) -> anyhow::Result<Vec<MasterKey>> {
    let of = |name: &&str| {
        let name_of = recipient(name)?;
        Ok(if name.starts_with("pgp") { MasterKey::pgp(&name_of, 0) } else { MasterKey::age(&name_of) })
    };
    names.iter().map(of).collect()
}
