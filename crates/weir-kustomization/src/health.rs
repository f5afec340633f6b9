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
use weir_apply::{Health, health};
use weir_kube::{Coverage, Session, Watching};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::{Cx, Failure, Ready, Severity, conditions};

/// Between looks at what cannot be watched: soon at first, the later ones at most this far apart. Flux looks every 5 s.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(5);
/// What is watched is looked at all the same, in case a connection died without a word.
const WATCHED_LOOK: Duration = Duration::from_secs(30);
/// The source may have changed where no watch says so.
const SOURCE_IS_FRESH: Duration = Duration::from_secs(5);

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
    source: Arc<Source>,
    /// When the source was read, and how often it had changed.
    source_at: (Instant, u64),
    objects: Vec<ObjectRef>,
    deadline: Instant,
    looks: u32,
    changed: bool,
    /// What those said at their last look that were not ready.
    pending: Vec<Health>,
    /// When all of `pending` were looked at.
    looked: Instant,
    watching: Option<(Arc<Watching>, HashSet<ObjectId>)>,
}

impl Awaited {
    pub fn begin(run: Run, plan: &Plan, applied: Applied, digest: String, source: &Arc<Source>, times: Times) -> Self {
        let objects = if plan.wait { applied.objects } else { plan.health_checks.clone() };
        let now = Instant::now();
        Self {
            run,
            digest,
            began: applied.began,
            source: source.clone(),
            source_at: (now, times.sources),
            objects,
            deadline: now + plan.timeout,
            looks: 0,
            changed: applied.changed,
            pending: Vec::new(),
            looked: now,
            watching: None,
        }
    }

    /// The source, if it was read just now and is not known to have changed.
    pub fn source(&self, times: Times) -> Option<Arc<Source>> {
        let (read, sources) = self.source_at;
        (read.elapsed() < SOURCE_IS_FRESH && sources == times.sources).then(|| self.source.clone())
    }

    pub fn read_source(&mut self, source: &Arc<Source>, times: Times) {
        if !Arc::ptr_eq(&self.source, source) {
            (self.source, self.source_at) = (source.clone(), (Instant::now(), times.sources));
        }
    }

    /// The objects that this look is about.
    fn due(&self) -> Vec<ObjectRef> {
        let Some((watching, _)) = &self.watching else { return self.objects.clone() };
        let (changed, since) = (watching.take_changed(), self.looked.elapsed());
        let is_over = Instant::now() >= self.deadline;
        let is_due = |object: &ObjectRef| {
            is_over
                || changed.contains(&object.id)
                || match watching.coverage(&object.id) {
                    Coverage::Live => since >= WATCHED_LOOK,
                    Coverage::Starting => since >= LAST_LOOK,
                    Coverage::Blind => true,
                }
        };
        self.pending.iter().map(|health| &health.object).filter(|object| is_due(object)).cloned().collect()
    }

    async fn look(&mut self, tenant: &Session, concurrency: usize) {
        let due = self.due();
        let began = Instant::now();
        let seen = health(tenant, &due, concurrency).await;
        let looked_at: HashSet<&ObjectRef> = due.iter().collect();
        if self.pending.iter().all(|health| looked_at.contains(&health.object)) {
            self.looked = began;
        }
        self.pending.retain(|health| !looked_at.contains(&health.object));
        self.pending.extend(seen.into_iter().filter(|health| !health.is_current()));
        if self.pending.is_empty() {
            // Those that were ready before have to be so now: they are ready together, or not at all.
            let rest: Vec<ObjectRef> = self.objects.iter().filter(|o| !looked_at.contains(o)).cloned().collect();
            let seen = health(tenant, &rest, concurrency).await;
            self.pending.extend(seen.into_iter().filter(|health| !health.is_current()));
        }
        self.looks += 1;
    }

