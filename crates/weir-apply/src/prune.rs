use crate::{Action, ApplyError, Change, Owner};
use weir_kube::{Deleted, KubeError, Propagation, Session};
use weir_object::{ObjectRef, order_key};

/// Deletes of `stale`, last applied first, what carries the owner's labels and no marker that keeps it; the markers count
/// whatever the deletion policy, as in Flux. Returns what was deleted and what is left because its
/// deletion failed; a failure does not stop the others.
pub async fn prune(
    session: &Session,
    owner: &Owner,
    stale: &[ObjectRef],
) -> (Vec<Change>, Vec<(ObjectRef, ApplyError)>) {
    let mut ordered: Vec<&ObjectRef> = stale.iter().collect();
    ordered.sort_by(|a, b| order_key(b).cmp(&order_key(a)));
    let (mut changes, mut survivors) = (Vec::new(), Vec::new());
    for object in ordered {
        match delete(session, owner, object).await {
            Ok(action) => changes.push(Change { object: object.clone(), action }),
            Err(source) => {
                survivors.push((object.clone(), ApplyError::Delete { object: object.clone().into(), source }));
            }
        }
    }
    (changes, survivors)
}

/// What becomes of an object that is no longer applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone already.
    Gone,
    /// It is another's, or is marked to stay.
    Kept,
    /// It is deleted: the very object that has this uid.
    Deleted { uid: Option<String> },
}

/// Decides it; nothing is changed.
pub async fn fate(session: &Session, owner: &Owner, object: &ObjectRef) -> Result<Fate, KubeError> {
    let live = match session.get(object).await {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(Fate::Gone),
        // The kind is no longer served, so its objects are gone. Flux would fail here for ever. Of one whose server does
        // not answer nobody can say so.
        Err(KubeError::UnknownKind { .. }) => return Ok(Fate::Gone),
        Err(error) => return Err(error),
    };
    if owner.is_kept(&live) || owner.is_left_alone(&live) || !owner.owns(&live) {
        return Ok(Fate::Kept);
    }
    Ok(Fate::Deleted { uid: weir_object::meta::uid(&live).map(str::to_owned) })
}

async fn delete(session: &Session, owner: &Owner, object: &ObjectRef) -> Result<Action, KubeError> {
    let uid = match fate(session, owner, object).await? {
        Fate::Gone => return Ok(Action::Deleted),
        Fate::Kept => return Ok(Action::Skipped),
        Fate::Deleted { uid } => uid,
    };
    match session.delete(object, Propagation::Background, uid.as_deref()).await {
        Ok(Deleted::Requested | Deleted::WasGone) => Ok(Action::Deleted),
        Err(error) => Err(error),
    }
}
