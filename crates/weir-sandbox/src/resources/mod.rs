//! Which resources there are, as data: the built-in ones from a table, custom ones from CRDs.

mod builtin;
mod custom;
pub(crate) mod discovery;
pub(crate) mod openapi;

pub(crate) use builtin::{bootstrap_objects, unpack};
pub(crate) use custom::resource_of_crd;

use crate::status::qualified;
use std::collections::HashMap;
use std::sync::Arc;
use weir_doc::Node;
use weir_merge::{Schema, TypeRef};

/// A resource with its served versions. All versions share one store.
#[derive(Debug)]
pub(crate) struct Resource {
    pub group: String,
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub list_kind: String,
    pub namespaced: bool,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub verbs: Vec<String>,
    pub hash: String,
    /// The first is preferred.
    pub versions: Vec<Version>,
    pub custom: bool,
    /// The key of the store: `plural.group`, but for events, which are one store with two views.
    pub key: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct Version {
    pub name: String,
    pub schema: SchemaRef,
    pub ty: TypeRef,
    pub columns: Arc<Vec<Column>>,
    pub subresources: Vec<Subresource>,
    /// The `openAPIV3Schema` of a custom resource.
    pub rules: Option<Arc<Node>>,
    /// Where the scale subresource of a custom resource finds its fields.
    pub scale: Option<Node>,
    pub deprecation: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum SchemaRef {
    Builtin(&'static Schema),
    Custom(Arc<Schema>),
}

impl std::ops::Deref for SchemaRef {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        match self {
            SchemaRef::Builtin(schema) => schema,
            SchemaRef::Custom(schema) => schema,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Subresource {
    pub name: String,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub verbs: Vec<String>,
}

/// A column of a Table; `path` only for custom resources.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub name: String,
    pub ty: String,
    pub format: String,
    pub description: String,
    pub priority: i64,
    pub path: Option<String>,
}

impl Resource {
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}

impl Version {
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }
}

/// All resources, by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    resources: HashMap<String, Arc<Resource>>,
    /// Keys in the order of discovery.
    order: Vec<Arc<str>>,
}

impl Registry {
    pub fn builtin() -> Self {
        let mut registry = Registry::default();
        for resource in builtin::resources() {
            registry.put(resource);
        }
        registry
    }

    pub fn put(&mut self, resource: Resource) {
        let resource = Arc::new(resource);
        let name = resource.qualified();
        if self.resources.insert(name.clone(), resource).is_none() {
            self.order.push(name.into());
        }
    }

    pub fn remove(&mut self, key: &str) {
        self.resources.remove(key);
        self.order.retain(|other| **other != *key);
    }

    pub fn get(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        if group.is_empty() { self.resources.get(plural) } else { self.resources.get(&qualified(plural, group)) }
    }

    pub fn by_key(&self, key: &str) -> Option<&Arc<Resource>> {
        self.resources.get(key)
    }

    pub fn by_kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.iter().find(|resource| resource.group == group && resource.kind == kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.order.iter().filter_map(|key| self.resources.get(&**key))
    }

    /// The groups with their versions, preferred first.
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for resource in self.iter() {
            let at = groups.iter().position(|(group, _)| *group == resource.group).unwrap_or_else(|| {
                groups.push((resource.group.clone(), Vec::new()));
                groups.len() - 1
            });
            for version in &resource.versions {
                if !groups[at].1.contains(&version.name) {
                    groups[at].1.push(version.name.clone());
                }
            }
        }
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| std::cmp::Reverse(version_order(version)));
        }
        groups
    }
}

/// Kubernetes' order of versions: GA before beta before alpha, higher numbers first.
pub(crate) fn version_order(version: &str) -> (u8, u32, u32, std::cmp::Reverse<String>) {
    let other = (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else { return other };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let Ok(major) = rest[..digits].parse() else { return other };
    let none = std::cmp::Reverse(String::new());
    match &rest[digits..] {
        "" => (3, major, 0, none),
        tail => {
            let parsed = |prefix: &str| tail.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok());
            match (parsed("beta"), parsed("alpha")) {
                (Some(minor), _) => (2, major, minor, none),
                (_, Some(minor)) => (1, major, minor, none),
                _ => other,
            }
        }
    }
}
