//! Protections that Flux does not have, and that are off until a flag asks for them: a prune that takes more than is
//! usual, or what cannot be brought back, is held until somebody confirms it; a Kustomization keeps to its namespace.
//!
//! They guard against mistakes. What a tenant may do is for the API server to say.

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use weir_api::{Kustomization, names, reasons};
use weir_apply::{Fate, Owner, fate};
use weir_base::hex;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::{GroupKind, ObjectRef};
use weir_runtime::Failure;

/// So many objects are named in a message.
const NAMED: usize = 10;

/// What is asked for; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// More objects than this are deleted by one prune only when that is confirmed (`--prune-limit`).
    pub prune_limit: Option<usize>,
    /// An object of these kinds is (`--protected-kinds`).
    pub protected_kinds: Vec<GroupKind>,
    /// Objects have to be in their Kustomization's target namespace (`--target-namespace-fence`), but for those of
    /// Kustomizations in these namespaces.
    pub fence: Option<BTreeSet<String>>,
}

impl Guards {
    /// Refuses a prune that needs a confirmation and has none. `occasion` is what a confirmation holds for: a revision, or
    /// the end of the Kustomization.
    pub(crate) async fn allow_prune(
        &self,
        tenant: &Session,
        object: &Kustomization,
        owner: &Owner,
        stale: &[ObjectRef],
        occasion: &str,
    ) -> Result<(), Failure> {
        let is_protected = |object: &ObjectRef| {
            let is_it = |kind: &GroupKind| kind.group == object.id.group && kind.kind == object.id.kind;
            self.protected_kinds.iter().any(is_it)
        };
        let may_be_many = self.prune_limit.is_some_and(|limit| stale.len() > limit);
        if !may_be_many && !stale.iter().any(is_protected) {
            return Ok(());
        }
        let mut goes = Vec::new();
        for stale in stale {
            match fate(tenant, owner, stale).await {
                Ok(Fate::Gone | Fate::Kept) => {}
                Ok(Fate::Deleted { .. }) => goes.push(stale),
                Err(error) => return Err(Failure::transient(reasons::PRUNE_FAILED, format!("{stale}: {error}"))),
            }
        }
        let protected = goes.iter().filter(|object| is_protected(object)).count();
        let why = match self.prune_limit.filter(|limit| goes.len() > *limit) {
            Some(limit) => format!("more than --prune-limit={limit}"),
            None if protected > 0 => format!("{protected} of kinds that are protected by --protected-kinds"),
            None => return Ok(()),
        };
        let token = token(object, &goes, occasion);
        let confirmed = object.metadata.annotations.as_ref().and_then(|all| all.get(names::CONFIRM_PRUNE));
        if confirmed == Some(&token) {
            return Ok(());
        }
        let mut shown: Vec<String> = goes.iter().take(NAMED).map(ToString::to_string).collect();
        if goes.len() > NAMED {
            shown.push(format!("{} more", goes.len() - NAMED));
        }
        let message = format!(
            "nothing is deleted: {} objects would be, {why}: {}; to confirm it for {occasion}, set the annotation {}={token}",
            goes.len(),
            shown.join(", "),
            names::CONFIRM_PRUNE,
        );
        Err(Failure::transient(reasons::PRUNE_FAILED, message))
    }

    /// Refuses objects that leave the namespace of their Kustomization: its target namespace, or else its own. `refs` are
    /// the identities of `objects` on the cluster, in their order.
    pub(crate) fn keep_inside(
        &self,
        object: &Kustomization,
        objects: &[Node],
        refs: &[ObjectRef],
    ) -> Result<(), Failure> {
        let own = object.metadata.namespace.as_deref().unwrap_or_default();
        if self.fence.as_ref().is_none_or(|exempt| exempt.contains(own)) {
            return Ok(());
        }
        let inside = object.spec.target_namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(own);
        let strays = refs.iter().zip(objects).filter(|(reference, _)| reference.id.namespace != inside);
        let strays: Vec<String> = strays
            .map(|(reference, node)| match node.meta.at.is_known() {
                true => format!("{}: {reference}", node.meta.at),
                false => reference.to_string(),
            })
            .collect();
        if strays.is_empty() {
            return Ok(());
        }
        let more = strays.len().saturating_sub(NAMED);
        let shown = strays.into_iter().take(NAMED).chain((more > 0).then(|| format!("{more} more")));
        let message = format!(
            "objects outside of the namespace '{inside}' are refused by --target-namespace-fence: {}",
            shown.collect::<Vec<_>>().join("; ")
        );
        Err(Failure::transient(reasons::RECONCILIATION_FAILED, message))
    }
}

/// Says which deletion is confirmed: of these objects, by this Kustomization, on this occasion.
fn token(object: &Kustomization, goes: &[&ObjectRef], occasion: &str) -> String {
    let mut ids: Vec<String> = goes.iter().map(|object| object.id.to_string()).collect();
    ids.sort();
    let mut hash = Sha256::new();
    for part in [object.metadata.uid.as_deref().unwrap_or_default(), occasion, &ids.join("\n")] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize()[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kustomization(spec: &str) -> Kustomization {
        let text = format!(
            r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
                "metadata":{{"name":"apps","namespace":"team","uid":"u"}},"spec":{{"prune":true{spec}}}}}"#
        );
        serde_json::from_str(&text).expect("a Kustomization")
    }

    fn object(kind: &str, namespace: &str) -> ObjectRef {
        ObjectRef::new("v1", kind, namespace, "a")
    }

    #[test]
    fn the_fence_is_the_target_namespace_or_the_own() {
        let guards = |exempt: &[&str]| Guards {
            fence: Some(exempt.iter().map(|name| (*name).to_owned()).collect()),
            ..Guards::default()
        };
        let judge = |guards: &Guards, spec: &str, kind: &str, namespace: &str| {
            guards
                .keep_inside(&kustomization(spec), &[Node::map()], &[object(kind, namespace)])
                .map_err(|f| f.message().to_owned())
        };
        let fenced = guards(&["flux-system"]);
        assert_eq!(judge(&fenced, "", "ConfigMap", "team"), Ok(()));
        let refused =
            "objects outside of the namespace 'team' are refused by --target-namespace-fence: ConfigMap/other/a";
        assert_eq!(judge(&fenced, "", "ConfigMap", "other"), Err(refused.to_owned()));
        assert!(judge(&fenced, "", "Namespace", "").is_err(), "cluster-wide objects are in no namespace");
        let target = r#","targetNamespace":"other""#;
        assert_eq!(judge(&fenced, target, "ConfigMap", "other"), Ok(()));
        assert!(judge(&fenced, target, "ConfigMap", "team").is_err());
        assert_eq!(judge(&guards(&["team"]), "", "Namespace", ""), Ok(()), "exempt");
        assert_eq!(judge(&Guards::default(), "", "Namespace", ""), Ok(()), "not asked for");
    }

    #[test]
    fn a_confirmation_is_for_one_deletion() {
        let (one, other) = (object("ConfigMap", "a"), object("ConfigMap", "b"));
        let own = kustomization("");
        let first = token(&own, &[&one, &other], "main@sha1:1");
        assert_eq!(first.len(), 12);
        assert_eq!(first, token(&own, &[&other, &one], "main@sha1:1"), "the order says nothing");
        assert_ne!(first, token(&own, &[&one], "main@sha1:1"));
        assert_ne!(first, token(&own, &[&one, &other], "main@sha1:2"));
        let mut another = own.clone();
        another.metadata.uid = Some("v".to_owned());
        assert_ne!(first, token(&another, &[&one, &other], "main@sha1:1"));
    }
}
