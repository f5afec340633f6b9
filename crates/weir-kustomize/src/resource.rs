//! An object on its way through a build, and what kustomize remembers of its past.

use crate::KustomizeError;
use crate::id::{Gvk, Id};
use crate::provenance::Marks;
use crate::scalar::{self, Tag};
use crate::schema::Schemas;
use crate::shared;
use std::borrow::Cow;
use std::collections::BTreeMap;
use weir_base::Origin;
use weir_doc::{Map, Node, Value};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

/// A name, namespace and kind that the object had.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Past {
    pub name: String,
    pub namespace: String,
    pub kind: String,
}

/// What kustomize keeps in `internal.config.kubernetes.io/` annotations during a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    pub past: Vec<Past>,
    pub prefixes: Vec<String>,
    pub suffixes: Vec<String>,
    pub behavior: Option<Behavior>,
    pub needs_hash: bool,
}

/// kustomize's own marks, which it obeys in files too.
const OWN: &str = "internal.config.kubernetes.io/";

impl History {
    fn of(node: &Node) -> Self {
        let Some(annotations) = node.path(&["metadata", "annotations"]).and_then(Node::as_map) else {
            return Self::default();
        };
        if !annotations.keys().any(|key| key.starts_with(OWN)) {
            return Self::default();
        }
        let text = |key: &str| annotations.get(&format!("{OWN}{key}")).and_then(Node::as_str).unwrap_or_default();
        let list = |key| text(key).split(',').filter(|_| !text(key).is_empty()).map(str::to_owned);
        let kinds = list("previousKinds").zip(list("previousNamespaces"));
        let past = list("previousNames").zip(kinds).map(|(name, (kind, namespace))| Past { name, namespace, kind });
        Self {
            past: past.collect(),
            prefixes: list("prefixes").collect(),
            suffixes: list("suffixes").collect(),
            behavior: None,
            needs_hash: text("needsHashSuffix") == "enabled",
        }
    }

    /// What kustomize has in annotations now.
    pub fn annotations(&self) -> Vec<(String, String)> {
        let past = |part: fn(&Past) -> &str| self.past.iter().map(part).collect::<Vec<_>>().join(",");
        let behavior = self.behavior.map(|behavior| match behavior {
            Behavior::Unspecified => "unspecified",
            Behavior::Create => "create",
            Behavior::Replace => "replace",
            Behavior::Merge => "merge",
        });
        let all = [
            ("previousKinds", !self.past.is_empty(), past(|past| &past.kind)),
            ("previousNames", !self.past.is_empty(), past(|past| &past.name)),
            ("previousNamespaces", !self.past.is_empty(), past(|past| &past.namespace)),
            ("prefixes", !self.prefixes.is_empty(), self.prefixes.join(",")),
            ("suffixes", !self.suffixes.is_empty(), self.suffixes.join(",")),
            ("generatorBehavior", behavior.is_some(), behavior.unwrap_or_default().to_owned()),
            ("needsHashSuffix", self.needs_hash, "enabled".to_owned()),
        ];
        all.into_iter().filter(|(_, is_set, _)| *is_set).map(|(key, _, text)| (format!("{OWN}{key}"), text)).collect()
    }
}

/// The same for what a chart made.
const FROM_HELM: &str = "internal.config.kubernetes.io/helm-generated";

#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub node: Node,
    pub history: History,
    /// Only on patches.
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
    /// Whether parts of the object change together; see [`crate::shared`].
    pub has_shared: bool,
    /// Why a field has a text that is not of its type. kustomize fails over it when it prints the object, if it is still
    /// there then.
    pub mistyped: Option<Box<KustomizeError>>,
    /// The vars that take their value from here.
    pub vars: Vec<String>,
    /// Who set what, and the object before the present step; see [`crate::provenance`].
    pub marks: Option<Box<Marks>>,
    pub before: Option<Box<Node>>,
}

impl Resource {
    pub fn new(node: Node) -> Self {
        let history = History::of(&node);
        Self {
            node,
            history,
            allow_name_change: false,
            allow_kind_change: false,
            has_shared: false,
            mistyped: None,
            vars: Vec::new(),
            marks: None,
            before: None,
        }
    }

    /// Notes that a chart made the object, which has its namespace from there.
    pub fn mark_helm(&mut self) {
        self.node.ensure_map(&["metadata", "annotations"]).insert(FROM_HELM, scalar::new("true", Tag::String));
    }

    pub fn is_from_helm(&self) -> bool {
        let mark = self.node.path(&["metadata", "annotations", FROM_HELM]);
        mark.is_some_and(|value| scalar::text(value) == "true")
    }

    pub fn at(&self) -> &Origin {
        &self.node.meta.at
    }

    pub fn gvk(&self) -> Gvk {
        Gvk::parse(&self.own_text("apiVersion"), &self.own_text("kind"))
    }

    pub fn api_version(&self) -> String {
        self.own_text("apiVersion").into_owned()
    }

    pub fn kind(&self) -> String {
        self.own_text("kind").into_owned()
    }

