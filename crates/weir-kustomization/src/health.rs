//! Waiting for health without holding a worker: each look is a pass of its own, and a change of what
//! is waited for is what brings it about.

use crate::apply::Applied;
use crate::gather::Source;
use crate::plan::Plan;
use crate::triggers::Times;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_api::{Kustomization, reasons};
use weir_apply::{Health, Tracker, explain, health};
use weir_kube::{Coverage, Session};
use weir_object::ObjectRef;
use weir_runtime::{Cx, Failure, Ready, Severity, conditions};

/// Between looks at what cannot be watched: soon at first, the later ones at most this far apart. Flux looks every 5 s.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(5);
/// What is watched is looked at all the same, in case a connection died without a word.
const WATCHED_LOOK: Duration = Duration::from_secs(30);
/// What is ready this soon is not told to be waited for: that would be a write of the status more.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// What a run was about: another generation, revision, request or configuration begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    generation: Option<i64>,
    revision: String,
    requested_at: Option<String>,
    /// How often what it names had changed.
    configs: u64,
}

impl Run {
    pub fn of(object: &Kustomization, cx: &Cx<Kustomization>, source: &Source, times: Times) -> Self {
        Self {
            generation: object.metadata.generation,
            revision: source.revision.clone(),
            requested_at: cx.requested_at().map(str::to_owned),
            configs: times.configs,
        }
    }
}

/// Objects that were applied and are not known to be ready.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    pub run: Run,
    pub digest: String,
    pub began: Instant,
    /// Something is new since the object was ready the last time.
    pub is_news: bool,
    objects: Vec<ObjectRef>,
    since: Instant,
    deadline: Instant,
    looks: u32,
    changed: bool,
    /// The status as it was written last is all that has to be remembered.
    is_written: bool,
    /// What those said at their last look that were not ready.
    pending: Vec<Health>,
    /// When all of `pending` were looked at.
    looked: Instant,
}

impl Awaited {
    /// Where the same run had begun to wait `before`, it waits on: what is put right meanwhile gives it no more time.
    pub fn begin(run: Run, plan: &Plan, applied: Applied, digest: String, before: Option<&Awaited>) -> Self {
        let objects = if plan.wait { applied.objects } else { plan.health_checks.clone() };
        let now = Instant::now();
        Self {
            run,
            digest,
            began: before.map_or(applied.began, |before| before.began),
            is_news: applied.is_news || before.is_some_and(|before| before.is_news),
            objects,
            since: before.map_or(now, |before| before.since),
            deadline: before.map_or(now + plan.timeout, |before| before.deadline),
            looks: 0,
            changed: applied.changed || before.is_some_and(|before| before.changed),
            is_written: applied.is_written,
            pending: Vec::new(),
            looked: now,
        }
    }

    /// The objects that this look has to read.
    fn due(&self, tracker: &Tracker) -> Vec<ObjectRef> {
        let since = self.looked.elapsed();
        let is_over = Instant::now() >= self.deadline;
        let is_due = |object: &ObjectRef| {
            is_over
                || match tracker.coverage(&object.id) {
                    Coverage::Live => tracker.has_news(&object.id) || since >= WATCHED_LOOK,
                    Coverage::Starting => since >= LAST_LOOK,
                    Coverage::Blind => true,
                }
        };
        self.pending.iter().map(|health| &health.object).filter(|object| is_due(object)).cloned().collect()
    }

    async fn look(&mut self, tenant: &Session, tracker: &Arc<Tracker>, plan: &Plan) {
        if self.looks == 0 {
            // What was applied just now, or was ready and is as it was, need not be read.
            let objects = self.objects.clone();
            self.read(tenant, tracker, &objects, plan).await;
        } else {
            let due = self.due(tracker);
            let began = Instant::now();
            let seen = health(tenant, &due, &plan.apply.checks, plan.apply.concurrency, Some(tracker)).await;
            let looked_at: HashSet<&ObjectRef> = due.iter().collect();
            if self.pending.iter().all(|health| looked_at.contains(&health.object)) {
                self.looked = began;
            }
            self.pending.retain(|health| !looked_at.contains(&health.object));
            self.pending.extend(seen.into_iter().filter(|health| !health.is_current()));
            if self.pending.is_empty() {
                // Those that were ready before have to be so now: they are ready together, or not at all.
                let rest: Vec<ObjectRef> = self.objects.iter().filter(|o| !looked_at.contains(o)).cloned().collect();
                self.read(tenant, tracker, &rest, plan).await;
            }
        }
        self.looks += 1;
    }

