use crate::normalise::normalise;
use crate::scope::scope_all;
use crate::step::{Planned, Step};
use crate::track::{Digest, Tracker};
use crate::{Action, ApplyError, Change, CustomChecks, IgnoreRule, Owner, Witness, health, ignore};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_base::Origin;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::{GroupKind, ObjectId, ObjectRef, Stage, sort, stage};

/// How long the objects of a stage may take to be ready; as in Flux.
pub(crate) const STAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long discovery may lag behind a definition that is established.
const DISCOVERY_LAG: Duration = Duration::from_secs(10);
pub(crate) const POLL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Delete and create objects whose immutable fields changed.
    pub force: bool,
    /// Dry-runs under way at once (`--concurrent-ssa`).
    pub concurrency: usize,
    /// Field managers, by the beginning of their name, whose fields are taken over (`--override-manager`).
    pub overrides: Vec<String>,
    /// Kinds that are applied before the rest, without waiting for them (`--custom-apply-stage-kinds`).
    pub early_kinds: Vec<GroupKind>,
    /// Fields that others may set.
    pub ignore: Vec<IgnoreRule>,
    /// Who says whether the objects of a stage are ready, where it is not kstatus.
    pub checks: Arc<CustomChecks>,
    /// Rewrite the managed fields of an object to the version that is applied (gate `MigrateAPIVersion`): fields that are
    /// noted under a version without a new default make the server refuse the apply.
    pub migrate_version: bool,
    /// Ask the server about each object, also where nothing can have changed: revoked rights, admission and defaults
    /// show up nowhere else.
    pub check_all: bool,
}

/// Applies objects as one owner, through one session.
pub struct Applier<'a> {
    pub session: &'a Session,
    pub owner: &'a Owner,
    pub manager: &'a str,
    pub options: Options,
    /// What is known of the objects; it follows them already.
    pub tracker: Option<&'a Arc<Tracker>>,
}

/// An object that is to be applied.
pub(crate) struct Candidate {
    pub node: Node,
    pub object: ObjectRef,
    pub at: Origin,
    /// Of the object and the options.
    pub wanted: Digest,
    /// Fields that its kind does not have.
    pub left_out: Vec<String>,
}

