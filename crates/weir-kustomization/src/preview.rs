//! What a run would do, for whoever asks outside of the controller: by the same plan, owner and options as
//! [`apply`](crate::apply), so that the answer is what the controller does.

use crate::plan::{Plan, plan};
use crate::{Options, apply, cluster, decryption, variables};
use std::sync::Arc;
use weir_api::Kustomization;
use weir_apply::{Applier, Fate, Preview, fate, scoped};
use weir_base::Diagnose;
use weir_doc::Node;
use weir_kube::{Clusters, Session};
use weir_object::{Inventory, ObjectRef, order_key};
use weir_render::{Decryption, Overlay, Variables};

/// How a Kustomization is built.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// With the variables.
    pub overlay: Overlay,
    /// Values of Secrets that are among the variables: they may stand anywhere in what is built.
    pub secrets: Vec<String>,
}

/// Reads what a build needs besides files; the keys only for one that `decrypts`, what is encrypted is masked by the
/// others. The error says which field cannot be done, or what is missing.
pub async fn recipe(session: &Session, object: &Kustomization, strict: bool, decrypts: bool) -> Result<Recipe, String> {
    let Plan { overlay, post_build, .. } = planned(object)?;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let gathered = variables::gather(session, namespace, post_build.as_ref(), strict).await;
    let gathered = gathered.map_err(|failure| failure.message().to_owned())?;
    let decryption = match decrypts {
        false => Some(Decryption::Mask),
        true => {
            let decryption =
                decryption::gather(session, namespace, object.spec.decryption.as_ref(), &Options::outside()).await;
            decryption.map_err(|failure| failure.message().to_owned())?
        }
    };
    let overlay = Overlay { substitution: gathered.substitution, decryption, ..overlay };
    Ok(Recipe { overlay, secrets: gathered.secrets })
}

/// The same from the object alone, without the variables that are in other objects.
pub fn recipe_alone(object: &Kustomization, strict: bool) -> Result<Overlay, String> {
    let Plan { overlay, post_build, .. } = planned(object)?;
    let completed = post_build.map(|post_build| variables::completed(Variables::default(), &post_build, strict));
    let substitution = completed.transpose().map_err(|failure| failure.message().to_owned())?;
    Ok(Overlay { substitution, decryption: Some(Decryption::Mask), ..overlay })
}

/// What a run would do.
#[derive(Debug, Default)]
pub struct Outlook {
    /// In the order of applying.
    pub objects: Vec<Preview>,
    /// Why others would not be taken.
    pub errors: Vec<String>,
}

/// The cluster that a Kustomization applies to, as the user that its kubeconfig names; it is the session's own where it
/// names none.
pub async fn target(session: &Session, object: &Kustomization, clusters: Arc<Clusters>) -> Result<Session, String> {
    let options = Options { clusters: Some(clusters), ..Options::outside() };
    cluster::session(session, object, &options, None).await.map_err(|failure| failure.message().to_owned())
}

/// What applying these objects would do, with the rights of the session.
pub async fn preview(session: &Session, object: &Kustomization, objects: Vec<Node>) -> Result<Outlook, String> {
    let plan = planned(object)?;
    let owner = apply::owner(object);
    let options = weir_apply::Options { check_all: true, ..plan.apply };
    let applier = Applier { session, owner: &owner, manager: apply::MANAGER, options, tracker: None };
    let previews = applier.preview(objects).await.map_err(|error| error.report().to_string())?;
    let errors = previews.errors.iter().map(|error| error.report().to_string()).collect();
    Ok(Outlook { objects: previews.objects, errors })
}

/// What a run that applies `applied` would no longer apply, in the order of applying, with what becomes of it.
pub async fn stale(
    session: &Session,
    object: &Kustomization,
    applied: impl IntoIterator<Item = ObjectRef>,
) -> Result<Vec<(ObjectRef, Fate)>, String> {
    if !object.spec.prune {
        return Ok(Vec::new());
    }
    let old = apply::inventory_of(object.status.as_ref())?;
    let old: Inventory = scoped(session, old.iter()).await.into_iter().collect();
    let new: Inventory = scoped(session, applied).await.into_iter().collect();
    let mut stale = old.stale(&new);
    stale.sort_by(|one, other| order_key(one).cmp(&order_key(other)));
    let (owner, mut fates) = (apply::owner(object), Vec::new());
    for object in stale {
        let fate = fate(session, &owner, &object).await.map_err(|error| format!("{object}: {error}"))?;
        fates.push((object, fate));
    }
    Ok(fates)
}

fn planned(object: &Kustomization) -> Result<Plan, String> {
    plan(object, &Options::outside()).map_err(|failure| failure.message().to_owned())
}
