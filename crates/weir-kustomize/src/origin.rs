//! `buildMetadata`: annotations that say where an object comes from and what changed it.

use crate::resource::Resource;
use crate::scalar::{self, Tag};
use weir_doc::{Map, Node, emit};

pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The path from the folder of the build to the kustomization being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(String);

impl Trail {
    pub fn append(&self, path: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.0.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Self(parts.join("/"))
    }

    pub fn file(&self) -> Node {
        Node::from([("path", Node::string(self.0.as_str()))].into_iter().collect::<Map>())
    }

    /// A generator or transformer that stands in a file of this folder.
    pub fn configured(&self, file: &str, by: Node) -> Node {
        let entries = [("configuredIn", Node::string(self.append(file).0)), ("configuredBy", by)];
        Node::from(entries.into_iter().collect::<Map>())
    }
}

pub(crate) fn builtin(kind: &str) -> Node {
    let entries = [("apiVersion", Node::string("builtin")), ("kind", Node::string(kind))];
    Node::from(entries.into_iter().collect::<Map>())
}

fn set(resource: &mut Resource, key: &str, text: &str) {
    resource.node.ensure_map(&["metadata", "annotations"]).insert(key, scalar::new(text, Tag::String));
}

/// Notes where an object comes from, unless that is known.
pub(crate) fn note_origin(resource: &mut Resource, origin: &Node) {
    if !resource.annotations().contains_key(ORIGIN) {
        set_origin(resource, origin);
    }
}

pub(crate) fn set_origin(resource: &mut Resource, origin: &Node) {
    set(resource, ORIGIN, &emit::to_yaml_in_order(origin));
}

/// Notes that a transformer ran on an object; one that made the object is its origin.
pub(crate) fn note_transformation(resource: &mut Resource, origin: &Node) {
    let annotations = resource.annotations();
    if !annotations.contains_key(ORIGIN) {
        return note_origin(resource, origin);
    }
    let mut text = annotations.get(TRANSFORMATIONS).cloned().unwrap_or_default();
    text.push_str(&emit::to_yaml_in_order(&Node::from(vec![origin.clone()])));
    set(resource, TRANSFORMATIONS, &text);
}
