//! What every write goes through, whoever makes it: system metadata, defaults, managed fields,
//! validation, and the check whether anything changed at all.

use crate::auth::{User, check_escalation};
use crate::clock;
use crate::cluster::State;
use crate::crd;
use crate::kinds;
use crate::resources::{Resource, Version};
use crate::status::{ApiError, Cause};
use crate::store::{Object, Ref};
use std::sync::{Arc, OnceLock};
use weir_doc::{Node, Value};
use weir_merge::structured::{ManagedEntry, Write, decode, encode, update as update_managed};
use weir_merge::{FieldSet, Schema};

/// etcd's limit on one object.
const MAX_OBJECT: usize = 3 << 19;

/// One write: of what, by whom.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub resource: &'a Arc<Resource>,
    pub version: &'a Version,
    pub subresource: &'a str,
    /// `None` for the controllers inside.
    pub user: Option<&'a User>,
    pub manager: &'a str,
    pub dry_run: bool,
}

impl<'a> Writing<'a> {
    pub fn api_version(&self) -> String {
        self.resource.api_version(&self.version.name)
    }

    fn has_status(&self) -> bool {
        self.version.subresource("status").is_some()
    }

    /// Fields that this endpoint does not write, so that nobody comes to own them through it.
    pub fn ignored(&self) -> &'static FieldSet {
        static STATUS: OnceLock<FieldSet> = OnceLock::new();
        static SPEC: OnceLock<FieldSet> = OnceLock::new();
        static NONE: OnceLock<FieldSet> = OnceLock::new();
        let of = |cell: &'static OnceLock<FieldSet>, names: &[&[&str]]| {
            cell.get_or_init(|| FieldSet::of_names(names.iter().copied()))
        };
        match (self.subresource, self.has_status()) {
            ("status", _) if self.resource.custom => of(&SPEC, &[&["spec"], &["metadata"]]),
            ("status", _) => {
                static BUILTIN: OnceLock<FieldSet> = OnceLock::new();
                of(&BUILTIN, &[&["spec"], &["metadata", "labels"]])
            }
            (_, true) => of(&STATUS, &[&["status"]]),
            _ => of(&NONE, &[]),
        }
    }

    pub fn managed<'b>(&'b self, api_version: &'b str, now: &'b str) -> Write<'b> {
        Write {
            schema: &self.version.schema,
            ty: self.version.ty,
            manager: self.manager,
            api_version,
            subresource: self.subresource,
            ignored: self.ignored(),
            now,
        }
    }
}

pub(crate) fn object_ref(resource: &Resource, node: &Node) -> Ref {
    let text = |key: &str| node.path(&["metadata", key]).and_then(Node::as_str).unwrap_or_default().to_owned();
    Ref { resource: resource.key.clone(), namespace: text("namespace"), name: text("name") }
}

/// Creates an object. `applied` holds the managed fields when server-side apply creates it.
pub(crate) fn create(
    state: &mut State,
    writing: &Writing<'_>,
    mut node: Node,
    applied: Option<Vec<ManagedEntry>>,
) -> Result<Arc<Object>, ApiError> {
    let resource = writing.resource;
    let now = clock::now();
    check_namespace(state, resource, &node)?;
    check_definition(state, resource, &node)?;
    let meta = node.ensure_map(&["metadata"]);
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "resourceVersion"] {
        meta.remove(key);
    }
    let generate = meta.get("generateName").and_then(Node::as_str).unwrap_or_default().to_owned();
    if meta.get("name").and_then(Node::as_str).unwrap_or_default().is_empty() && !generate.is_empty() {
        let kept: String = generate.chars().take(58).collect();
        meta.insert("name", format!("{kept}{}", clock::suffix()));
    }
    meta.insert("uid", clock::uuid());
    meta.insert("creationTimestamp", now.as_str());
    meta.remove("generation");
    if kinds::has_generation(resource) {
        meta.insert("generation", 1);
    }
    if writing.has_status() && !kinds::keeps_status_on_create(resource) {
        node.remove("status");
    }
    shape(writing, &mut node)?;
    let managed = match applied {
        Some(managed) => managed,
        None => {
            // A built-in kind starts from Go's zero value, in which structs are there, and empty.
            let (schema, ty) = (&writing.version.schema, writing.version.ty);
            let nothing = if resource.custom { Node::map() } else { schema.zero(ty) };
            update_managed(writing.managed(&writing.api_version(), &now), &nothing, &node, &[])
        }
    };
    kinds::prepare_create(state, resource, &mut node)?;
    let at = object_ref(resource, &node);
    let mut causes = validate_meta(resource, &node);
    causes.extend(validate(state, writing, &node, None));
    if !causes.is_empty() {
        return Err(ApiError::invalid(&resource.group, &resource.kind, &at.name, causes));
    }
    if let Some(user) = writing.user {
        check_escalation(state, user, resource, None, &node)?;
    }
    if state.store.at(&at).is_some() {
        return Err(ApiError::already_exists(resource, &at.name));
    }
    set_managed(&mut node, &managed);
    check_size(&node)?;
    if writing.dry_run {
        return Ok(Arc::new(Object::new(node, 0)));
    }
    Ok(state.put(at, kinds::convert::to_stored(resource, node)))
}

