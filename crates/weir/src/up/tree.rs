//! What runs: source -> Kustomization -> objects, with their health.

use super::fleet::{Fleet, Row, State};
use super::progress::mark;
use crate::error::CliError;
use serde_json::{Value, json};
use weir_apply::{Health, health};
use weir_kube::Session;
use weir_object::{Inventory, ObjectRef};

/// Reads under way at once.
const CONCURRENCY: usize = 16;

pub struct Tree {
    branches: Vec<Branch>,
    /// Flux objects that belong to no source here.
    others: Vec<Row>,
}

struct Branch {
    source: Row,
    kustomizations: Vec<(Row, Vec<Health>)>,
}

pub async fn gather(session: &Session, fleet: &Fleet) -> Result<Tree, CliError> {
    let mut branches: Vec<Branch> = fleet
        .rows()
        .filter(|row| row.kind == "GitRepository")
        .map(|row| Branch { source: row.clone(), kustomizations: Vec::new() })
        .collect();
    let mut others = Vec::new();
    for row in fleet.rows().filter(|row| row.kind != "GitRepository") {
        let source = source_of(row);
        match branches.iter_mut().find(|branch| source.as_deref() == Some(branch.source.id().as_str())) {
            Some(branch) => {
                let objects = inventory(row)?;
                let health = health(session, &objects, &Default::default(), CONCURRENCY, None).await;
                branch.kustomizations.push((row.clone(), health));
            }
            None => others.push(row.clone()),
        }
    }
    Ok(Tree { branches, others })
}

fn source_of(row: &Row) -> Option<String> {
    if row.kind != "Kustomization" {
        return None;
    }
    let reference = row.object.pointer("/spec/sourceRef")?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str);
    Some(format!("{}/{}/{}", text("kind")?, text("namespace").unwrap_or(&row.namespace), text("name")?))
}

fn inventory(row: &Row) -> Result<Vec<ObjectRef>, CliError> {
    let entries = row.object.pointer("/status/inventory/entries").and_then(Value::as_array);
    let pairs =
        entries.into_iter().flatten().filter_map(|entry| Some((entry.get("id")?.as_str()?, entry.get("v")?.as_str()?)));
    let inventory = Inventory::from_entries(pairs).map_err(|error| CliError::new(format!("{}: {error}", row.id())))?;
    Ok(inventory.iter().collect())
}

impl Tree {
    pub fn text(&self) -> String {
        let mut out = String::new();
        for branch in &self.branches {
            out += &format!("{}\n", line(&branch.source));
            for (index, (row, objects)) in branch.kustomizations.iter().enumerate() {
                let last = index + 1 == branch.kustomizations.len();
                out += &format!("{} {}\n", if last { "└──" } else { "├──" }, line(row));
                for (index, object) in objects.iter().enumerate() {
                    let stem = if last { "    " } else { "│   " };
                    let twig = if index + 1 == objects.len() { "└──" } else { "├──" };
                    let status = object.verdict.status.as_str();
                    let why = if object.is_current() { String::new() } else { format!(": {}", object.verdict.message) };
                    out += &format!("{stem}{twig} {}  {status}{why}\n", object.object);
                }
            }
        }
        for row in &self.others {
            out += &format!("{}\n", line(row));
        }
        out
    }

    pub fn json(&self) -> String {
        let branches: Vec<Value> = self
            .branches
            .iter()
            .map(|branch| {
                let kustomizations: Vec<Value> = branch
                    .kustomizations
                    .iter()
                    .map(|(row, objects)| {
                        let objects: Vec<Value> = objects
                            .iter()
                            .map(|object| {
                                json!({"id": object.object.to_string(), "status": object.verdict.status.as_str(),
                                    "message": object.verdict.message})
                            })
                            .collect();
                        with(described(row), "objects", objects)
                    })
                    .collect();
                with(described(&branch.source), "kustomizations", kustomizations)
            })
            .collect();
        let others: Vec<Value> = self.others.iter().map(described).collect();
        format!("{:#}", json!({"sources": branches, "others": others}))
    }
}

fn line(row: &Row) -> String {
    let message = row.message.lines().next().unwrap_or_default();
    format!("{} {}  {}", mark(row.state), row.id(), short(message))
}

/// Digests and commits cut to the twelve characters that tell them apart.
pub fn short(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut run = 0;
    for c in message.chars() {
        run = if c.is_ascii_hexdigit() { run + 1 } else { 0 };
        out.push(c);
        // Only what is longer than any word can be an id: it is cut when its end is known to be far.
        if run == 40 {
            out.truncate(out.len() - 28);
        } else if run > 40 {
            out.pop();
        }
    }
    out
}

fn described(row: &Row) -> Value {
    let state = match row.state {
        State::Ready => "Ready",
        State::Working => "Progressing",
        State::Failed => "Failed",
        State::Stalled => "Stalled",
        State::Suspended => "Suspended",
    };
    json!({"id": row.id(), "state": state, "reason": row.reason, "message": row.message})
}

fn with(mut value: Value, key: &str, items: Vec<Value>) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.insert(key.to_owned(), Value::Array(items));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn ids_are_cut_and_words_are_not() {
        let digest = "a1".repeat(32);
        assert_eq!(short(&format!("at latest@sha256:{digest}, done")), "at latest@sha256:a1a1a1a1a1a1, done");
        assert_eq!(short(&format!("main@sha1:{}", "0".repeat(40))), "main@sha1:000000000000");
        assert_eq!(short("deadbeef cafe"), "deadbeef cafe");
    }
}
