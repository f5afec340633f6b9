use weir_api::{FluxKind, GitRepository, KindInfo, Kustomization};
use weir_doc::Node;
use weir_object::{ObjectId, ObjectRef};

/// A kind that the commands know; another one is another of these, and a word in [`super::About`].
pub(super) struct Kind {
    pub info: &'static KindInfo,
    pub plural: &'static str,
    /// What messages call it.
    pub human: &'static str,
    /// What a reconcile reached, from the status.
    pub reached: fn(&Node) -> String,
    /// The member of the status that has the revision.
    pub revision: &'static [&'static str],
}

pub(super) const GIT: Kind = Kind {
    info: GitRepository::INFO,
    plural: "gitrepositories",
    human: "source git",
    reached: |object| {
        let revision = object.str_at(&["status", "artifact", "revision"]).unwrap_or_default();
        format!("fetched revision {revision}")
    },
    revision: &["status", "artifact", "revision"],
};

pub(super) const KUSTOMIZATION: Kind = Kind {
    info: Kustomization::INFO,
    plural: "kustomizations",
    human: "kustomization",
    reached: |object| {
        let revision = object.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default();
        format!("applied revision {revision}")
    },
    revision: &["status", "lastAppliedRevision"],
};

/// Those that `get all` shows, in its order.
pub(super) const ALL: &[&Kind] = &[&GIT, &KUSTOMIZATION];

impl Kind {
    pub fn object(&self, namespace: &str, name: &str) -> ObjectRef {
        let id = ObjectId {
            group: self.info.group.to_owned(),
            kind: self.info.kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        ObjectRef { id, version: self.info.version.to_owned() }
    }
}

/// Status and message of the Ready condition.
pub(super) fn readiness(object: &Node) -> (String, String) {
    match condition(object, "Ready") {
        Some(ready) => {
            let text = |key: &str| ready.str_at(&[key]).unwrap_or_default().to_owned();
            (text("status"), text("message"))
        }
        None => ("False".to_owned(), "waiting to be reconciled".to_owned()),
    }
}

/// A condition, whose type is compared without regard to case.
pub fn condition<'o>(object: &'o Node, kind: &str) -> Option<&'o Node> {
    let conditions = object.path(&["status", "conditions"])?.as_seq()?;
    conditions.iter().find(|found| found.str_at(&["type"]).is_some_and(|name| name.eq_ignore_ascii_case(kind)))
}

pub fn is_suspended(object: &Node) -> bool {
    object.path(&["spec", "suspend"]).and_then(Node::as_bool).unwrap_or(false)
}
