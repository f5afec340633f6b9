//! The list of objects that a build works on, in the order in which they were added.

use crate::KustomizeError;
use crate::id::{Gvk, Id};
use crate::merge;
use crate::origin;
use crate::resource::{Behavior, Resource};
use crate::scalar::{self, Tag};
use crate::schema::Schemas;
use crate::selector::Selector;
use std::collections::HashMap;
use weir_base::{Budget, Origin};
use weir_doc::{Map, Node};

#[derive(Clone, Debug, Default)]
pub(crate) struct Resources {
    pub list: Vec<Resource>,
    known: Option<Known>,
}

/// Who has which id, as long as nothing changes but by being added.
#[derive(Clone, Debug, Default)]
struct Known {
    ids: HashMap<(Gvk, String, String), Origin>,
    /// Whether a schema decided what is in a namespace.
    chosen: bool,
}

impl Resources {
    /// From now on objects are only added, so that each is looked at once and not again with each that comes.
    pub fn begin_adding(&mut self) {
        self.known = None;
    }

    pub fn append_all(&mut self, incoming: Vec<Resource>, schemas: &Schemas) -> Result<(), KustomizeError> {
        let known = self.known.take().filter(|known| known.chosen == schemas.is_chosen());
        let mut known = known.unwrap_or_else(|| Known {
            ids: self.list.iter().map(|r| (r.id(schemas).key(), r.at().clone())).collect(),
            chosen: schemas.is_chosen(),
        });
        for resource in incoming {
            let id = resource.id(schemas);
            if let Some(other) = known.ids.insert(id.key(), resource.at().clone()) {
                return Err(conflict(&resource, &other, schemas, ""));
            }
            self.list.push(resource);
        }
        self.known = Some(known);
        Ok(())
    }

    /// The list may be changed in any way after this.
    pub fn end_adding(&mut self) {
        self.known = None;
    }

    /// Checks that no two objects have one id.
    pub fn check_unique(&mut self, schemas: &Schemas) -> Result<(), KustomizeError> {
        let list = std::mem::take(&mut self.list);
        self.begin_adding();
        let added = self.append_all(list, schemas);
        self.end_adding();
        added
    }

    /// Adds a generated object, or merges it into the one that has its id.
    pub fn absorb(&mut self, mut new: Resource, schemas: &Schemas) -> Result<(), KustomizeError> {
        let id = new.id(schemas);
        let behavior = new.history.behavior.unwrap_or_default();
        let matches = self.with_any_id(schemas, |known| id.is_same(known));
        let what = format!("generator of {id}");
        match (matches.as_slice(), behavior) {
            ([], Behavior::Merge | Behavior::Replace) => Err(KustomizeError::target(
                new.at(),
                what,
                "has the behavior merge or replace, but there is no such object to merge with or replace",
            )
            .with_remedy("use behavior: create")),
            ([], _) => {
                self.begin_adding();
                let added = self.append_all(vec![new], schemas);
                self.end_adding();
                added
            }
            ([at], Behavior::Merge | Behavior::Replace) => {
                let old = &self.list[*at];
                new.inherit_metadata(old);
                if behavior == Behavior::Merge {
                    merge_data(&mut new, old);
                    if let Some(known) = old.annotations().remove(origin::ORIGIN) {
                        let mut annotations = new.annotations();
                        annotations.insert(origin::ORIGIN.to_owned(), known);
                        new.set_annotations(&annotations);
                    }
                }
                self.list[*at] = new;
                Ok(())
            }
            ([at], _) => Err(KustomizeError::Conflict {
                at: new.at().clone(),
                id: id.to_string(),
                other: self.list[*at].at().clone(),
                context: "; the behavior must be merge or replace to change it".to_owned(),
            }),
            _ => Err(KustomizeError::target(new.at(), what, "could go into more than one object")),
        }
    }

    pub fn with_any_id(&self, schemas: &Schemas, mut matches: impl FnMut(&Id) -> bool) -> Vec<usize> {
        let fits = |r: &Resource| !scalar::is_nil_or_empty(&r.node) && r.any_id(schemas, &mut matches);
        let mut fits = fits;
        (0..self.list.len()).filter(|at| fits(&self.list[*at])).collect()
    }

