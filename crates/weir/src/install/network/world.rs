//! What the controllers are told to do: objects of a cluster, and the files of their sources.

use serde_json::Value;
use std::collections::BTreeMap;
use weir_api::{ExternalArtifact, GitRepository, Kustomization};
use weir_base::{Budget, Tree};
use weir_doc::{Dialect, to_json, yaml};

/// The objects, by what the controllers look at them for.
#[derive(Default)]
pub struct World {
    pub repositories: Vec<GitRepository>,
    pub artifacts: Vec<ExternalArtifact>,
    pub kustomizations: Vec<Kustomization>,
    /// Secrets and ConfigMaps, by kind, namespace and name.
    data: BTreeMap<(String, String, String), BTreeMap<String, String>>,
    /// The files of a source, by its name.
    files: BTreeMap<String, Tree>,
}

impl World {
    pub fn new(manifests: &str) -> Self {
        let mut world = Self::default();
        let objects = yaml::parse_all(manifests.as_bytes(), None, Dialect::Sigs, &Budget::standard()).expect("is YAML");
        for object in objects {
            let object: Value = serde_json::from_slice(&to_json(&object)).expect("is JSON");
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            let kind = text("/kind");
            match kind.as_str() {
                "GitRepository" => world.repositories.push(read(object)),
                "ExternalArtifact" => world.artifacts.push(read(object)),
                "Kustomization" => world.kustomizations.push(read(object)),
                "Secret" | "ConfigMap" => {
                    let member = if kind == "Secret" { "stringData" } else { "data" };
                    let id = (kind, text("/metadata/namespace"), text("/metadata/name"));
                    world.data.insert(id, read(object[member].clone()));
                }
                other => panic!("nothing is known of {other}"),
            }
        }
        world
    }

    /// A file of a source.
    pub fn with(mut self, source: &str, path: &str, content: &str) -> Self {
        let tree = self.files.entry(source.to_owned()).or_default();
        tree.insert(path, content.as_bytes().to_vec()).expect("a path");
        self
    }

    pub fn files(&self, source: &str) -> Tree {
        self.files.get(source).cloned().unwrap_or_default()
    }

    /// A value of a Secret or ConfigMap, by the first of these keys that it has.
    pub fn value(&self, (kind, namespace, name): (&str, &str, &str), keys: &[&str]) -> &str {
        let data = self.data.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned())).expect("is there");
        keys.iter().find_map(|key| data.get(*key)).map(String::as_str).unwrap_or_default()
    }
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("is of its kind")
}
