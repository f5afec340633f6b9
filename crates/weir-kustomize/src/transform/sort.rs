//! The order of the output.

use crate::args::SortOptions;
use crate::id::{Gvk, Id};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::schema::Schemas;
use crate::{KustomizeError, Order};
use std::cmp::Ordering;

const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The place of a kind in the built-in order; 0 for most.
pub(crate) fn default_rank(kind: &str) -> i32 {
    rank(kind, &FIRST, &LAST)
}

fn rank<T: AsRef<str>>(kind: &str, first: &[T], last: &[T]) -> i32 {
    let at = |list: &[T]| list.iter().rposition(|name| name.as_ref() == kind).map(|at| at as i32);
    match (at(last), at(first)) {
        (Some(at), _) => at + 1,
        (None, Some(at)) => at - first.len() as i32,
        (None, None) => 0,
    }
}

/// Sorts as `sortOptions` says, else as the caller wants it.
pub(crate) fn sort(
    resources: &mut Resources,
    options: Option<&SortOptions>,
    default: Order,
    schemas: &Schemas,
) -> Result<(), KustomizeError> {
    let builtin = || (FIRST.map(str::to_owned).to_vec(), LAST.map(str::to_owned).to_vec());
    let (first, last) = match options {
        None if default == Order::None => return Ok(()),
        None => builtin(),
        Some(options) => match (options.order.as_str(), &options.legacy) {
            ("legacy", legacy) => legacy.clone().unwrap_or_else(builtin),
            ("fifo", None) => return Ok(()),
            ("fifo", Some(_)) => {
                let problem = "is set, but the order is 'fifo', not 'legacy'";
                return Err(KustomizeError::field(&options.at, "sortOptions.legacySortOptions", problem));
            }
            (other, _) => {
                let problem = format!("'{other}' is not legacy or fifo");
                return Err(KustomizeError::field(&options.at, "sortOptions.order", problem));
            }
        },
    };
    let ids = resources.list.iter().map(|resource| resource.id(schemas));
    let keys: Vec<Key> = ids.map(|id| Key::new(&id, &first, &last)).collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|a, b| keys[*a].compare(&keys[*b]));
    let mut slots: Vec<Option<Resource>> = std::mem::take(&mut resources.list).into_iter().map(Some).collect();
    resources.list = order.into_iter().filter_map(|at| slots[at].take()).collect();
    Ok(())
}

/// What an object is sorted by.
struct Key {
    rank: i32,
    /// Whether it is a core Namespace, which comes before other kinds of that name.
    core_namespace: bool,
    gvk: String,
    id: String,
}

impl Key {
    fn new(id: &Id, first: &[String], last: &[String]) -> Self {
        let core_namespace = id.gvk.kind == "Namespace" && id.gvk.group.is_empty();
        Self { rank: rank(&id.gvk.kind, first, last), core_namespace, gvk: gvk_text(&id.gvk), id: id_text(id) }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let namespaces = (self.core_namespace || other.core_namespace) && self.rank == other.rank;
        let by_gvk = self.gvk.cmp(&other.gvk);
        let by_gvk = if namespaces && self.both_namespaces(other) { by_gvk.reverse() } else { by_gvk };
        self.rank.cmp(&other.rank).then(by_gvk).then_with(|| self.id.cmp(&other.id))
    }

    fn both_namespaces(&self, other: &Self) -> bool {
        self.gvk.ends_with("_Namespace") && other.gvk.ends_with("_Namespace")
    }
}

fn or<'s>(text: &'s str, empty: &'s str) -> &'s str {
    if text.is_empty() { empty } else { text }
}

fn gvk_text(gvk: &Gvk) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn id_text(id: &Id) -> String {
    format!("{}|{}|{}", id.gvk, or(&id.namespace, "~X"), or(&id.name, "~N"))
}