    pub fn select(&self, selector: &Selector, schemas: &Schemas) -> Result<Vec<usize>, KustomizeError> {
        let mut found = Vec::new();
        for (at, resource) in self.list.iter().enumerate() {
            if selector.selects(resource, schemas)? {
                found.push(at);
            }
        }
        Ok(found)
    }

    /// Applies a strategic merge patch to one object; one that is emptied goes.
    pub fn patch(
        &mut self,
        at: usize,
        patch: &Resource,
        schemas: &Schemas,
        budget: &Budget,
    ) -> Result<bool, KustomizeError> {
        let resource = &mut self.list[at];
        let (name, namespace, kind) = (resource.name(), resource.namespace(), resource.kind());
        if patch.allow_name_change || patch.allow_kind_change {
            resource.store_id(schemas);
        }
        let marked = mark(resource);
        let shown = resource.id(schemas).to_string();
        let origin = resource.at().clone();
        let node = std::mem::take(&mut resource.node);
        let merged = merge::strategic(node, patch.node.clone(), schemas.types(), budget).map_err(|why| match why {
            merge::MergeError::Exhausted(why) => KustomizeError::from(why),
            merge::MergeError::Mismatch { at, problem } => KustomizeError::Apply {
                at: if at.is_known() { at } else { patch.at().clone() },
                what: "the patch".to_owned(),
                object: shown,
                problem,
            },
        })?;
        match merged {
            Some(node) if !scalar::is_nil_or_empty(&node) => resource.node = node,
            _ => return Ok(false),
        }
        resource.node.meta.at = origin;
        unmark(resource, &marked);
        resource.settle();
        if !patch.allow_kind_change {
            resource.set_kind(&kind);
        }
        if !patch.allow_name_change {
            resource.set_name(&name);
        }
        resource.set_namespace(&namespace);
        Ok(true)
    }
}

pub(crate) fn conflict(resource: &Resource, other: &Origin, schemas: &Schemas, context: &str) -> KustomizeError {
    KustomizeError::Conflict {
        at: resource.at().clone(),
        id: resource.id(schemas).to_string(),
        other: other.clone(),
        context: context.to_owned(),
    }
}

/// kustomize keeps its memory in annotations, so that they exist while a patch is applied, and a patch
/// that drops all annotations drops the memory too.
pub(crate) fn mark(resource: &mut Resource) -> Vec<String> {
    let memory = resource.history.annotations();
    if memory.is_empty() {
        return Vec::new();
    }
    let annotations = resource.node.ensure_map(&["metadata", "annotations"]);
    for (key, text) in &memory {
        annotations.insert(key.as_str(), scalar::new(text, Tag::String));
    }
    memory.into_iter().map(|(key, _)| key).collect()
}

pub(crate) fn unmark(resource: &mut Resource, marks: &[String]) {
    if marks.is_empty() {
        return;
    }
    let annotations = resource.node.path_mut(&["metadata", "annotations"]).and_then(Node::as_map_mut);
    let kept = annotations.is_some_and(|map| marks.iter().filter(|mark| map.remove(mark).is_some()).count() > 0);
    if !kept {
        resource.history = Default::default();
    }
}

fn merge_data(new: &mut Resource, old: &Resource) {
    for field in ["data", "binaryData"] {
        let mut merged = Map::new();
        for source in [&old.node, &new.node] {
            for (key, value) in source.get(field).and_then(Node::as_map).unwrap_or(&Map::new()).iter() {
                let mut node = scalar::new_data(&scalar::text(value));
                node.meta.at = value.meta.at.clone();
                merged.insert(key.clone(), node);
            }
        }
        new.node.remove(field);
        if !merged.is_empty() {
            let mut keys: Vec<_> = merged.into_iter().collect();
            keys.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            new.node.set(field, keys.into_iter().collect::<Map>());
        }
    }
}
