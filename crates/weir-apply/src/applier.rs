use crate::compare::differs;
use crate::normalise::normalise;
use crate::scope::scope;
use crate::{Action, ApplyError, Change, Owner, health, takeover};
use futures::{StreamExt, stream};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use weir_base::Origin;
use weir_doc::Node;
use weir_kube::{ApplyOptions, KubeError, Propagation, Session};
use weir_object::{ObjectId, ObjectRef, Stage, meta, sort, stage};

/// How long the objects of a stage may take to be ready; as in Flux.
const STAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long discovery may lag behind a definition that is established.
const DISCOVERY_LAG: Duration = Duration::from_secs(10);
/// How often other writers may be faster while fields are taken over.
const TAKEOVERS: usize = 5;
const POLL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct Options {
    /// Delete and create objects whose immutable fields changed.
    pub force: bool,
    /// Dry-runs under way at once (`--concurrent-ssa`).
    pub concurrency: usize,
}

/// Applies objects as one owner, through one session.
pub struct Applier<'a> {
    pub session: &'a Session,
    pub owner: &'a Owner,
    pub manager: &'a str,
    pub options: Options,
}

/// An object that passed its dry-run.
struct Planned {
    node: Node,
    object: ObjectRef,
    at: Origin,
    step: Step,
}

enum Step {
    Keep(Action),
    Apply {
        action: Action,
        /// Done before, so that applying removes what others added by hand.
        takeover: Option<Node>,
    },
    /// Delete the live object, wait until it is gone, create it.
    Recreate {
        uid: Option<String>,
    },
}

