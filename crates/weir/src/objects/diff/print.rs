//! What a diff shows.

use super::fields::Field;
use super::lines::{Line, lines};
use serde_json::{Value, json};
use weir_base::Origin;
use weir_doc::{Node, emit::to_yaml, to_value};
use weir_object::ObjectRef;

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Created,
    Recreated,
    Drifted,
    Deleted,
    Skipped,
    Unchanged,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Recreated => "recreated",
            Outcome::Drifted => "drifted",
            Outcome::Deleted => "deleted",
            Outcome::Skipped => "skipped",
            Outcome::Unchanged => "unchanged",
        }
    }

    pub fn is_drift(self) -> bool {
        !matches!(self, Outcome::Skipped | Outcome::Unchanged)
    }

    fn colour(self) -> &'static str {
        match self {
            Outcome::Created => GREEN,
            Outcome::Recreated | Outcome::Deleted => RED,
            Outcome::Skipped => YELLOW,
            Outcome::Drifted | Outcome::Unchanged => PLAIN,
        }
    }
}

/// An object in a diff.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub object: ObjectRef,
    pub outcome: Outcome,
    /// Where its manifest is.
    pub at: Option<Origin>,
    pub fields: Vec<Field>,
}

/// The objects of a Kustomization.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub kustomization: String,
    pub entries: Vec<Entry>,
    /// Of Kustomizations among the objects.
    pub nested: Vec<Section>,
    pub errors: Vec<String>,
}

impl Section {
    pub fn has_drift(&self) -> bool {
        self.entries.iter().any(|entry| entry.outcome.is_drift()) || self.nested.iter().any(Section::has_drift)
    }

    pub fn errors(&self) -> Vec<&str> {
        let own = self.errors.iter().map(String::as_str);
        own.chain(self.nested.iter().flat_map(Section::errors)).collect()
    }

    pub fn json(&self) -> Value {
        let entries: Vec<Value> = self.entries.iter().filter(|e| e.outcome != Outcome::Unchanged).map(entry).collect();
        let mut value = json!({"kustomization": self.kustomization, "drift": self.has_drift(), "objects": entries});
        if let Some(map) = value.as_object_mut() {
            if !self.nested.is_empty() {
                map.insert("kustomizations".to_owned(), self.nested.iter().map(Section::json).collect());
            }
            if !self.errors.is_empty() {
                map.insert("errors".to_owned(), json!(self.errors));
            }
        }
        value
    }

    pub fn text(&self, is_coloured: bool) -> String {
        let mut text = Text { out: String::new(), is_coloured };
        text.section(self);
        text.out
    }
}

fn entry(entry: &Entry) -> Value {
    let side = |node: &Option<Node>| node.as_ref().map_or(Value::Null, to_value);
    let fields: Vec<Value> = entry
        .fields
        .iter()
        .map(|field| {
            let mut value = json!({"path": field.path, "before": side(&field.before), "after": side(&field.after)});
            if let (Some(origin), Some(map)) = (&field.origin, value.as_object_mut()) {
                map.insert("origin".to_owned(), Value::from(origin.as_str()));
            }
            value
        })
        .collect();
    let mut value = json!({"object": entry.object.to_string(), "apiVersion": entry.object.api_version(),
        "action": entry.outcome.as_str(), "changes": fields});
    if let (Some(at), Some(map)) = (&entry.at, value.as_object_mut()) {
        map.insert("at".to_owned(), Value::from(at.to_string()));
    }
    value
}

const PLAIN: &str = "";
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const RESET: &str = "\u{1b}[0m";

struct Text {
    out: String,
    is_coloured: bool,
}

impl Text {
    fn line(&mut self, colour: &str, line: &str) {
        let line = clean(line);
        match self.is_coloured && !colour.is_empty() {
            true => self.out += &format!("{colour}{line}{RESET}\n"),
            false => self.out += &format!("{line}\n"),
        }
    }

