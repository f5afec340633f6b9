//! What applying would do, for whoever asks before it.

use crate::applier::Candidate;
use crate::step::Step;
use crate::{Action, Applier, ApplyError, mask};
use futures::{StreamExt, stream};
use std::collections::HashSet;
use std::time::Duration;
use weir_base::Origin;
use weir_doc::Node;
use weir_kube::KubeError;
use weir_object::{GroupKind, ObjectRef, Stage, meta};

/// What applying would make of an object.
#[derive(Clone, Debug)]
pub struct Preview {
    pub object: ObjectRef,
    pub action: Action,
    pub at: Origin,
    /// The object as it is; none when there is none. Where it would be created all the same, it would be deleted first.
    pub live: Option<Node>,
    /// The object as it would be; none when it is left alone.
    pub wanted: Option<Node>,
}

/// What applying would do, as far as the server could tell.
#[derive(Debug, Default)]
pub struct Previews {
    /// In the order of applying.
    pub objects: Vec<Preview>,
    /// Why others would not be taken.
    pub errors: Vec<ApplyError>,
}

/// What earlier stages would make: nobody can ask the server about what is to stand in it.
#[derive(Default)]
struct Made {
    namespaces: HashSet<String>,
    kinds: HashSet<GroupKind>,
}

impl Applier<'_> {
    /// What applying would do to each object; nothing is changed. Unlike an apply it looks at the later stages too when an
    /// object is refused.
    pub async fn preview(&self, nodes: Vec<Node>) -> Result<Previews, ApplyError> {
        let mut stages = self.stages(nodes).await?;
        let (mut previews, mut made) = (Previews::default(), Made::default());
        for current in Stage::ALL {
            let Some(members) = stages.remove(&current) else { continue };
            let known = &made;
            let answers: Vec<Result<Preview, ApplyError>> = stream::iter(members)
                .map(|candidate| async move {
                    match known.has_place_for(&candidate.object) {
                        false => self.look_ahead(candidate).await,
                        true => {
                            let Candidate { node, object, at, .. } = candidate;
                            Ok(Preview { object, action: Action::Created, at, live: None, wanted: Some(node) })
                        }
                    }
                })
                .buffered(self.options.concurrency.max(1))
                .collect()
                .await;
            for answer in answers {
                match answer {
                    Ok(preview) => {
                        made.note(&preview);
                        previews.objects.push(preview);
                    }
                    Err(error) => previews.errors.push(error),
                }
            }
        }
        Ok(previews)
    }

    async fn look_ahead(&self, candidate: Candidate) -> Result<Preview, ApplyError> {
        let live = match self.live(&candidate).await {
            // A kind that does not exist yet has no objects; whether that is right, the dry-run says.
            Err(ApplyError::Read { source: KubeError::UnknownKind { .. }, .. }) => None,
            answer => answer?,
        };
        let planned = self.plan(candidate, Duration::ZERO).await?;
        let Candidate { node, object, at, .. } = planned.candidate;
        let (action, is_recreated) = match planned.step {
            Step::Keep(action) | Step::Apply { action, .. } => (action, false),
            Step::Attempt => (Action::Configured, false),
            Step::Recreate { .. } => (Action::Created, true),
        };
        let wanted = match action {
            Action::Skipped => None,
            Action::Unchanged => live.clone(),
            _ if is_recreated => Some(node),
            _ => {
                let failed = |source| ApplyError::DryRun {
                    object: object.clone().into(),
                    at: at.clone(),
                    source: mask(&node, source),
                };
                Some(self.session.apply(&node, self.apply_options(true)).await.map_err(failed)?)
            }
        };
        // It went between two requests: what would be made is new.
        let live = live.filter(|_| action != Action::Created || is_recreated);
        Ok(Preview { object, action, at, live, wanted })
    }
}

impl Made {
    fn has_place_for(&self, object: &ObjectRef) -> bool {
        self.namespaces.contains(&object.id.namespace) || self.kinds.contains(&object.id.group_kind())
    }

    fn note(&mut self, preview: &Preview) {
        let Preview { object, action: Action::Created, wanted: Some(wanted), .. } = preview else { return };
        match (object.id.group.as_str(), object.id.kind.as_str()) {
            ("", "Namespace") => drop(self.namespaces.insert(meta::name(wanted).unwrap_or_default().to_owned())),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                let text = |path: &[&str]| wanted.str_at(path).unwrap_or_default().to_owned();
                let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
                self.kinds.insert(GroupKind { group, kind });
            }
            _ => {}
        }
    }
}
