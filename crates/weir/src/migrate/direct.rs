//! The swap on the cluster itself, where no repository applies the controllers.

use crate::error::CliError;
use crate::objects::MANAGER;
use weir_doc::Node;
use weir_kube::{ApplyOptions, Propagation, Session};
use weir_merge::operation;
use weir_object::{ObjectRef, meta};

/// Gives a Deployment the containers' first image and arguments, and the annotations, of `wanted`. The patch is bound to what
/// was read: nobody else's change is undone.
pub async fn patch(session: &Session, live: &Node, wanted: &Node) -> Result<(), CliError> {
    let reference = ObjectRef::of(live)?;
    let mut steps =
        vec![operation("test", "/metadata/resourceVersion", live.path(&["metadata", "resourceVersion"]).cloned())];
    let containers = ["spec", "template", "spec", "containers"];
    let of = |object: &Node| object.path(&containers).and_then(Node::as_seq).cloned().unwrap_or_default();
    for (at, (old, new)) in of(live).iter().zip(&of(wanted)).enumerate() {
        for member in ["image", "args"] {
            if old.get(member) != new.get(member) {
                steps.push(operation(
                    "add",
                    &format!("/spec/template/spec/containers/{at}/{member}"),
                    new.get(member).cloned(),
                ));
            }
        }
    }
    let annotations = ["metadata", "annotations"];
    match (live.path(&annotations), wanted.path(&annotations)) {
        (old, Some(new)) if old != Some(new) => {
            steps.push(operation("add", "/metadata/annotations", Some(new.clone())))
        }
        (Some(_), None) => steps.push(operation("remove", "/metadata/annotations", None)),
        _ => {}
    }
    session
        .json_patch(&reference, MANAGER, &Node::from(steps))
        .await
        .map_err(|error| CliError::new(format!("{reference} was not changed: {error} (run the command again)")))?;
    Ok(())
}

/// Applies rights that are added.
pub async fn add(session: &Session, objects: &[Node]) -> Result<(), CliError> {
    let options = ApplyOptions { manager: MANAGER, force: true, dry_run: false };
    for object in objects {
        session.apply(object, options).await.map_err(|error| {
            let name = meta::name(object).unwrap_or_default();
            CliError::new(format!("{}/{name}: {error}", meta::kind(object)))
        })?;
    }
    Ok(())
}

/// Takes them away again.
pub async fn remove(session: &Session, objects: &[Node]) -> Result<(), CliError> {
    for object in objects {
        let reference = ObjectRef::of(object)?;
        let live = session.get(&reference).await?;
        // What somebody else made under the name stays.
        if live.is_some_and(|live| meta::annotation(&live, super::swap::ADDED).is_some()) {
            session.delete(&reference, Propagation::Background, None).await?;
        }
    }
    Ok(())
}
