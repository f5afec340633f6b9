//! `buildMetadata`: annotations that say where an object comes from and what changed it.

use crate::remote::RepoSpec;
use crate::resource::Resource;
use weir_doc::{Map, Node, emit};

pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The path from the folder of the build, or of a repository, to the kustomization being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    path: String,
    /// URL and reference of the repository.
    repository: Option<(String, Option<String>)>,
}

impl Trail {
    pub fn append(&self, path: &str) -> Self {
        if let Ok(spec) = RepoSpec::parse(path) {
            // kustomize takes off the name of the folder that it has not cloned to yet, if something follows it.
            let path = if spec.folder.is_empty() { "notCloned".to_owned() } else { spec.folder.clone() };
            return Self { path, repository: Some((spec.url(), spec.reference)) };
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in self.path.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Self { path: parts.join("/"), repository: self.repository.clone() }
    }

    pub fn file(&self) -> Node {
        let mut map: Map = [("path", Node::string(self.path.as_str()))].into_iter().collect();
        self.add_repository(&mut map);
        Node::from(map)
    }

    /// A generator or transformer that stands in a file of this folder.
    pub fn configured(&self, file: &str, by: Node) -> Node {
        let mut map = Map::new();
        self.add_repository(&mut map);
        map.insert("configuredIn", self.append(file).path);
        map.insert("configuredBy", by);
        Node::from(map)
    }

    fn add_repository(&self, map: &mut Map) {
        if let Some((url, reference)) = &self.repository {
            map.insert("repo", url.as_str());
            if let Some(reference) = reference {
                map.insert("ref", reference.as_str());
            }
        }
    }
}

pub(crate) fn builtin(kind: &str) -> Node {
    let entries = [("apiVersion", Node::string("builtin")), ("kind", Node::string(kind))];
    Node::from(entries.into_iter().collect::<Map>())
}

fn set(resource: &mut Resource, key: &str, text: &str) {
    // kustomize writes all of them anew, so that they change with nothing else any more.
    let mut annotations = resource.annotations();
    annotations.insert(key.to_owned(), text.to_owned());
    resource.set_annotations(&annotations);
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