impl Applier<'_> {
    /// Applies all objects, stage by stage. `done` is called after each change, so that a caller
    /// knows what happened also when a later object fails.
    pub async fn apply(&self, mut nodes: Vec<Node>, mut done: impl FnMut(Change)) -> Result<(), ApplyError> {
        sort(&mut nodes);
        let mut stages: HashMap<Stage, Vec<(Node, ObjectRef)>> = HashMap::new();
        let mut seen: HashMap<ObjectId, Origin> = HashMap::new();
        for mut node in nodes {
            let object = ObjectRef::of(&node)?;
            if let Some(first) = seen.insert(object.id.clone(), node.meta.at.clone()) {
                return Err(ApplyError::Twice { object, at: node.meta.at.clone(), first });
            }
            self.owner.label(&mut node);
            normalise(&mut node);
            stages.entry(stage(&object.id.group, &object.id.kind)).or_default().push((node, object));
        }
        let defines_kinds = stages
            .get(&Stage::Definitions)
            .is_some_and(|s| s.iter().any(|(_, o)| o.id.kind == "CustomResourceDefinition"));
        for current in Stage::ALL {
            let Some(members) = stages.remove(&current) else { continue };
            let lag = if defines_kinds && current != Stage::Definitions { DISCOVERY_LAG } else { Duration::ZERO };
            let planned = self.dry_run(members, lag).await?;
            let mut waited = Vec::new();
            for plan in planned {
                let changed = !matches!(plan.step, Step::Keep(_));
                let object = plan.object.clone();
                let action = self.execute(plan).await?;
                if changed && current.is_waited_for() {
                    waited.push(object.clone());
                }
                done(Change { object, action });
            }
            self.wait(waited).await?;
            if current == Stage::Definitions && defines_kinds {
                self.session.forget_kinds().await;
            }
        }
        Ok(())
    }

    /// What applying would do, for every object of a stage; nothing is changed.
    async fn dry_run(&self, members: Vec<(Node, ObjectRef)>, lag: Duration) -> Result<Vec<Planned>, ApplyError> {
        let answers: Vec<Result<Planned, ApplyError>> = stream::iter(members)
            .map(|(node, object)| self.plan(node, object, lag))
            .buffered(self.options.concurrency.max(1))
            .collect()
            .await;
        let (mut planned, mut errors) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(plan) => planned.push(plan),
                Err(error) => errors.push(error),
            }
        }
        match ApplyError::of(errors) {
            Some(error) => Err(error),
            None => Ok(planned),
        }
    }

    async fn plan(&self, mut node: Node, mut object: ObjectRef, lag: Duration) -> Result<Planned, ApplyError> {
        let at = node.meta.at.clone();
        let keep = |action| Step::Keep(action);
        if self.owner.is_left_alone(&node) {
            return Ok(Planned { node, object, at, step: keep(Action::Skipped) });
        }
        let resource = self.session.resource_within(&object, lag).await.map_err(|source| ApplyError::DryRun {
            object: object.clone(),
            at: at.clone(),
            source,
        })?;
        scope(&mut object, &resource);
        if let (false, Some(metadata)) = (resource.namespaced, node.get_mut("metadata").and_then(Node::as_map_mut)) {
            metadata.remove("namespace");
        }
        let dry_run_error = |source| ApplyError::DryRun { object: object.clone(), at: at.clone(), source };
        if resource.namespaced && object.id.namespace.is_empty() {
            return Err(ApplyError::NoNamespace { object, at });
        }
        let live = self.session.get(&object).await.map_err(|source| ApplyError::Read {
            object: object.clone(),
            at: at.clone(),
            source,
        })?;
        if let Some(live) = &live
            && (self.owner.is_left_alone(live) || self.owner.is_create_only(&node))
        {
            return Ok(Planned { node, object, at, step: keep(Action::Skipped) });
        }
        let options = ApplyOptions { manager: self.manager, force: true, dry_run: true };
        let merged = [Some(&node), live.as_ref()].into_iter().flatten().any(|n| self.owner.is_merged(n));
        let takeover = live.as_ref().filter(|_| !merged).and_then(|live| takeover::patch(live, self.manager));
        let step = match (self.session.apply(&node, options).await, &live) {
            (Ok(wanted), Some(live)) if takeover.is_none() && !differs(live, &wanted) => keep(Action::Unchanged),
            (Ok(_), Some(_)) => Step::Apply { action: Action::Configured, takeover },
            (Ok(_), None) => Step::Apply { action: Action::Created, takeover: None },
            (Err(error), Some(live)) if self.may_recreate(&node, live, &error).await => {
                Step::Recreate { uid: meta::uid(live).map(str::to_owned) }
            }
            (Err(error), _) => return Err(dry_run_error(error)),
        };
        Ok(Planned { node, object, at, step })
    }

    async fn execute(&self, plan: Planned) -> Result<Action, ApplyError> {
        let Planned { node, object, at, step } = plan;
        let failed = |source| ApplyError::Apply { object: object.clone(), at: at.clone(), source };
        let options = ApplyOptions { manager: self.manager, force: true, dry_run: false };
        match step {
            Step::Keep(action) => Ok(action),
            Step::Apply { action, takeover } => {
                if let Some(patch) = takeover {
                    self.take_over(&object, patch).await.map_err(failed)?;
                }
                self.session.apply(&node, options).await.map_err(failed)?;
                Ok(action)
            }
            Step::Recreate { uid } => {
                self.session.delete(&object, Propagation::Background, uid.as_deref()).await.map_err(failed)?;
                let deadline = Instant::now() + STAGE_TIMEOUT;
                while let Some(live) = self.session.get(&object).await.map_err(failed)? {
                    if meta::uid(&live) != uid.as_deref() {
                        break;
                    }
                    if Instant::now() > deadline {
                        let waiting = vec![format!("{object} status: 'Terminating'")];
                        return Err(ApplyError::NotReady { waiting });
                    }
                    tokio::time::sleep(POLL).await;
                }
                self.session.apply(&node, options).await.map_err(failed)?;
                Ok(Action::Created)
            }
        }
    }

    /// Makes the fields ours that are to be. The patch is for the version it was made for; where another writer was
    /// faster (a controller that reports a status), it is made anew from what is there now.
    async fn take_over(&self, object: &ObjectRef, mut patch: Node) -> Result<(), KubeError> {
        for _ in 0..TAKEOVERS {
            let Err(error) = self.session.json_patch(object, self.manager, &patch).await else { return Ok(()) };
            let was_late = error.is_conflict() || error.status_reason() == "Invalid";
            let live = if was_late { self.session.get(object).await? } else { None };
            match live {
                Some(live) if meta::resource_version(&live) != takeover::version(&patch) => {
                    let Some(next) = takeover::patch(&live, self.manager) else { return Ok(()) };
                    patch = next;
                }
                _ => return Err(error),
            }
        }
        self.session.json_patch(object, self.manager, &patch).await.map(drop)
    }

    async fn wait(&self, objects: Vec<ObjectRef>) -> Result<(), ApplyError> {
        let deadline = Instant::now() + STAGE_TIMEOUT;
        let mut waiting = objects;
        while !waiting.is_empty() {
            let verdicts = health(self.session, &waiting, self.options.concurrency).await;
            let pending: Vec<_> = verdicts.into_iter().filter(|h| !h.is_current()).collect();
            if pending.iter().any(|h| h.is_failed()) || (Instant::now() > deadline && !pending.is_empty()) {
                return Err(ApplyError::NotReady { waiting: pending.iter().map(ToString::to_string).collect() });
            }
            waiting = pending.into_iter().map(|h| h.object).collect();
            if !waiting.is_empty() {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}