/// Replaces an object by a new version of it. Returns the old one when nothing changes.
pub(crate) fn update(
    state: &mut State,
    writing: &Writing<'_>,
    old: &Arc<Object>,
    mut new: Node,
    applied: Option<Vec<ManagedEntry>>,
) -> Result<Arc<Object>, ApiError> {
    let resource = writing.resource;
    let at = object_ref(resource, &old.node);
    let now = clock::now();
    check_preconditions(resource, old, &new)?;
    let own = new.path(&["metadata", "managedFields"]).cloned();
    let meta = new.ensure_map(&["metadata"]);
    let system = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    for key in ["name", "namespace", "generateName"].into_iter().chain(system) {
        match old.node.path(&["metadata", key]) {
            Some(value) => drop(meta.insert(key, value.clone())),
            None => drop(meta.remove(key)),
        }
    }
    meta.remove("managedFields");
    meta.remove("selfLink");
    part(writing, &old.node, &mut new);
    shape(writing, &mut new)?;
    kinds::prepare_update(state, resource, writing.subresource, &old.node, &mut new)?;
    let before = without_managed(&old.node, writing);
    let managed = match applied {
        Some(managed) => managed,
        None => {
            let known = known_managed(own.as_ref(), &old.node, writing.subresource);
            update_managed(writing.managed(&writing.api_version(), &now), &before, &new, &known)
        }
    };
    if kinds::has_generation(resource) && kinds::bumps_generation(resource, writing.has_status(), &before, &new) {
        let generation = old.node.path(&["metadata", "generation"]).and_then(Node::as_i64).unwrap_or(0);
        new.ensure_map(&["metadata"]).insert("generation", generation + 1);
    }
    let mut causes = validate_meta(resource, &new);
    causes.extend(validate(state, writing, &new, Some(&before)));
    if !causes.is_empty() {
        return Err(ApiError::invalid(&resource.group, &resource.kind, &at.name, causes));
    }
    if let Some(user) = writing.user {
        check_escalation(state, user, resource, Some(&old.node), &new)?;
    }
    if before == new && same_but_times(&managed, &old.node) {
        return Ok(old.clone());
    }
    set_managed(&mut new, &managed);
    check_size(&new)?;
    if writing.dry_run {
        return Ok(Arc::new(Object::new(new, old.revision)));
    }
    let finished = old.is_terminating()
        && new.path(&["metadata", "finalizers"]).and_then(Node::as_seq).is_none_or(Vec::is_empty)
        && kinds::may_go(resource, &new);
    if finished {
        // The last finalizer is gone: so is the object. Watchers see the state before.
        state.remove(&at);
        return Ok(Arc::new(Object::new(new, old.revision)));
    }
    Ok(state.put(at, kinds::convert::to_stored(resource, new)))
}

fn check_preconditions(resource: &Resource, old: &Object, new: &Node) -> Result<(), ApiError> {
    let text = |key: &str| new.path(&["metadata", key]).and_then(Node::as_str).unwrap_or_default();
    let (revision, uid) = (text("resourceVersion"), text("uid"));
    if !uid.is_empty() && Some(uid) != old.uid() {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            old.uid().unwrap_or_default()
        );
        return Err(ApiError::conflict(resource, old.name(), &why));
    }
    if !revision.is_empty() && revision != old.revision.to_string() {
        return Err(ApiError::modified(resource, old.name()));
    }
    Ok(())
}

/// Lets each endpoint write its own part only.
fn part(writing: &Writing<'_>, old: &Node, new: &mut Node) {
    let keep = |key: &str, new: &mut Node| match old.get(key) {
        Some(value) => new.set(key, value.clone()),
        None => drop(new.remove(key)),
    };
    match writing.subresource {
        "status" if writing.resource.custom => {
            let status = new.remove("status");
            *new = old.clone();
            new.ensure_map(&["metadata"]).remove("managedFields");
            match status {
                Some(status) => new.set("status", status),
                None => drop(new.remove("status")),
            }
        }
        "status" => {
            keep("spec", new);
            let labels = old.path(&["metadata", "labels"]).cloned();
            let meta = new.ensure_map(&["metadata"]);
            match labels {
                Some(labels) => drop(meta.insert("labels", labels)),
                None => drop(meta.remove("labels")),
            }
        }
        _ if writing.has_status() => keep("status", new),
        _ => {}
    }
}