    /// What is pending is watched as the tenant; what need not be watched any more is not.
    async fn watch(&mut self, tenant: &Session, wake: impl Fn() + Send + Sync + 'static) {
        let pending: Vec<ObjectRef> = self.pending.iter().map(|health| health.object.clone()).collect();
        if self.watching.as_ref().is_none_or(|(_, watched)| pending.iter().any(|o| !watched.contains(&o.id))) {
            let watched = pending.iter().map(|object| object.id.clone()).collect();
            self.watching = Some((Arc::new(tenant.watch(&pending, wake).await), watched));
        }
    }

    /// When the objects are looked at if nothing is told about them.
    fn next_look(&self) -> Duration {
        let covered = self
            .watching
            .as_ref()
            .and_then(|(watching, _)| self.pending.iter().map(|health| watching.coverage(&health.object.id)).max());
        let after = match covered {
            Some(Coverage::Live) => WATCHED_LOOK,
            Some(Coverage::Starting) => LAST_LOOK,
            Some(Coverage::Blind) | None => FIRST_LOOK.saturating_mul(1 << self.looks.min(10)).min(LAST_LOOK),
        };
        after.min(self.deadline.saturating_duration_since(Instant::now()).max(FIRST_LOOK))
    }

    /// What the object shows while it waits.
    pub fn failure(&self, timeout: Duration) -> Failure {
        let names: Vec<String> = self.pending.iter().map(ToString::to_string).take(5).collect();
        let more = if self.pending.len() > names.len() { ", ..." } else { "" };
        let message = format!(
            "Running health checks for revision {} with a timeout of {}s: [{}{more}]",
            self.run.revision,
            timeout.as_secs(),
            names.join(", ")
        );
        Failure::Waiting { reason: reasons::PROGRESSING, message, after: self.next_look(), ready: Ready::Unknown }
    }
}

/// One look. `None` when all is ready; an error when something failed or the time is over. `wake` is called when there
/// is something new to see.
pub(crate) async fn check(
    cx: &mut Cx<Kustomization>,
    plan: &Plan,
    tenant: &Session,
    mut awaited: Awaited,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<Option<Awaited>, Failure> {
    if !plan.wait && plan.health_checks.is_empty() {
        cx.remove_condition(reasons::HEALTHY);
        return Ok(None);
    }
    let was_healthy = cx.status().is_some_and(|status| conditions::is_true(&status.conditions, reasons::HEALTHY));
    awaited.look(tenant, plan.concurrency).await;
    if awaited.pending.is_empty() {
        let took = awaited.began.elapsed().as_secs_f64();
        let message = format!("Health check passed in {took:.3}s");
        cx.condition(reasons::HEALTHY, "True", reasons::SUCCEEDED, &message);
        if !was_healthy || awaited.changed {
            cx.event(Severity::Info, reasons::SUCCEEDED, &message, &Default::default());
        }
        return Ok(None);
    }
    let listed = |entries: &[&Health]| entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let pending = &awaited.pending;
    let failed: Vec<&Health> = pending.iter().filter(|h| h.is_failed()).collect();
    let problem = if !failed.is_empty() {
        Some(format!("failed early due to stalled resources: [{}]", listed(&failed)))
    } else if Instant::now() >= awaited.deadline {
        Some(format!("timeout waiting for: [{}]", listed(&pending.iter().collect::<Vec<_>>())))
    } else {
        None
    };
    if let Some(problem) = problem {
        let message = format!("health check failed after {:.3}s: {problem}", awaited.began.elapsed().as_secs_f64());
        cx.condition(reasons::HEALTHY, "False", reasons::HEALTH_CHECK_FAILED, &message);
        return Err(Failure::transient(reasons::HEALTH_CHECK_FAILED, message));
    }
    awaited.watch(tenant, wake).await;
    if awaited.looks == 1 {
        let message = format!("Running health checks for revision {}", awaited.run.revision);
        cx.condition(reasons::HEALTHY, "Unknown", reasons::PROGRESSING, &message);
    }
    Ok(Some(awaited))
}
