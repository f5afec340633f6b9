//! One object: what applying it would do, and doing it.

use crate::applier::{Candidate, POLL, STAGE_TIMEOUT};
use crate::compare::differs;
use crate::normalise::without_unknown;
use crate::scope::{scope, scope_node};
use crate::takeover::{self, Takeover};
use crate::track::Digest;
use crate::{Action, Applier, ApplyError, ignore, mask};
use std::time::{Duration, Instant, SystemTime};
use weir_doc::Node;
use weir_kube::{Answer, ApplyOptions, KubeError, Propagation};
use weir_object::kstatus::{self, Status};
use weir_object::{ObjectRef, meta};

/// How often other writers may be faster while fields are taken over.
const TAKEOVERS: usize = 5;

/// An object whose apply would be taken.
pub(crate) struct Planned {
    pub candidate: Candidate,
    pub step: Step,
}

pub(crate) enum Step {
    Keep(Action),
    Apply {
        action: Action,
        /// Done before, so that applying removes what others added by hand.
        takeover: Option<Node>,
    },
    /// Apply without having asked before; nothing else depends on it.
    Attempt,
    /// Delete the live object, wait until it is gone, create it.
    Recreate {
        uid: Option<String>,
    },
}

/// What was done to an object.
pub(crate) struct Executed {
    pub action: Action,
    /// It was ready at once.
    pub is_ready: bool,
}