    fn own_text(&self, key: &str) -> Cow<'_, str> {
        self.node.get(key).map(scalar::text).unwrap_or_default()
    }

    fn meta_text(&self, key: &str) -> String {
        // A null that was made as a text is that text.
        let is_text = |node: &&Node| scalar::is_scalar(node) || (node.is_null() && scalar::is_untyped(node));
        let found = self.node.path(&["metadata", key]).filter(is_text);
        found.map(scalar::text).unwrap_or_default().into_owned()
    }

    pub fn name(&self) -> String {
        self.meta_text("name")
    }

    pub fn namespace(&self) -> String {
        self.meta_text("namespace")
    }

    pub fn id(&self, schemas: &Schemas) -> Id {
        Id::scoped(self.gvk(), self.name(), self.namespace(), schemas)
    }

    /// The ids it had, the oldest first.
    pub fn previous_ids(&self) -> impl Iterator<Item = Id> + '_ {
        let gvk = self.gvk();
        self.history
            .past
            .iter()
            .map(move |past| Id::new(Gvk { kind: past.kind.clone(), ..gvk.clone() }, &past.name, &past.namespace))
    }

    /// Whether kustomize, which keeps them in lists with commas and leaves out what is empty, could not tell its former
    /// ids apart.
    pub fn has_broken_past(&self) -> bool {
        let count = |part: fn(&Past) -> &str| -> usize {
            self.history.past.iter().map(|past| part(past).split(',').filter(|_| !part(past).is_empty()).count()).sum()
        };
        let names = count(|past| &past.name);
        // Without any name there is no list to compare.
        names > 0 && (names != count(|past| &past.namespace) || names != count(|past| &past.kind))
    }

    pub fn original_id(&self, schemas: &Schemas) -> Id {
        self.previous_ids().next().unwrap_or_else(|| self.id(schemas))
    }

    pub fn any_id(&self, schemas: &Schemas, mut matches: impl FnMut(&Id) -> bool) -> bool {
        self.previous_ids().any(|id| matches(&id)) || matches(&self.id(schemas))
    }

    /// Remembers the present id, before something of it changes.
    pub fn store_id(&mut self, schemas: &Schemas) {
        let id = self.id(schemas);
        let namespace = id.effective_namespace().to_owned();
        self.history.past.push(Past { name: id.name, namespace, kind: id.gvk.kind });
    }

    pub fn set_name(&mut self, name: &str) {
        scalar::set_untyped_field(self.node.ensure_map(&["metadata"]), "name", name);
    }

    pub fn set_namespace(&mut self, namespace: &str) {
        let metadata = self.node.ensure_map(&["metadata"]);
        if namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            scalar::set_untyped_field(metadata, "namespace", namespace);
        }
    }

    pub fn set_kind(&mut self, kind: &str) {
        scalar::set_untyped_field(self.node.ensure_map(&[]), "kind", kind);
    }

    pub fn set_api_version(&mut self, api_version: &str) {
        scalar::set_untyped_field(self.node.ensure_map(&[]), "apiVersion", api_version);
    }

    fn meta_map(&self, key: &str) -> BTreeMap<String, String> {
        let text = |node: &Node| scalar::text(node).into_owned();
        match self.node.path(&["metadata", key]).map(|node| &node.value) {
            Some(Value::Map(map)) => map.iter().map(|(key, value)| (key.as_str().to_owned(), text(value))).collect(),
            // To kyaml keys and values are every other element, of a list too.
            Some(Value::Seq(items)) => items.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// Whether these labels or annotations are a list in which a key has no value, over which kyaml falls.
    pub fn is_unpaired(&self, key: &str) -> bool {
        self.node.path(&["metadata", key]).and_then(Node::as_seq).is_some_and(|items| items.len() % 2 == 1)
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        self.meta_map("labels")
    }

    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.meta_map("annotations")
    }

    /// Writes labels or annotations anew: every value becomes a string, an empty map goes.
    fn set_meta_map(&mut self, key: &str, values: &BTreeMap<String, String>) {
        let metadata = self.node.ensure_map(&["metadata"]);
        let old = metadata.remove(key);
        if values.is_empty() {
            return;
        }
        let mut map = Map::new();
        for (key, value) in values {
            let mut node = scalar::new(value, Tag::String);
            if let Some(old) = old.as_ref().and_then(|old| old.get(key)) {
                node.meta.at = old.meta.at.clone();
            }
            map.insert(key.as_str(), node);
        }
        let mut node = Node::from(map);
        node.meta.at = old.map(|old| old.meta.at).unwrap_or_default();
        metadata.insert(key, node);
    }

    pub fn set_labels(&mut self, values: &BTreeMap<String, String>) {
        self.set_meta_map("labels", values);
    }

    pub fn set_annotations(&mut self, values: &BTreeMap<String, String>) {
        self.set_meta_map("annotations", values);
    }

    /// Whether the object can be printed, which kustomize does at the end and before a JSON patch.
    pub fn check(&self) -> Result<(), KustomizeError> {
        scalar::check_object(&self.node)?;
        match &self.mistyped {
            Some(why) if scalar::is_mistyped(&self.node) => Err(*why.clone()),
            _ => Ok(()),
        }
    }

    /// Brings what changes together into agreement, after a step that changed parts of the object.
    pub fn settle(&mut self) {
        if self.has_shared {
            shared::settle(&mut self.node);
        }
    }

    /// Takes over identity and metadata of the object that this one replaces.
    pub fn inherit_metadata(&mut self, old: &Resource) {
        let mut labels = old.labels();
        labels.extend(self.labels());
        self.set_labels(&labels);
        let mut annotations = old.annotations();
        annotations.extend(self.annotations());
        self.set_annotations(&annotations);
        let needs_hash = self.history.needs_hash && old.history.needs_hash;
        self.history = History { needs_hash, ..old.history.clone() };
        self.set_name(&old.name());
        self.set_namespace(&old.namespace());
        self.vars = old.vars.clone();
    }
}
