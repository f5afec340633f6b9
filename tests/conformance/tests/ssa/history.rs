//! The histories: tables of kinds and scenarios, and histories of their own.

use std::collections::BTreeMap;
use weir_conformance::{merge, root};
use weir_doc::Node;

/// What happens in a step; parts are named, `object+change` is the object with a merge patch.
pub enum Step {
    /// What a Kustomization does: it applies, and prunes what it had and has not.
    Apply {
        objects: Vec<String>,
        force: bool,
    },
    Create {
        object: String,
        manager: String,
    },
    Patch {
        of: String,
        patch: String,
        manager: String,
    },
    ServerSideApply {
        object: String,
        manager: String,
    },
    Delete {
        object: String,
    },
}

pub struct History {
    pub name: String,
    parts: BTreeMap<String, Node>,
    pub steps: Vec<Step>,
}

/// All histories, and the objects that have to be there before.
pub fn load() -> (Vec<Node>, Vec<History>) {
    let (kinds, scenarios, special) = (read("kinds.json"), read("scenarios.json"), read("special.json"));
    let common = fields(&scenarios, "parts");
    let mut histories = Vec::new();
    for scenario in items(&scenarios, "scenarios") {
        for kind in kinds.as_seq().unwrap() {
            let name = kind.str_at(&["kind"]).unwrap();
            let wanted = scenario
                .get("kinds")
                .is_none_or(|only| only.as_seq().unwrap().iter().any(|kind| kind.as_str() == Some(name)));
            if wanted && scenario.str_at(&["needs"]).is_none_or(|needed| kind.get(needed).is_some()) {
                let parts = common.iter().chain(&fields_of(kind)).map(|(k, v)| (k.clone(), v.clone())).collect();
                let name = format!("{}/{name}", scenario.str_at(&["name"]).unwrap());
                histories.push(History { name, parts, steps: steps(scenario) });
            }
        }
    }
    for one in special.as_seq().unwrap() {
        let parts = common.iter().chain(&fields(one, "parts")).map(|(k, v)| (k.clone(), v.clone())).collect();
        let name = format!("special/{}", one.str_at(&["name"]).unwrap());
        histories.push(History { name, parts, steps: steps(one) });
    }
    (items(&scenarios, "setup").to_vec(), histories)
}

/// What the original says of each history. Of an error only the object counts: the words differ where ours say more.
pub fn expected() -> BTreeMap<String, Node> {
    let mut expected = fields_of(&read("expected.json"));
    for answer in expected.values_mut() {
        for step in answer.get_mut("steps").and_then(Node::as_seq_mut).unwrap() {
            if let Some(error) = step.str_at(&["error"]) {
                let object = error.split(' ').next().unwrap().to_owned();
                step.set("error", object);
            }
        }
    }
    expected
}

/// Where ours is another answer on purpose: why, and the answer on each server.
pub fn differences() -> BTreeMap<String, Node> {
    fields_of(&read("differs.json"))
}

impl History {
    /// A part in a namespace.
    pub fn part(&self, name: &str, namespace: &str) -> Node {
        let mut keys = name.split('+');
        let part = |key: &str| self.parts.get(key).unwrap_or_else(|| panic!("{}: no part '{key}'", self.name));
        let mut merged = part(keys.next().unwrap()).clone();
        for key in keys {
            let is_patch = merged.get("apiVersion").is_none();
            merge(&mut merged, part(key), is_patch);
        }
        let text = String::from_utf8(weir_doc::to_json(&merged)).unwrap();
        weir_doc::from_json(text.replace("$NS", namespace).as_bytes()).unwrap()
    }

    /// Who writes in this history, the owner aside.
    pub fn managers(&self) -> Vec<&str> {
        let manager = |step| match step {
            &Step::Create { ref manager, .. }
            | &Step::Patch { ref manager, .. }
            | &Step::ServerSideApply { ref manager, .. } => Some(manager.as_str()),
            _ => None,
        };
        self.steps.iter().filter_map(manager).collect()
    }
}

fn read(name: &str) -> Node {
    weir_doc::from_json(&std::fs::read(root("ssa").join(name)).unwrap()).unwrap()
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).unwrap().as_seq().unwrap()
}

fn fields(node: &Node, key: &str) -> BTreeMap<String, Node> {
    fields_of(node.get(key).unwrap())
}

fn fields_of(node: &Node) -> BTreeMap<String, Node> {
    node.as_map().unwrap().iter().map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect()
}

fn steps(node: &Node) -> Vec<Step> {
    items(node, "steps").iter().map(step).collect()
}

fn step(node: &Node) -> Step {
    let text = |key: &str| node.str_at(&[key]).map(str::to_owned);
    let manager = text("as").unwrap_or_default();
    if let Some(names) = node.get("apply") {
        let objects = names.as_seq().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        return Step::Apply { objects, force: node.get("force").and_then(Node::as_bool) == Some(true) };
    }
    match (text("create"), text("patch"), text("ssa"), text("delete")) {
        (Some(object), ..) => Step::Create { object, manager },
        (_, Some(patch), ..) => Step::Patch { of: text("of").unwrap_or("object".to_owned()), patch, manager },
        (_, _, Some(object), _) => Step::ServerSideApply { object, manager },
        (.., object) => Step::Delete { object: object.unwrap() },
    }
}