impl Applier<'_> {
    /// What applying would do. The dry-run comes first: it tells whether there is an object at all, and at which version,
    /// and so mostly spares the reading of it.
    pub(crate) async fn plan(&self, mut candidate: Candidate, lag: Duration) -> Result<Planned, ApplyError> {
        if self.owner.is_left_alone(&candidate.node) {
            return Ok(Planned { candidate, step: Step::Keep(Action::Skipped) });
        }
        let resource = match self.session.resource_within(&candidate.object, lag).await {
            Ok(resource) => resource,
            Err(source) => {
                return Err(ApplyError::DryRun { object: candidate.object.into(), at: candidate.at, source });
            }
        };
        // Of a kind that was defined just now it was not known before.
        scope(&mut candidate.object, &resource);
        scope_node(&mut candidate.node, &resource);
        if resource.namespaced && candidate.object.id.namespace.is_empty() {
            return Err(ApplyError::NoNamespace { object: candidate.object.into(), at: candidate.at });
        }
        let since = self.tracker.and_then(|tracker| tracker.since(&candidate.object.id));
        let mut answer = self.session.apply_told(&candidate.node, self.apply_options(true)).await;
        if self.options.migrate_version && self.migrated(&candidate, &answer).await? {
            answer = self.session.apply_told(&candidate.node, self.apply_options(true)).await;
        }
        if answer.as_ref().is_err_and(KubeError::is_unknown_field)
            && let Some(left_out) = without_unknown(&mut candidate.node)
        {
            candidate.left_out = left_out;
            answer = self.session.apply_told(&candidate.node, self.apply_options(true)).await;
        }
        let ignored = ignore::paths(&self.options.ignore, &candidate.node);
        let mut sent = None;
        let Candidate { node, object, wanted, .. } = &candidate;
        let step = match answer {
            Ok(Answer { is_new: true, .. }) => Step::Apply { action: Action::Created, takeover: None },
            Ok(Answer { object: applied, .. }) => match self.known_content(&candidate, &applied) {
                Some((version, content)) if content == Digest::of_content(&applied) => {
                    if let Some(tracker) = self.tracker {
                        tracker.note_again(&object.id, *wanted, version, since);
                    }
                    Step::Keep(Action::Unchanged)
                }
                Some(_) if !self.owner.is_create_only(node) => {
                    Step::Apply { action: Action::Configured, takeover: None }
                }
                _ => {
                    let live = self.live(&candidate).await?;
                    let step = self.compared(node, live.as_ref(), &applied, &ignored);
                    if let (Some(live), Step::Apply { .. }, false) = (&live, &step, ignored.is_empty()) {
                        sent = Some(ignore::yielding(node, live, &applied, &ignored, self.manager));
                    }
                    if let (Some(tracker), Some(live), Step::Keep(Action::Unchanged)) = (self.tracker, &live, &step) {
                        tracker.note(&object.id, *wanted, live, since);
                        tracker.note_health(&object.id, live, since, &kstatus::assess(live, SystemTime::now()));
                    }
                    step
                }
            },
            Err(error) => self.refused(&candidate, error).await?,
        };
        if let (Some(tracker), Step::Keep(Action::Skipped)) = (self.tracker, &step) {
            tracker.leave(&object.id);
        }
        if let Some(sent) = sent {
            candidate.node = sent;
        }
        Ok(Planned { candidate, step })
    }

    /// Notes the live object's fields under the version that is applied, if the answer to the dry-run shows that some are
    /// not: it has the entries of all managers, or is refused because of one.
    async fn migrated(&self, candidate: &Candidate, answer: &Result<Answer, KubeError>) -> Result<bool, ApplyError> {
        let Candidate { object, at, node, .. } = candidate;
        let api_version = object.api_version();
        let is_asked = match answer {
            Ok(Answer { is_new: true, .. }) => false,
            Ok(Answer { object, .. }) => takeover::migration(object, &api_version).is_some(),
            Err(error) => error.is_unknown_field(),
        };
        for _ in 0..TAKEOVERS {
            let live = if is_asked { self.live(candidate).await? } else { None };
            let live = live.filter(|live| !self.owner.is_left_alone(live) && !self.owner.is_create_only(node));
            let Some(patch) = live.and_then(|live| takeover::migration(&live, &api_version)) else { return Ok(false) };
            match self.session.json_patch(object, self.manager, &patch).await {
                Ok(_) => return Ok(true),
                // Another writer was faster.
                Err(error) if error.is_conflict() || error.status_reason() == "Invalid" => {}
                Err(source) => {
                    return Err(ApplyError::Apply { object: object.clone().into(), at: at.clone(), source });
                }
            }
        }
        Ok(false)
    }

    /// What the object holds, when the answer to a dry-run shows that it is as it was when that was noted.
    fn known_content(&self, candidate: &Candidate, answer: &Node) -> Option<(u64, Digest)> {
        if !ignore::paths(&self.options.ignore, &candidate.node).is_empty() {
            return None;
        }
        let version = meta::version(answer)?;
        Some((version, self.tracker?.content_at(&candidate.object.id, version)?))
    }

    pub(crate) async fn live(&self, candidate: &Candidate) -> Result<Option<Node>, ApplyError> {
        let Candidate { object, at, node, .. } = candidate;
        let failed =
            |source| ApplyError::Read { object: object.clone().into(), at: at.clone(), source: mask(node, source) };
        self.session.get(object).await.map_err(failed)
    }

    /// The step from the object as it is to the one that a dry-run answered with.
    fn compared(&self, node: &Node, live: Option<&Node>, applied: &Node, ignored: &[&str]) -> Step {
        // It went between the two requests.
        let Some(live) = live else { return Step::Apply { action: Action::Created, takeover: None } };
        if self.owner.is_left_alone(live) || self.owner.is_create_only(node) {
            return Step::Keep(Action::Skipped);
        }
        let is_merged = self.owner.is_merged(node) || self.owner.is_merged(live);
        let takeover = if is_merged { None } else { takeover::patch(live, self.takeover()) };
        let is_same = match ignored {
            [] => !differs(live, applied),
            paths => !differs(&ignore::without(live, paths), &ignore::without(applied, paths)),
        };
        match takeover.is_none() && is_same {
            true => Step::Keep(Action::Unchanged),
            false => Step::Apply { action: Action::Configured, takeover },
        }
    }

    /// A dry-run that was refused: an object that is to be left alone is no error, nor is one that may be made anew.
    async fn refused(&self, candidate: &Candidate, error: KubeError) -> Result<Step, ApplyError> {
        let Candidate { node, object, at, .. } = candidate;
        // Of an object that cannot be read it is the first error that matters.
        match self.live(candidate).await.ok().flatten() {
            Some(live) if self.owner.is_left_alone(&live) || self.owner.is_create_only(node) => {
                Ok(Step::Keep(Action::Skipped))
            }
            Some(live) if self.may_recreate(node, &live, &error).await => {
                Ok(Step::Recreate { uid: meta::uid(&live).map(str::to_owned) })
            }
            _ => Err(ApplyError::DryRun { object: object.clone().into(), at: at.clone(), source: mask(node, error) }),
        }
    }

    pub(crate) async fn execute(&self, plan: Planned) -> Result<Executed, ApplyError> {
        let Planned { candidate, step } = plan;
        let Candidate { node, object, at, wanted, .. } = &candidate;
        let failed =
            |source| ApplyError::Apply { object: object.clone().into(), at: at.clone(), source: mask(node, source) };
        let is_attempt = matches!(step, Step::Attempt);
        let before = match (&step, self.tracker) {
            (Step::Keep(action), _) => return Ok(Executed { action: *action, is_ready: true }),
            (Step::Attempt, Some(tracker)) => tracker.untouched(&object.id).zip(tracker.version(&object.id)),
            _ => None,
        };
        // Only on the very version that is known: what somebody did a moment ago may not be shown yet.
        let guarded = before.map(|(_, version)| {
            let mut guarded = node.clone();
            guarded.ensure_map(&["metadata"]).insert("resourceVersion", version.to_string());
            guarded
        });
        let since = self.tracker.and_then(|tracker| tracker.since(&object.id));
        if let Some(tracker) = self.tracker {
            tracker.begin(&object.id);
        }
        let action = match step {
            Step::Keep(action) => action,
            Step::Attempt => Action::Configured,
            Step::Apply { action, takeover } => {
                if let Some(patch) = takeover {
                    self.take_over(object, patch).await.map_err(failed)?;
                }
                action
            }
            Step::Recreate { uid } => {
                self.session.delete(object, Propagation::Background, uid.as_deref()).await.map_err(failed)?;
                self.until_gone(&candidate, uid.as_deref()).await?;
                Action::Created
            }
        };
        let applied = match self.session.apply(guarded.as_ref().unwrap_or(node), self.apply_options(false)).await {
            Ok(applied) => applied,
            Err(error) if is_attempt && (error.is_conflict() || error.is_not_found() || error.is_unknown_field()) => {
                let planned = self.plan(candidate, Duration::ZERO).await?;
                return Box::pin(self.execute(planned)).await;
            }
            // What a dry-run would have told: it may be an object that is to be made anew.
            Err(error) if is_attempt => {
                let step = self.refused(&candidate, error).await?;
                return Box::pin(self.execute(Planned { candidate, step })).await;
            }
            Err(error) => return Err(failed(error)),
        };
        let verdict = kstatus::assess(&applied, SystemTime::now());
        if let Some(tracker) = self.tracker {
            tracker.note(&object.id, *wanted, &applied, since);
            tracker.note_health(&object.id, &applied, since, &verdict);
        }
        // Others may have set what is theirs; the apply itself changed something only if it made a new version.
        let version = meta::version(&applied);
        let is_same =
            before.is_some_and(|(content, known)| version == Some(known) || content == Digest::of_content(&applied));
        let action = if is_same { Action::Unchanged } else { action };
        let is_judged = self.options.checks.covers(&object.id.group, &object.id.kind);
        Ok(Executed { action, is_ready: verdict.status == Status::Current && !is_judged })
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
                    let Some(next) = takeover::patch(&live, self.takeover()) else { return Ok(()) };
                    patch = next;
                }
                _ => return Err(error),
            }
        }
        self.session.json_patch(object, self.manager, &patch).await.map(drop)
    }

    async fn until_gone(&self, candidate: &Candidate, uid: Option<&str>) -> Result<(), ApplyError> {
        let deadline = Instant::now() + STAGE_TIMEOUT;
        while let Some(live) = self.live(candidate).await? {
            if meta::uid(&live) != uid {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waiting = vec![format!("{} status: 'Terminating'", candidate.object)];
                return Err(ApplyError::NotReady { waiting });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    pub(crate) fn apply_options(&self, dry_run: bool) -> ApplyOptions<'_> {
        ApplyOptions { manager: self.manager, force: true, dry_run }
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover { manager: self.manager, overrides: &self.options.overrides }
    }
}
