//! The `sops` block.

use crate::SopsError;
use crate::master::MasterKey;
use crate::rule::Rule;
use crate::time::Time;
use crate::tree::{Branch, Element, Item, Value, get};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As many key groups, and keys in all, as are read.
pub(crate) const MAX_GROUPS: usize = 255;
const MAX_KEYS: usize = 1024;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metadata {
    pub groups: Vec<Vec<MasterKey>>,
    pub threshold: usize,
    pub last_modified: Time,
    pub mac: String,
    pub mac_only_encrypted: bool,
    pub rule: Rule,
    pub version: String,
    /// The line of the block.
    pub line: u32,
}

struct Reader<'a> {
    file: &'a Option<Arc<str>>,
    line: u32,
}

/// The lists of a group, in the order in which the original reads them.
const KINDS: [&str; 7] = ["kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age"];

impl Metadata {
    pub fn read(block: &Branch, line: u32, file: &Option<Arc<str>>) -> Result<Self, SopsError> {
        let reader = Reader { file, line };
        let last_modified = reader.time(&reader.text(block, "lastmodified")?, "lastmodified")?;
        let mut rules = Vec::new();
        for field in Rule::FIELDS {
            let text = reader.text(block, field)?;
            if !text.is_empty() {
                rules.extend(Rule::of_field(field, &text));
            }
        }
        if rules.len() > 1 {
            let names: Vec<&str> = rules.iter().map(|rule| rule.field().0).collect();
            return reader.wrong(format!("{} cannot be used together", names.join(" and ")));
        }
        let threshold = reader.text(block, "shamir_threshold")?;
        let threshold = if threshold.is_empty() { Some(0) } else { threshold.parse().ok() };
        let Some(threshold) = threshold else { return reader.wrong("shamir_threshold is no number") };
        let mac_only = reader.text(block, "mac_only_encrypted")?;
        let mac_only_encrypted = match mac_only.as_str() {
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            _ => return reader.wrong("mac_only_encrypted is no boolean"),
        };
        Ok(Self {
            groups: reader.groups(block)?,
            threshold,
            last_modified,
            mac: reader.text(block, "mac")?,
            mac_only_encrypted,
            rule: rules.pop().unwrap_or_default(),
            version: reader.text(block, "version")?,
            line,
        })
    }

    /// How many groups have to open.
    pub fn needed(&self) -> usize {
        if self.groups.len() > 1 { self.threshold } else { 1 }
    }

    /// The block as it is written: every level sorted by name.
    pub fn write(&self) -> Branch {
        let mut block = BTreeMap::new();
        if let [group] = self.groups.as_slice() {
            for (kind, list) in lists(group) {
                if !list.is_empty() {
                    block.insert(kind, Value::Seq(list));
                }
            }
        } else if !self.groups.is_empty() {
            let groups = self.groups.iter().map(|group| {
                // These two are written even where they are empty.
                let kept = |kind: &str| matches!(kind, "age" | "hc_vault");
                let lists = lists(group).into_iter().filter(|(kind, list)| kept(kind) || !list.is_empty());
                Element { value: branch(lists.map(|(kind, list)| (kind, Value::Seq(list))).collect()), line: 0 }
            });
            block.insert("key_groups", Value::Seq(groups.collect()));
        }
        if self.threshold > 0 {
            block.insert("shamir_threshold", Value::Int(i64::try_from(self.threshold).unwrap_or(i64::MAX)));
        }
        block.insert("lastmodified", Value::text(self.last_modified.seconds()));
        block.insert("mac", Value::text(self.mac.clone()));
        let (field, text) = self.rule.field();
        if !text.is_empty() {
            block.insert(field, Value::text(text));
        }
        if self.mac_only_encrypted {
            block.insert("mac_only_encrypted", Value::Bool(true));
        }
        block.insert("version", Value::text(self.version.clone()));
        match branch(block) {
            Value::Map(branch) => branch,
            _ => Branch::new(),
        }
    }
}

fn branch(fields: BTreeMap<&str, Value>) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| Item::new(name, value)).collect())
}

fn lists(group: &[MasterKey]) -> BTreeMap<&'static str, Vec<Element>> {
    let mut lists: BTreeMap<&str, Vec<Element>> = KINDS.iter().map(|kind| (*kind, Vec::new())).collect();
    for key in group {
        let (kind, fields) = fields(key);
        let value = branch(fields.into_iter().collect());
        lists.entry(kind).or_default().push(Element { value, line: 0 });
    }
    lists
}

