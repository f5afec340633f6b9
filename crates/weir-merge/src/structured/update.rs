use super::managed::{ManagedEntry, Operation};
use super::{Comparison, compare, merge, remove, to_field_set, validate};
use crate::fields::{FieldSet, PathElement, path_text};
use crate::schema::{Schema, TypeRef};
use std::sync::OnceLock;
use weir_base::{Class, Diagnose};
use weir_doc::Node;

/// Updaters beyond this many are merged into one, oldest first.
const MAX_UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// Who writes, where and when.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    pub schema: &'a Schema,
    pub ty: TypeRef,
    pub manager: &'a str,
    pub api_version: &'a str,
    pub subresource: &'a str,
    /// Fields that this endpoint resets, and that nobody owns through it.
    pub ignored: &'a FieldSet,
    /// RFC 3339 in UTC, to the second.
    pub now: &'a str,
}

/// The result of an apply. Managed fields are not written into the object.
#[derive(Clone, Debug)]
pub struct Applied {
    pub object: Node,
    pub managed: Vec<ManagedEntry>,
    /// Whether the object differs from the live one.
    pub changed: bool,
}

/// One field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The manager as messages name it: `"kubectl-edit" using apps/v1`.
    pub manager: String,
    pub path: Vec<PathElement>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration does not fit the schema.
    #[error("{}", invalid_message(.0))]
    Invalid(Vec<String>),
}

impl Diagnose for ApplyError {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        match self {
            ApplyError::Conflicts(_) => "Conflict",
            ApplyError::Invalid(_) => "Invalid",
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ApplyError::Conflicts(_) => Some("force the apply to take the fields over, or leave them out".to_owned()),
            ApplyError::Invalid(_) => None,
        }
    }
}

/// Server-side apply: lays `config` over `live` and removes what this manager applied before, does
/// not apply any more, and nobody else owns. `live` is `None` for a create.
pub fn apply(
    write: Write<'_>,
    live: Option<&Node>,
    managed: &[ManagedEntry],
    config: &Node,
    force: bool,
) -> Result<Applied, ApplyError> {
    let (schema, ty) = (write.schema, write.ty);
    let errors = validate(schema, ty, config);
    if !errors.is_empty() {
        return Err(ApplyError::Invalid(errors));
    }
    let nothing = Node::map();
    let old = live.unwrap_or(&nothing);
    let mut managed = managed.to_vec();
    if managed.is_empty() && live.is_some() {
        let manager = Write { manager: "before-first-apply", ..write };
        managed = update(manager, &nothing, old, &managed);
    }
    let merged = merge(schema, ty, old, config);
    let set = to_field_set(schema, ty, config).recursive_difference(write.ignored);
    let mut entry = ManagedEntry {
        manager: write.manager.to_owned(),
        operation: Operation::Apply,
        api_version: write.api_version.to_owned(),
        subresource: write.subresource.to_owned(),
        time: None,
        fields: set,
    };
    let last = managed.iter().position(|other| other.same_manager(&entry)).map(|at| managed.remove(at));
    let object = match &last {
        Some(last) if !last.fields.is_empty() => prune(schema, ty, &merged, &managed, &entry.fields, &last.fields),
        _ => merged,
    };
    let comparison = compare(schema, ty, old, &object);
    let changed = live.is_none() || !comparison.is_same() || *old != object;
    let comparison = comparison.excluding(write.ignored);
    take(&mut managed, &comparison, force)?;
    entry.time = if changed { Some(write.now.to_owned()) } else { last.and_then(|last| last.time) };
    entry.fields = entry.fields.difference(never_owned());
    if !entry.fields.is_empty() {
        managed.push(entry);
    }
    Ok(Applied { object, managed, changed })
}

/// The managed fields after a create, update or patch that made `new` of `old` (an empty mapping
/// or one without a name for a create). Nothing changes when the two are equal.
pub fn update(write: Write<'_>, old: &Node, new: &Node, managed: &[ManagedEntry]) -> Vec<ManagedEntry> {
    // An object that nobody manages is not tracked until its first apply.
    if managed.is_empty() && old.path(&["metadata", "name"]).is_some() {
        return Vec::new();
    }
    let comparison = compare(write.schema, write.ty, old, new).excluding(write.ignored);
    let mut managed = managed.to_vec();
    take(&mut managed, &comparison, true).expect("a forced write has no conflicts");
    let taken = comparison.modified.union(&comparison.added).difference(never_owned());
    if !taken.is_empty() {
        let mut entry = ManagedEntry {
            manager: write.manager.to_owned(),
            operation: Operation::Update,
            api_version: write.api_version.to_owned(),
            subresource: write.subresource.to_owned(),
            time: Some(write.now.to_owned()),
            fields: taken,
        };
        match managed.iter_mut().find(|other| other.same_manager(&entry)) {
            Some(own) => {
                entry.fields = entry.fields.union(&own.fields);
                *own = entry;
            }
            None => managed.push(entry),
        }
    }
    managed.retain(|entry| !entry.fields.is_empty());
    cap(&mut managed);
    managed
}

