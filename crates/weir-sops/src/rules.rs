//! `.sops.yaml`: what a new file is encrypted with, by its path.

use crate::encrypt::Plan;
use crate::error::SopsError;
use crate::master::MasterKey;
use crate::rule::{Rule, compile};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, yaml};

/// The creation rules of a `.sops.yaml`.
#[derive(Clone, Debug)]
pub struct Rules {
    file: Arc<str>,
    rules: Vec<Node>,
}

/// What a rule may have for keys that a service holds; they can be kept in a file, not encrypted to.
const REMOTE: [&str; 9] =
    ["kms", "gcp_kms", "hckms", "azure_keyvault", "hc_vault", "hc_vault_transit_uri", "aws_kms", "hc_kms", "azure_kv"];

impl Rules {
    /// Reads the file; `path` is what errors call it.
    pub fn parse(text: &[u8], path: &str, budget: &Budget) -> Result<Self, SopsError> {
        let file: Arc<str> = path.into();
        let node = yaml::parse_first(text, Some(&file), 0, Dialect::V3, budget)
            .map_err(|error| SopsError::Rules { at: error.at.clone(), message: error.message })?
            .unwrap_or_default();
        let rules = match node.get("creation_rules") {
            None => Vec::new(),
            Some(rules) if rules.is_null() => Vec::new(),
            Some(rules) => match rules.as_seq() {
                Some(rules) => rules.clone(),
                None => return wrong(rules, "creation_rules should be a list"),
            },
        };
        Ok(Self { file, rules })
    }

    /// The first rule for a path, which is relative to the folder of the file; `None` where there are no rules at
    /// all. `now` is when the keys are made, in seconds since 1970.
    pub fn plan(&self, path: &str, now: u64) -> Result<Option<Plan>, SopsError> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        for rule in &self.rules {
            let pattern = text(rule, "path_regex")?;
            if pattern.is_empty() {
                return plan(rule, now).map(Some);
            }
            let Some(regex) = compile(&pattern) else {
                return wrong(rule, &format!("path_regex '{pattern}' is not a regular expression that can be used"));
            };
            if regex.is_match(path.as_bytes()) {
                return plan(rule, now).map(Some);
            }
        }
        let message = format!("no creation rule is for '{path}'");
        Err(SopsError::Rules { at: Origin::file(self.file.clone()), message })
    }
}

fn wrong<T>(node: &Node, message: &str) -> Result<T, SopsError> {
    Err(SopsError::Rules { at: node.meta.at.clone(), message: message.to_owned() })
}

fn text(node: &Node, name: &str) -> Result<String, SopsError> {
    match node.get(name) {
        None => Ok(String::new()),
        Some(value) if value.is_null() => Ok(String::new()),
        Some(value) => match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => wrong(value, &format!("{name} should be a string")),
        },
    }
}

/// A list, or one string with commas.
fn names(node: &Node, name: &str) -> Result<Vec<String>, SopsError> {
    let Some(value) = node.get(name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let lines: Vec<&str> = match (value.as_str(), value.as_seq()) {
        (Some(text), _) => vec![text],
        (_, Some(items)) => match items.iter().map(Node::as_str).collect() {
            Some(items) => items,
            None => return wrong(value, &format!("{name} should be a list of strings")),
        },
        _ => return wrong(value, &format!("{name} should be a string or a list of them")),
    };
    let parts = lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(str::to_owned).collect())
}

fn group(node: &Node, now: u64, depth: u32) -> Result<Vec<MasterKey>, SopsError> {
    if let Some(remote) = REMOTE.iter().find_map(|name| node.get(name)).filter(|value| !value.is_null()) {
        return wrong(remote, "a key of a service cannot be encrypted to here; use sops for this file");
    }
    let mut keys: Vec<MasterKey> = Vec::new();
    if let Some(merged) = node.get("merge").and_then(Node::as_seq) {
        if depth > 16 {
            return wrong(node, "merge is nested too deeply");
        }
        for other in merged {
            keys.append(&mut group(other, now, depth + 1)?);
        }
    }
    keys.extend(names(node, "age")?.iter().map(|name| MasterKey::age(name)));
    keys.extend(names(node, "pgp")?.iter().map(|name| MasterKey::pgp(name, now)));
    let mut unique: Vec<MasterKey> = Vec::new();
    for key in keys {
        if unique.iter().all(|known| *known != key) {
            unique.push(key);
        }
    }
    Ok(unique)
}

fn plan(node: &Node, now: u64) -> Result<Plan, SopsError> {
    let mut rules = Vec::new();
    for field in Rule::FIELDS {
        let value = text(node, field)?;
        if !value.is_empty() {
            rules.extend(Rule::of_field(field, &value));
        }
    }
    if rules.len() > 1 {
        let fields: Vec<&str> = rules.iter().map(|rule| rule.field().0).collect();
        return wrong(node, &format!("{} cannot be used together", fields.join(" and ")));
    }
    let groups = match node.get("key_groups").and_then(Node::as_seq).filter(|groups| !groups.is_empty()) {
        Some(groups) => groups.iter().map(|node| group(node, now, 0)).collect::<Result<Vec<_>, _>>()?,
        None => vec![group(node, now, 0)?],
    };
    let threshold = node.get("shamir_threshold").and_then(Node::as_i64).unwrap_or(0);
    let Ok(threshold) = usize::try_from(threshold) else { return wrong(node, "shamir_threshold is below 0") };
    let mac_only_encrypted = node.get("mac_only_encrypted").and_then(Node::as_bool).unwrap_or(false);
    Ok(Plan { groups, threshold, rule: rules.pop().unwrap_or_default(), mac_only_encrypted })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "creation_rules:
  - path_regex: \\.prod\\.yaml$
    encrypted_regex: ^data$
    shamir_threshold: 2
    key_groups:
      - age: [age1a, 'age1b,age1a']
      - pgp: [AAAA BBBB]
  - path_regex: ^dev/
    age: >-
      age1c,
      age1d
  - path_regex: ^cloud/
    kms: arn:aws:kms:x
";

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules = Rules::parse(TEXT.as_bytes(), ".sops.yaml", &Budget::standard()).expect("valid");
        let plan = rules.plan("a.prod.yaml", 0).expect("a rule").expect("rules");
        assert_eq!(plan.rule, Rule::EncryptedRegex("^data$".into()));
        assert_eq!(
            plan.groups,
            [vec![MasterKey::age("age1a"), MasterKey::age("age1b")], vec![MasterKey::pgp("AAAABBBB", 0)]]
        );
        let plan = rules.plan("dev/x.yaml", 0).expect("a rule").expect("rules");
        assert_eq!(plan.groups, [vec![MasterKey::age("age1c"), MasterKey::age("age1d")]]);
        let error = rules.plan("other", 0).expect_err("no rule");
        assert_eq!(error.to_string(), "no creation rule is for 'other'");
        assert!(rules.plan("cloud/x", 0).expect_err("a service").to_string().contains("use sops"));
    }
}