impl Applier<'_> {
    /// Applies all objects, stage by stage. The witness is told after each change, so that a caller
    /// knows what happened also when a later object fails.
    pub async fn apply(&self, nodes: Vec<Node>, witness: &mut impl Witness) -> Result<(), ApplyError> {
        let mut has_begun = false;
        let mut stages = self.stages(nodes).await?;
        let is_definition = |c: &Candidate| c.object.id.kind == "CustomResourceDefinition";
        let defines_kinds = stages.get(&Stage::Definitions).is_some_and(|s| s.iter().any(is_definition));
        for current in Stage::ALL {
            let Some(members) = stages.remove(&current) else { continue };
            let lag = if defines_kinds && current != Stage::Definitions { DISCOVERY_LAG } else { Duration::ZERO };
            let planned = self.plan_stage(members, lag).await?;
            let (mut waited, mut defined) = (Vec::new(), false);
            for plan in planned {
                let changed = !matches!(plan.step, Step::Keep(_));
                let object = plan.candidate.object.clone();
                defined |= changed && is_definition(&plan.candidate);
                if changed && !std::mem::replace(&mut has_begun, true) {
                    witness.begin().await?;
                }
                if !plan.candidate.left_out.is_empty() {
                    witness.left_out(&object, &plan.candidate.left_out);
                }
                let done_to = self.execute(plan).await?;
                if changed && current.is_waited_for() && !done_to.is_ready {
                    waited.push(object.clone());
                }
                witness.done(Change { object, action: done_to.action });
            }
            self.wait(waited).await?;
            if defined {
                self.session.forget_kinds().await;
            }
        }
        Ok(())
    }

    pub(crate) async fn stages(&self, mut nodes: Vec<Node>) -> Result<BTreeMap<Stage, Vec<Candidate>>, ApplyError> {
        sort(&mut nodes);
        scope_all(self.session, &mut nodes).await;
        let mut stages: BTreeMap<Stage, Vec<Candidate>> = BTreeMap::new();
        let mut seen: HashMap<ObjectId, Origin> = HashMap::new();
        for mut node in nodes {
            let object = ObjectRef::of(&node)?;
            let at = node.meta.at.clone();
            if let Some(first) = seen.insert(object.id.clone(), at.clone()) {
                return Err(ApplyError::Twice { object: object.into(), at, first });
            }
            self.owner.label(&mut node);
            normalise(&mut node);
            let wanted = self.wanted(&node);
            let is_early = self.options.early_kinds.contains(&object.id.group_kind());
            let stage = match stage(&object.id.group, &object.id.kind) {
                Stage::Rest if is_early => Stage::Early,
                stage => stage,
            };
            stages.entry(stage).or_default().push(Candidate { node, object, at, wanted, left_out: Vec::new() });
        }
        Ok(stages)
    }

    /// What decides the outcome of applying an object to one that is as it was.
    fn wanted(&self, node: &Node) -> Digest {
        let mut options = Node::map();
        options.set("manager", self.manager);
        options.set("force", self.options.force);
        let ignored = ignore::paths(&self.options.ignore, node);
        options.set("ignored", ignored.into_iter().map(Node::from).collect::<Vec<_>>());
        options.set("overrides", self.options.overrides.iter().map(|o| Node::from(o.as_str())).collect::<Vec<_>>());
        Digest::of(&[node, &options])
    }

    /// What applying would do, for every object of a stage; nothing is changed.
    async fn plan_stage(&self, members: Vec<Candidate>, lag: Duration) -> Result<Vec<Planned>, ApplyError> {
        let settled: Vec<bool> = members.iter().map(|candidate| self.is_settled(candidate)).collect();
        let is_one = settled.iter().filter(|is_settled| !**is_settled).count() == 1;
        let answers: Vec<Result<Planned, ApplyError>> = stream::iter(members.into_iter().zip(settled))
            .map(|(candidate, is_settled)| async move {
                if is_settled {
                    return Ok(Planned { candidate, step: Step::Keep(Action::Unchanged) });
                }
                // Where one object is all that may change, the apply itself is as good as a dry-run before it.
                if is_one && self.is_untouched(&candidate) {
                    return Ok(Planned { candidate, step: Step::Attempt });
                }
                self.plan(candidate, lag).await
            })
            .buffered(self.options.concurrency.max(1))
            .collect()
            .await;
        all_of(answers)
    }

    /// Whether the object is known to be as it would be after it was applied again.
    fn is_settled(&self, candidate: &Candidate) -> bool {
        !self.options.check_all
            && self.tracker.is_some_and(|tracker| tracker.is_applied(&candidate.object.id, candidate.wanted))
    }

    fn is_untouched(&self, candidate: &Candidate) -> bool {
        self.tracker.is_some_and(|tracker| tracker.untouched(&candidate.object.id).is_some())
            && !self.owner.is_left_alone(&candidate.node)
            && !self.owner.is_create_only(&candidate.node)
            && ignore::paths(&self.options.ignore, &candidate.node).is_empty()
            && !self.options.force
            && !self.owner.is_forced(&candidate.node)
    }

    async fn wait(&self, objects: Vec<ObjectRef>) -> Result<(), ApplyError> {
        let deadline = Instant::now() + STAGE_TIMEOUT;
        let mut waiting = objects;
        while !waiting.is_empty() {
            let verdicts =
                health(self.session, &waiting, &self.options.checks, self.options.concurrency, self.tracker).await;
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

fn all_of<T>(answers: Vec<Result<T, ApplyError>>) -> Result<Vec<T>, ApplyError> {
    let (mut good, mut errors) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(one) => good.push(one),
            Err(error) => errors.push(error),
        }
    }
    match ApplyError::of(errors) {
        Some(error) => Err(error),
        None => Ok(good),
    }
}