/// Brings an object into the stored form: known fields, defaults.
fn shape(writing: &Writing<'_>, node: &mut Node) -> Result<(), ApiError> {
    let resource = writing.resource;
    node.set("apiVersion", writing.api_version());
    node.set("kind", resource.kind.as_str());
    strip_origin(node);
    match &writing.version.rules {
        Some(rules) => {
            crd::prune(rules, node);
            crd::default(rules, node);
            let builtin = Schema::builtin();
            if let (Some(ty), Some(meta)) =
                (builtin.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), node.get_mut("metadata"))
            {
                builtin.reshape(ty, meta);
            }
        }
        None => {
            writing.version.schema.reshape(writing.version.ty, node);
            kinds::default(resource, node);
        }
    }
    Ok(())
}

/// Forgets where values were read from: stored objects do not need it.
fn strip_origin(node: &mut Node) {
    node.meta = weir_doc::Meta::default();
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(strip_origin),
        Value::Map(map) => map.values_mut().for_each(strip_origin),
        _ => {}
    }
}

fn validate(state: &State, writing: &Writing<'_>, node: &Node, old: Option<&Node>) -> Vec<Cause> {
    match &writing.version.rules {
        Some(rules) => crd::validate(rules, node, writing.subresource == "status"),
        None => kinds::validate(state, writing.resource, writing.subresource, node, old),
    }
}

fn validate_meta(resource: &Resource, node: &Node) -> Vec<Cause> {
    kinds::meta::validate(resource, node)
}

fn without_managed(node: &Node, writing: &Writing<'_>) -> Node {
    let mut node = kinds::convert::to_version(writing.resource, &writing.api_version(), node);
    node.ensure_map(&["metadata"]).remove("managedFields");
    node
}

/// The entries to go on from: the request's own, where it changes them, else the stored ones.
fn known_managed(own: Option<&Node>, old: &Node, subresource: &str) -> Vec<ManagedEntry> {
    let stored = || decode(old.path(&["metadata", "managedFields"])).unwrap_or_default();
    let Some(own) = own.filter(|_| subresource.is_empty()) else { return stored() };
    match own.as_seq().map(Vec::as_slice) {
        // An empty list, or one of one empty entry, resets.
        Some([]) => Vec::new(),
        Some([one]) if one.as_map().is_some_and(weir_doc::Map::is_empty) => Vec::new(),
        _ => decode(Some(own)).ok().filter(|entries| !entries.is_empty()).unwrap_or_else(stored),
    }
}

pub(crate) fn stored_managed(old: &Node) -> Vec<ManagedEntry> {
    decode(old.path(&["metadata", "managedFields"])).unwrap_or_default()
}

fn set_managed(node: &mut Node, managed: &[ManagedEntry]) {
    let meta = node.ensure_map(&["metadata"]);
    match encode(managed) {
        Some(entries) => drop(meta.insert("managedFields", entries)),
        None => drop(meta.remove("managedFields")),
    }
}

fn same_but_times(managed: &[ManagedEntry], old: &Node) -> bool {
    let timeless = |entries: &[ManagedEntry]| {
        let mut entries = entries.to_vec();
        entries.iter_mut().for_each(|entry| entry.time = None);
        encode(&entries)
    };
    timeless(managed) == timeless(&stored_managed(old))
}

fn check_size(node: &Node) -> Result<(), ApiError> {
    let size = weir_doc::to_json(node).len();
    if size > MAX_OBJECT {
        return Err(ApiError::too_large(format!(
            "etcdserver: request is too large: {size} bytes of at most {MAX_OBJECT}"
        )));
    }
    Ok(())
}

fn check_definition(state: &State, resource: &Resource, node: &Node) -> Result<(), ApiError> {
    let definition = state.store.get("customresourcedefinitions.apiextensions.k8s.io", "", &resource.key);
    if !definition.is_some_and(|definition| definition.is_terminating()) {
        return Ok(());
    }
    let name = node.str_at(&["metadata", "name"]).unwrap_or_default();
    let why = "create not allowed while custom resource definition is terminating";
    Err(ApiError::forbidden(&resource.group, &resource.plural, name, why))
}

fn check_namespace(state: &State, resource: &Resource, node: &Node) -> Result<(), ApiError> {
    if !resource.namespaced {
        return Ok(());
    }
    let text = |key: &str| node.path(&["metadata", key]).and_then(Node::as_str).unwrap_or_default();
    let namespace = text("namespace");
    let Some(found) = state.store.get("namespaces", "", namespace) else {
        return Err(ApiError::not_found_as("", "namespaces", namespace));
    };
    if !found.is_terminating() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut error = ApiError::forbidden(&resource.group, &resource.plural, text("name"), &why);
    if let Some(details) = &mut error.details {
        let message = format!("namespace {namespace} is being terminated");
        details.causes.push(Cause { reason: "NamespaceTerminating", message, field: "metadata.namespace".to_owned() });
    }
    Err(error)
}
