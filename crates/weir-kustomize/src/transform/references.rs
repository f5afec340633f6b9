//! Follows names that changed into the fields that refer to them.

use super::{Context, failed};
use crate::KustomizeError;
use crate::config::NameReference;
use crate::id::{Gvk, Id, NO_NAMESPACE};
use crate::resource::Resource;
use crate::scalar::{self, Tag};
use crate::schema::Schemas;
use std::collections::{HashMap, HashSet};
use weir_base::Origin;
use weir_doc::{Node, Value};

/// What a reference needs to know of an object that it may mean.
struct Candidate {
    id: Id,
    first: Id,
    previous: Vec<Id>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    at: Origin,
}

struct Candidates {
    all: Vec<Candidate>,
    /// By each name that an object had before.
    by_name: HashMap<String, Vec<usize>>,
}

/// The object that may refer to others.
struct Referrer {
    id: Id,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    /// Namespaces that a RoleBinding reaches besides its own.
    reached: HashSet<String>,
    role: Option<Gvk>,
}

pub(crate) fn fix(cx: &mut Context, rules: &[NameReference]) -> Result<(), KustomizeError> {
    let candidates = Candidates::of(&cx.resources.list, cx.schemas);
    for resource in &mut cx.resources.list {
        let first = resource.original_id(cx.schemas);
        let referrer = Referrer::of(resource, cx.schemas)?;
        for rule in rules {
            for spec in rule.referrers.iter().filter(|spec| first.gvk.is_selected(&spec.gvk)) {
                cx.budget.spend(1)?;
                let search =
                    Search { candidates: &candidates, referrer: &referrer, target: &rule.gvk, path: &spec.path };
                let fixed = spec.follow(&mut resource.node, None, &mut |node| search.fix(node));
                if let Err(why) = fixed {
                    let at = resource.at().clone();
                    return Err(failed(resource, "a name reference", &at, cx.schemas, why));
                }
            }
        }
    }
    Ok(())
}

impl Candidates {
    fn of(list: &[Resource], schemas: &Schemas) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut all = Vec::with_capacity(list.len());
        for (at, resource) in list.iter().enumerate() {
            let previous: Vec<Id> = resource.previous_ids().collect();
            for id in &previous {
                let known = by_name.entry(id.name.clone()).or_default();
                if known.last() != Some(&at) {
                    known.push(at);
                }
            }
            all.push(Candidate {
                id: resource.id(schemas),
                first: resource.original_id(schemas),
                previous,
                prefixes: resource.history.prefixes.clone(),
                suffixes: resource.history.suffixes.clone(),
                at: resource.at().clone(),
            });
        }
        Self { all, by_name }
    }
}

impl Referrer {
    fn of(resource: &Resource, schemas: &Schemas) -> Result<Self, KustomizeError> {
        let id = resource.id(schemas);
        let mut reached = HashSet::new();
        let subjects = resource.node.get("subjects").and_then(Node::as_seq).filter(|_| id.gvk.kind == "RoleBinding");
        for subject in subjects.into_iter().flatten() {
            if subject.as_map().is_none() {
                let problem = format!("subjects: expected a mapping, found {}", subject.kind_name());
                return Err(KustomizeError::object(&subject.meta.at, problem));
            }
            let (Some(kind), Some(namespace)) = (subject.get("kind"), subject.get("namespace")) else { continue };
            let text = |name: &str, node: &Node| {
                let problem = || format!("subjects: expected a string as {name}, found {}", node.kind_name());
                node.as_str().map(str::to_owned).ok_or_else(|| KustomizeError::object(resource.at(), problem()))
            };
            if text("kind", kind)? == "ServiceAccount" {
                reached.insert(text("namespace", namespace)?);
            }
        }
        let role = resource.node.get("roleRef").and_then(|role| {
            let (group, kind) = (scalar::text(role.get("apiGroup")?), scalar::text(role.get("kind")?));
            Some(Gvk { group: group.into_owned(), version: String::new(), kind: kind.into_owned() })
        });
        Ok(Self {
            id,
            prefixes: resource.history.prefixes.clone(),
            suffixes: resource.history.suffixes.clone(),
            reached,
            role,
        })
    }

    /// Whether it may refer to the object at all: both cluster-wide, or in one namespace.
    fn reaches(&self, candidate: &Candidate) -> bool {
        self.id.cluster_wide
            || candidate.id.cluster_wide
            || candidate.id.same_namespace(&self.id)
            || self.reached.contains(&candidate.id.namespace)
    }
}

struct Search<'s> {
    candidates: &'s Candidates,
    referrer: &'s Referrer,
    target: &'s Gvk,
    path: &'s str,
}

