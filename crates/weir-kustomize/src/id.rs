//! Identities as kustomize compares them.

use crate::schema::Schemas;
use std::fmt;

pub(crate) const DEFAULT_NAMESPACE: &str = "default";
/// What stands for the namespace of a cluster-wide object.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Group, version and kind; an empty field of a selector matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl Gvk {
    pub fn parse(api_version: &str, kind: &str) -> Self {
        let (group, version) = Self::split(api_version);
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// The group and the version of an `apiVersion`.
    pub fn split(api_version: &str) -> (&str, &str) {
        api_version.split_once('/').unwrap_or(("", api_version))
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub fn is_selected(&self, selector: &Gvk) -> bool {
        selector.selects(&self.group, &self.version, &self.kind)
    }

    pub fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.group, group) && fits(&self.version, version) && fits(&self.kind, kind)
    }
}

/// `Kind.version.group`, as kustomize prints it.
impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn or<'s>(text: &'s str, empty: &'s str) -> &'s str {
            if text.is_empty() { empty } else { text }
        }
        let (kind, version, group) =
            (or(&self.kind, "[noKind]"), or(&self.version, "[noVer]"), or(&self.group, "[noGrp]"));
        write!(f, "{kind}.{version}.{group}")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub gvk: Gvk,
    pub name: String,
    pub namespace: String,
    pub cluster_wide: bool,
}

impl Id {
    /// The id of a selector or a previous id: never known to be cluster-wide.
    pub fn new(gvk: Gvk, name: &str, namespace: &str) -> Self {
        Self { gvk, name: name.to_owned(), namespace: namespace.to_owned(), cluster_wide: false }
    }

    pub fn scoped(gvk: Gvk, name: String, namespace: String, schemas: &Schemas) -> Self {
        let cluster_wide = schemas.is_cluster_wide(&gvk);
        Self { gvk, name, namespace, cluster_wide }
    }

    /// The namespace to compare by.
    pub fn effective_namespace(&self) -> &str {
        if self.cluster_wide {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &self.namespace
        }
    }

    pub fn same_namespace(&self, other: &Id) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    pub fn same_gvk_and_name(&self, other: &Id) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    pub fn is_same(&self, other: &Id) -> bool {
        self.same_gvk_and_name(other) && self.same_namespace(other)
    }

    /// What two equal ids have in common.
    pub fn key(&self) -> (Gvk, String, String) {
        (self.gvk.clone(), self.name.clone(), self.effective_namespace().to_owned())
    }
}

/// `Kind.version.group/name.namespace`, as kustomize prints it.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "[noName]" } else { &self.name };
        let namespace = if self.namespace.is_empty() { "[noNs]" } else { &self.namespace };
        write!(f, "{}/{name}.{namespace}", self.gvk)
    }
}