fn fields(key: &MasterKey) -> (&'static str, Vec<(&'static str, Value)>) {
    let text = |text: &str| Value::text(text);
    match key {
        MasterKey::Age { recipient, enc } => ("age", vec![("recipient", text(recipient)), ("enc", text(enc))]),
        MasterKey::Pgp { fingerprint, enc, created_at } => {
            ("pgp", vec![("fp", text(fingerprint)), ("enc", text(enc)), ("created_at", text(created_at))])
        }
        MasterKey::AwsKms { arn, role, context, profile, enc, created_at } => {
            let mut fields = vec![("arn", text(arn)), ("enc", text(enc)), ("created_at", text(created_at))];
            fields.push(("aws_profile", text(profile)));
            if !role.is_empty() {
                fields.push(("role", text(role)));
            }
            if !context.is_empty() {
                let context = context.iter().map(|(key, value)| Item::new(key.clone(), text(value)));
                fields.push(("context", Value::Map(context.collect())));
            }
            ("kms", fields)
        }
        MasterKey::GcpKms { resource, enc, created_at } => {
            ("gcp_kms", vec![("resource_id", text(resource)), ("enc", text(enc)), ("created_at", text(created_at))])
        }
        MasterKey::AzureKv { vault, name, version, enc, created_at } => (
            "azure_kv",
            vec![
                ("vault_url", text(vault)),
                ("name", text(name)),
                ("version", text(version)),
                ("enc", text(enc)),
                ("created_at", text(created_at)),
            ],
        ),
        MasterKey::Vault { address, engine, key, enc, created_at } => (
            "hc_vault",
            vec![
                ("vault_address", text(address)),
                ("engine_path", text(engine)),
                ("key_name", text(key)),
                ("enc", text(enc)),
                ("created_at", text(created_at)),
            ],
        ),
        MasterKey::HuaweiKms { key, enc, created_at } => {
            ("hckms", vec![("key_id", text(key)), ("enc", text(enc)), ("created_at", text(created_at))])
        }
    }
}

impl Reader<'_> {
    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, SopsError> {
        Err(SopsError::metadata(self.file, self.line, message))
    }

    /// A field as text, whatever it was written as.
    fn text(&self, block: &Branch, name: &str) -> Result<String, SopsError> {
        let Some(item) = get(block, name) else { return Ok(String::new()) };
        match &item.value {
            Value::Null => Ok(String::new()),
            Value::Str(_) => match item.value.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => self.wrong(format!("{name} is not text")),
            },
            Value::Int(n) => Ok(n.to_string()),
            Value::Float(n) => Ok(crate::number::fixed(*n)),
            Value::Bool(value) => Ok(if *value { "1" } else { "0" }.to_owned()),
            Value::Time(time) => Ok(time.seconds()),
            other => self.wrong(format!("{name} is {}, and should be a string", other.kind_name())),
        }
    }

    fn time(&self, text: &str, name: &str) -> Result<Time, SopsError> {
        match Time::of_rfc3339(text) {
            Some(time) => Ok(time),
            None => self.wrong(format!("{name} is not a time such as 2006-01-02T15:04:05Z")),
        }
    }

    fn groups(&self, block: &Branch) -> Result<Vec<Vec<MasterKey>>, SopsError> {
        let group = self.group(block)?;
        let groups = if group.is_empty() {
            let blocks = self.maps(block, "key_groups")?;
            blocks.into_iter().map(|block| self.group(block)).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![group]
        };
        let keys: usize = groups.iter().map(Vec::len).sum();
        if groups.is_empty() {
            return self.wrong("it names no key");
        }
        if groups.len() > MAX_GROUPS || keys > MAX_KEYS {
            return self.wrong(format!("it has more than {MAX_GROUPS} key groups or {MAX_KEYS} keys"));
        }
        Ok(groups)
    }

    fn maps<'b>(&self, block: &'b Branch, name: &str) -> Result<Vec<&'b Branch>, SopsError> {
        match get(block, name).map(|item| &item.value) {
            None | Some(Value::Null) => Ok(Vec::new()),
            // One alone stands for a list of it.
            Some(Value::Map(map)) => Ok(vec![map]),
            Some(Value::Seq(list)) => {
                let items = list.iter().filter(|element| !matches!(element.value, Value::Comment(_)));
                items
                    .map(|element| match element.value.as_map() {
                        Some(map) => Ok(map),
                        None => self.wrong(format!("an entry of {name} is {}", element.value.kind_name())),
                    })
                    .collect()
            }
            Some(other) => self.wrong(format!("{name} is {}, and should be a list", other.kind_name())),
        }
    }

    fn group(&self, block: &Branch) -> Result<Vec<MasterKey>, SopsError> {
        let mut group = Vec::new();
        for kind in KINDS {
            for key in self.maps(block, kind)? {
                group.push(self.key(kind, key)?);
            }
        }
        Ok(group)
    }

    fn key(&self, kind: &str, key: &Branch) -> Result<MasterKey, SopsError> {
        let text = |name: &str| self.text(key, name);
        let enc = text("enc")?;
        if kind == "age" {
            return Ok(MasterKey::Age { recipient: text("recipient")?, enc });
        }
        let created_at = self.time(&text("created_at")?, "created_at")?.seconds();
        Ok(match kind {
            "pgp" => MasterKey::Pgp { fingerprint: text("fp")?, enc, created_at },
            "kms" => {
                let mut context = BTreeMap::new();
                if let Some(Value::Map(map)) = get(key, "context").map(|item| &item.value) {
                    for name in map.iter().filter_map(Item::name) {
                        context.insert(name.to_owned(), self.text(map, name)?);
                    }
                }
                let (arn, role, profile) = (text("arn")?, text("role")?, text("aws_profile")?);
                MasterKey::AwsKms { arn, role, context, profile, enc, created_at }
            }
            "gcp_kms" => MasterKey::GcpKms { resource: text("resource_id")?, enc, created_at },
            "azure_kv" => {
                let (vault, name, version) = (text("vault_url")?, text("name")?, text("version")?);
                MasterKey::AzureKv { vault, name, version, enc, created_at }
            }
            "hc_vault" => {
                let (address, engine, name) = (text("vault_address")?, text("engine_path")?, text("key_name")?);
                MasterKey::Vault { address, engine, key: name, enc, created_at }
            }
            _ => MasterKey::HuaweiKms { key: text("key_id")?, enc, created_at },
        })
    }
}