    /// Adds those of the objects to `pending` that are not ready; what is known is not read.
    async fn read(&mut self, tenant: &Session, tracker: &Arc<Tracker>, objects: &[ObjectRef], plan: &Plan) {
        let mut unknown = Vec::new();
        for object in objects {
            // What the tracker knows is kstatus' verdict.
            let is_custom = plan.apply.checks.covers(&object.id.group, &object.id.kind);
            match if is_custom { None } else { tracker.health(&object.id) } {
                Some(None) => {}
                Some(Some(verdict)) => self.pending.push(Health { object: object.clone(), verdict }),
                None => unknown.push(object.clone()),
            }
        }
        let seen = health(tenant, &unknown, &plan.apply.checks, plan.apply.concurrency, Some(tracker)).await;
        self.pending.extend(seen.into_iter().filter(|health| !health.is_current()));
    }

    /// When the objects are looked at if nothing is told about them.
    fn next_look(&self, tracker: &Tracker) -> Duration {
        let after = match self.pending.iter().map(|health| tracker.coverage(&health.object.id)).max() {
            Some(Coverage::Live) => WATCHED_LOOK,
            Some(Coverage::Starting) => LAST_LOOK,
            Some(Coverage::Blind) | None => FIRST_LOOK.saturating_mul(1 << self.looks.min(10)).min(LAST_LOOK),
        };
        after.min(self.deadline.saturating_duration_since(Instant::now()).max(FIRST_LOOK))
    }

    /// What follows a look after which something is still pending.
    pub fn failure(&self, timeout: Duration, tracker: &Tracker) -> Failure {
        let after = self.next_look(tracker);
        let silent = WORTH_TELLING.saturating_sub(self.since.elapsed());
        if self.is_written && !silent.is_zero() {
            return Failure::Again { after: after.min(silent) };
        }
        self.told(timeout, after)
    }

    /// What the object shows while it waits.
    fn told(&self, timeout: Duration, after: Duration) -> Failure {
        let names: Vec<String> = self.pending.iter().map(ToString::to_string).take(5).collect();
        let more = if self.pending.len() > names.len() { ", ..." } else { "" };
        let message = format!(
            "Running health checks for revision {} with a timeout of {}s: [{}{more}]",
            self.run.revision,
            timeout.as_secs(),
            names.join(", ")
        );
        Failure::Waiting { reason: reasons::PROGRESSING, message, after, ready: Ready::Unknown }
    }
}

/// One look. `None` when all is ready; an error when something failed or the time is over.
pub(crate) async fn check(
    cx: &mut Cx<Kustomization>,
    plan: &Plan,
    tenant: &Session,
    tracker: &Arc<Tracker>,
    mut awaited: Awaited,
) -> Result<Option<Awaited>, Failure> {
    if !plan.wait && plan.health_checks.is_empty() {
        cx.remove_condition(reasons::HEALTHY);
        return Ok(None);
    }
    let was_healthy = cx.status().is_some_and(|status| conditions::is_true(&status.conditions, reasons::HEALTHY));
    awaited.look(tenant, tracker, plan).await;
    tracker.await_changes(awaited.pending.iter().map(|health| &health.object.id));
    if awaited.pending.is_empty() {
        let took = awaited.began.elapsed().as_secs_f64();
        let message = format!("Health check passed in {took:.3}s");
        cx.condition(reasons::HEALTHY, "True", reasons::SUCCEEDED, &message);
        if !was_healthy || awaited.changed {
            cx.event(Severity::Info, reasons::SUCCEEDED, &message, &Default::default());
        }
        return Ok(None);
    }
    let is_over = Instant::now() >= awaited.deadline;
    let failed: Vec<Health> = awaited.pending.iter().filter(|health| health.is_failed()).cloned().collect();
    let ends_early = if plan.fail_fast { !failed.is_empty() } else { failed.len() == awaited.pending.len() };
    let problem = if ends_early {
        Some(("failed early due to stalled resources", failed))
    } else {
        is_over.then(|| ("timeout waiting for", awaited.pending.clone()))
    };
    let problem = match problem {
        Some((what, mut which)) => {
            explain(tenant, &mut which).await;
            let listed: Vec<String> = which.iter().map(ToString::to_string).collect();
            Some(format!("{what}: [{}]", listed.join(", ")))
        }
        None => None,
    };
    if let Some(problem) = problem {
        let message = format!("health check failed after {:.3}s: {problem}", awaited.began.elapsed().as_secs_f64());
        cx.condition(reasons::HEALTHY, "False", reasons::HEALTH_CHECK_FAILED, &message);
        return Err(Failure::transient(reasons::HEALTH_CHECK_FAILED, message));
    }
    let message = format!("Running health checks for revision {}", awaited.run.revision);
    cx.condition(reasons::HEALTHY, "Unknown", reasons::PROGRESSING, &message);
    Ok(Some(awaited))
}