/// Takes what changed away from its other owners.
fn take(managed: &mut Vec<ManagedEntry>, comparison: &Comparison, force: bool) -> Result<(), ApplyError> {
    let written = comparison.modified.union(&comparison.added);
    let mut conflicts = Vec::new();
    for entry in managed.iter_mut() {
        let conflict = entry.fields.intersection(&written);
        if !conflict.is_empty() {
            let manager = entry.describe();
            conflicts.extend(conflict.paths().into_iter().map(|path| Conflict { manager: manager.clone(), path }));
        }
        if force {
            entry.fields = entry.fields.difference(&conflict);
        }
        if !comparison.removed.is_empty() {
            entry.fields = entry.fields.difference(&comparison.removed);
        }
    }
    if !force && !conflicts.is_empty() {
        conflicts.sort_by(|a, b| a.manager.cmp(&b.manager));
        return Err(ApplyError::Conflicts(conflicts));
    }
    managed.retain(|entry| !entry.fields.is_empty());
    Ok(())
}

fn prune(
    schema: &Schema,
    ty: TypeRef,
    merged: &Node,
    others: &[ManagedEntry],
    applied: &FieldSet,
    last: &FieldSet,
) -> Node {
    let named = |set: &FieldSet| set.with_named_fields(schema, ty);
    let set_of = |node: &Node| named(&to_field_set(schema, ty, node));
    let without = |set: &FieldSet| remove(schema, ty, merged, set).unwrap_or_else(Node::map);
    let last = named(last);
    let all = set_of(merged);
    // What somebody owns comes back ...
    let owned = others.iter().fold(applied.clone(), |sum, entry| sum.union(&entry.fields));
    let pruned = set_of(&without(&last));
    let pruned = without(&all.difference(&pruned.union(&named(&owned))));
    // ... and so does what this manager never owned.
    without(&all.difference(&set_of(&pruned)).intersection(&last))
}

fn cap(managed: &mut Vec<ManagedEntry>) {
    let updaters = managed.iter().filter(|entry| entry.operation == Operation::Update).count();
    let mut excess = updaters.saturating_sub(MAX_UPDATERS);
    if excess == 0 {
        return;
    }
    let mut order: Vec<usize> = (0..managed.len()).filter(|at| managed[*at].operation == Operation::Update).collect();
    order.sort_by(|a, b| (&managed[*a].time, &managed[*a].manager).cmp(&(&managed[*b].time, &managed[*b].manager)));
    let mut gone = Vec::new();
    let mut buckets: Vec<ManagedEntry> = Vec::new();
    for at in order {
        if excess == 0 {
            break;
        }
        let entry = managed[at].clone();
        gone.push(at);
        match buckets.iter_mut().find(|bucket| bucket.api_version == entry.api_version) {
            Some(bucket) => {
                bucket.fields = bucket.fields.union(&entry.fields);
                bucket.time = entry.time;
                excess -= 1;
            }
            // The first of a version becomes its bucket, and frees no place.
            None => buckets.push(ManagedEntry { manager: ANCIENT.to_owned(), subresource: String::new(), ..entry }),
        }
    }
    let mut at = 0;
    managed.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    managed.extend(buckets);
}

/// Metadata that the server owns.
fn never_owned() -> &'static FieldSet {
    static SET: OnceLock<FieldSet> = OnceLock::new();
    SET.get_or_init(|| {
        let paths: [&[&str]; 12] = [
            &["apiVersion"],
            &["kind"],
            &["metadata"],
            &["metadata", "name"],
            &["metadata", "namespace"],
            &["metadata", "creationTimestamp"],
            &["metadata", "selfLink"],
            &["metadata", "uid"],
            &["metadata", "clusterName"],
            &["metadata", "generation"],
            &["metadata", "managedFields"],
            &["metadata", "resourceVersion"],
        ];
        FieldSet::of_names(paths)
    })
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        let path = path_text(&conflict.path);
        return format!("Apply failed with 1 conflict: conflict with {}: {path}", conflict.manager);
    }
    let mut lines = Vec::new();
    let mut manager = "";
    for conflict in conflicts {
        if conflict.manager != manager {
            manager = &conflict.manager;
            lines.push(format!("conflicts with {manager}:"));
        }
        lines.push(format!("- {}", path_text(&conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// One error stands alone, several are a list.
fn invalid_message(errors: &[String]) -> String {
    match errors {
        [error] => error.clone(),
        _ => {
            let lines: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
            format!("errors:\n{}", lines.join("\n"))
        }
    }
}
