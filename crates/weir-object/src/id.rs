use crate::meta;
use std::fmt;
use weir_base::{Diagnose, Origin};
use weir_doc::Node;

/// A kind of objects, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    pub group: String,
    pub kind: String,
}

/// An object, whatever its version. Two objects with equal ids are the same object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub group: String,
    pub kind: String,
    /// Empty for cluster-wide kinds.
    pub namespace: String,
    pub name: String,
}

/// An object in a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    pub id: ObjectId,
    pub version: String,
}

/// A document that names no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("the object has no {field}")]
    Missing { field: &'static str, at: Origin },
    #[error("inventory id '{0}' is not NAMESPACE_NAME_GROUP_KIND")]
    Malformed(String),
}

impl Diagnose for IdError {
    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn at(&self) -> Option<Origin> {
        match self {
            IdError::Missing { at, .. } => Some(at.clone()),
            IdError::Malformed(_) => None,
        }
    }
}

impl ObjectId {
    /// The id as the inventory of Flux writes it: `NAMESPACE_NAME_GROUP_KIND`, `:` in the names of
    /// RBAC objects as `__`.
    pub fn inventory_id(&self) -> String {
        let name = match self.group.as_str() {
            "rbac.authorization.k8s.io" => self.name.replace(':', "__"),
            _ => self.name.clone(),
        };
        format!("{}_{}_{}_{}", self.namespace, name, self.group, self.kind)
    }

    /// Reads an inventory id: the namespace ends at the first `_`, the kind starts after the last,
    /// the group stands between the last two.
    pub fn parse_inventory_id(id: &str) -> Result<Self, IdError> {
        let malformed = || IdError::Malformed(id.to_owned());
        let (namespace, rest) = id.split_once('_').ok_or_else(malformed)?;
        let (rest, kind) = rest.rsplit_once('_').ok_or_else(malformed)?;
        let (name, group) = rest.rsplit_once('_').ok_or_else(malformed)?;
        if name.is_empty() || kind.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.replace("__", ":"),
        })
    }

    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }
}

/// `Kind/namespace/name`, or `Kind/name`: how Flux names objects in messages.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl ObjectRef {
    /// An object by its parts; the namespace of a cluster-wide kind is empty.
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let (group, version) = meta::split(api_version);
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
        Self { id: ObjectId { group, kind, namespace, name }, version: version.to_owned() }
    }

    /// The object that a document describes.
    pub fn of(node: &Node) -> Result<Self, IdError> {
        let missing = |field| IdError::Missing { field, at: node.meta.at.clone() };
        let (group, version) = meta::group_version(node).ok_or_else(|| missing("apiVersion"))?;
        let kind = node.str_at(&["kind"]).filter(|k| !k.is_empty()).ok_or_else(|| missing("kind"))?;
        let name = meta::name(node).filter(|n| !n.is_empty()).ok_or_else(|| missing("metadata.name"))?;
        Ok(Self {
            id: ObjectId {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: meta::namespace(node).unwrap_or_default().to_owned(),
                name: name.to_owned(),
            },
            version: version.to_owned(),
        })
    }

    pub fn api_version(&self) -> String {
        if self.id.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.id.group, self.version) }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectId {
        ObjectId { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn inventory_ids_are_those_of_flux() {
        let cases = [
            (id("apps", "Deployment", "apps", "podinfo"), "apps_podinfo_apps_Deployment"),
            (id("", "Namespace", "", "cert-manager"), "_cert-manager__Namespace"),
            (
                id("rbac.authorization.k8s.io", "ClusterRole", "", "system:controller"),
                "_system__controller_rbac.authorization.k8s.io_ClusterRole",
            ),
        ];
        for (object, text) in cases {
            assert_eq!(object.inventory_id(), text);
            assert_eq!(ObjectId::parse_inventory_id(text), Ok(object));
        }
        for bad in ["", "a_b", "a_b_Kind", "__x_"] {
            assert!(ObjectId::parse_inventory_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_without_a_name_is_refused() {
        let node = weir_doc::from_json(br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}"#).expect("valid");
        let error = ObjectRef::of(&node).expect_err("no name");
        assert_eq!(error.to_string(), "the object has no metadata.name");
    }
}