impl Search<'_> {
    fn fix(&self, node: &mut Node) -> Result<(), String> {
        match &mut node.value {
            Value::Null => Ok(()),
            Value::Map(_) => self.fix_mapping(node),
            Value::Seq(items) => items.iter_mut().try_for_each(|item| match &item.value {
                Value::Null => Ok(()),
                Value::Map(_) => self.fix_mapping(item),
                Value::Seq(_) => Err("expected a name or a mapping, found a list".to_owned()),
                _ => self.fix_scalar(item),
            }),
            _ => self.fix_scalar(node),
        }
    }

    fn fix_scalar(&self, node: &mut Node) -> Result<(), String> {
        let old = scalar::text(node).into_owned();
        let found = self.find(&old, |_| true, |a, b| a.id.name == b.id.name)?;
        if let Some(found) = found.filter(|found| found.id.name != old) {
            scalar::set(node, &found.id.name, Tag::None);
        }
        Ok(())
    }

    /// A mapping with a name and perhaps a namespace: both follow the object.
    fn fix_mapping(&self, node: &mut Node) -> Result<(), String> {
        let Some(name) = node.get("name") else { return Err("the mapping has no field 'name'".to_owned()) };
        let old = scalar::text(name).into_owned();
        let namespace = node.get("namespace").map(|node| scalar::text(node).into_owned());
        let group = |candidate: &Candidate, first: bool| -> String {
            if first { &candidate.first } else { &candidate.id }.effective_namespace().to_owned()
        };
        let by_first = namespace.as_ref().is_some_and(|namespace| {
            let mut reachable = self.candidates.all.iter().filter(|candidate| self.referrer.reaches(candidate));
            reachable.any(|candidate| group(candidate, true) == *namespace)
        });
        let in_namespace = |candidate: &Candidate| match &namespace {
            None => true,
            Some(namespace) => namespace != NO_NAMESPACE && group(candidate, by_first) == *namespace,
        };
        let same = |a: &Candidate, b: &Candidate| a.id.name == b.id.name && a.id.namespace == b.id.namespace;
        let Some(found) = self.find(&old, in_namespace, same)? else { return Ok(()) };
        if found.id.name == old && found.id.namespace.is_empty() {
            return Ok(());
        }
        let fields = node.ensure_map(&[]);
        scalar::set_untyped_field(fields, "name", &found.id.name);
        if !found.id.namespace.is_empty() {
            scalar::set_untyped_field(fields, "namespace", &found.id.namespace);
        }
        Ok(())
    }

    /// The one object that a name means; several are an error unless `same` says it makes no difference.
    fn find(
        &self,
        name: &str,
        accept: impl Fn(&Candidate) -> bool,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&Candidate>, String> {
        let Some(named) = self.candidates.by_name.get(name) else { return Ok(None) };
        let had_kind = |candidate: &Candidate, gvk: &Gvk| candidate.previous.iter().any(|id| id.gvk.is_selected(gvk));
        let role = self.referrer.role.as_ref().filter(|_| self.path.ends_with("roleRef/name"));
        let referrer = self.referrer;
        let mut found: Vec<&Candidate> = named.iter().map(|at| &self.candidates.all[*at]).collect();
        found.retain(|candidate| referrer.reaches(candidate) && accept(candidate) && had_kind(candidate, self.target));
        found.retain(|candidate| role.is_none_or(|role| had_kind(candidate, role)));
        found.retain(|candidate| {
            referrer.id.cluster_wide
                || candidate.id.cluster_wide
                || candidate.id.gvk.kind == "ServiceAccount"
                || referrer.id.same_namespace(&candidate.id)
        });
        if let [one] = found.as_slice() {
            return Ok(Some(one));
        }
        found.retain(|candidate| self.same_parts(candidate, true));
        if found.len() > 1 {
            found.retain(|candidate| self.same_parts(candidate, false));
        }
        let Some(first) = found.first() else { return Ok(None) };
        if found.iter().all(|candidate| same(first, candidate)) {
            return Ok(Some(first));
        }
        let places: Vec<String> = found.iter().map(|c| format!("{} at {}", c.id, c.at)).collect();
        Err(format!("'{name}' may mean more than one object: {}", places.join(", ")))
    }

    /// Whether the object got the same last prefixes and suffixes.
    fn same_parts(&self, candidate: &Candidate, allow_empty: bool) -> bool {
        let same = |a: &[String], b: &[String]| {
            let any_empty = a.is_empty() || b.is_empty();
            if any_empty { allow_empty || a.len() == b.len() } else { same_ending(a, b) }
        };
        same(&candidate.prefixes, &self.referrer.prefixes) && same(&candidate.suffixes, &self.referrer.suffixes)
    }
}

fn same_ending(a: &[String], b: &[String]) -> bool {
    a.iter().rev().zip(b.iter().rev()).all(|(a, b)| a == b)
}