    fn section(&mut self, section: &Section) {
        for entry in section.entries.iter().filter(|entry| entry.outcome != Outcome::Unchanged) {
            let place = entry.at.as_ref().filter(|at| at.is_known());
            let place = place.map_or_else(String::new, |at| format!(" ({at})"));
            self.line(entry.outcome.colour(), &format!("► {} {}{place}", entry.object, entry.outcome.as_str()));
            for field in &entry.fields {
                self.field(field);
            }
            if entry.outcome == Outcome::Drifted && entry.fields.is_empty() {
                self.line(PLAIN, "\n  fields that other tools applied are taken over\n");
            }
        }
        for nested in section.nested.iter().filter(|nested| nested.has_drift()) {
            self.line(PLAIN, &format!("📁 {} changed", nested.kustomization));
            self.section(nested);
        }
    }

    fn field(&mut self, Field { path, before, after, origin }: &Field) {
        let origin = origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
        self.line(PLAIN, &format!("\n  {path}{origin}"));
        let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_str).map(str::to_owned);
        match (text(before), text(after)) {
            (Some(one), Some(other)) if one.contains('\n') || other.contains('\n') => {
                for line in lines(&one, &other) {
                    match line {
                        Line::Same(line) => self.line(PLAIN, &format!("      {line}")),
                        Line::Removed(line) => self.line(RED, &format!("    - {line}")),
                        Line::Added(line) => self.line(GREEN, &format!("    + {line}")),
                        Line::Skipped => self.line(PLAIN, "      ..."),
                    }
                }
            }
            _ => {
                self.side(RED, '-', before.as_ref());
                self.side(GREEN, '+', after.as_ref());
            }
        }
        self.out.push('\n');
    }

    fn side(&mut self, colour: &str, sign: char, node: Option<&Node>) {
        let Some(node) = node else { return };
        for line in to_yaml(node).lines() {
            self.line(colour, &format!("    {sign} {line}"));
        }
    }
}

/// Without what would steer a terminal.
fn clean(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_object::ObjectId;

    #[test]
    fn what_would_happen_is_told_with_its_place() {
        let object = ObjectRef {
            id: ObjectId {
                group: String::new(),
                kind: "ConfigMap".to_owned(),
                namespace: "a".to_owned(),
                name: "b".to_owned(),
            },
            version: "v1".to_owned(),
        };
        let field = |path: &str, before: Option<Node>, after: Option<Node>| Field {
            path: path.to_owned(),
            before,
            after,
            origin: (path == "data.x").then(|| "a.yaml:5, X (k.yaml:2)".to_owned()),
        };
        let fields = vec![
            field("data.x", Some(Node::from("1")), Some(Node::from("2\u{1b}[31m"))),
            field("data.y", Some(Node::from("a\nb\n")), Some(Node::from("a\nc\n"))),
            field("data.z", None, Some(Node::map())),
        ];
        let at = Some(Origin::new(Some("a.yaml".into()), 3, 1));
        let entry = |outcome, fields| Entry { object: object.clone(), outcome, at: at.clone(), fields };
        let section = Section {
            kustomization: "Kustomization/a/k".to_owned(),
            entries: vec![entry(Outcome::Drifted, fields), entry(Outcome::Unchanged, Vec::new())],
            ..Section::default()
        };
        assert_eq!(
            section.text(false),
            "► ConfigMap/a/b drifted (a.yaml:3)\n\n  data.x (a.yaml:5, X (k.yaml:2))\n    - \"1\"\n    + \"2\\e[31m\"\n\n\n  data.y\n      a\n    - b\n    + \
             c\n\n\n  data.z\n    + {}\n\n"
        );
        assert!(section.text(true).contains("\u{1b}[31m    - b\u{1b}[0m\n"));
        assert_eq!(section.json()["objects"][0]["changes"][2], json!({"path": "data.z", "before": null, "after": {}}));
    }
}
