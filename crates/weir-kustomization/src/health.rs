//! Waiting for health without holding a worker: each look is a pass of its own.

use crate::apply::Applied;
use crate::gather::Source;
use crate::plan::Plan;
use std::time::{Duration, Instant};
use weir_api::{Kustomization, reasons};
use weir_apply::{Health, health};
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_runtime::{Cx, Failure, Ready, Severity, conditions};

/// The first look comes soon, the later ones at most this far apart; Flux looks every 5 s.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What a run was about: another generation, revision, request or configuration begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    generation: Option<i64>,
    revision: String,
    requested_at: Option<String>,
    /// How often what it names had changed.
    stirred: u64,
}

impl Run {
    pub fn of(object: &Kustomization, cx: &Cx<Kustomization>, source: &Source, stirred: u64) -> Self {
        Self {
            generation: object.metadata.generation,
            revision: source.revision.clone(),
            requested_at: cx.requested_at().map(str::to_owned),
            stirred,
        }
    }
}

/// Objects that were applied and are not known to be ready.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    pub run: Run,
    pub digest: String,
    pub began: Instant,
    objects: Vec<ObjectRef>,
    deadline: Instant,
    looks: u32,
    changed: bool,
    /// What the objects said at the last look.
    pending: Vec<String>,
}

impl Awaited {
    pub fn begin(run: Run, plan: &Plan, applied: Applied, digest: String, began: Instant) -> Self {
        let objects = if plan.wait { applied.objects } else { plan.health_checks.clone() };
        let deadline = Instant::now() + plan.timeout;
        Self { run, digest, began, objects, deadline, looks: 0, changed: applied.changed, pending: Vec::new() }
    }

    /// What the object shows while it waits.
    pub fn failure(&self, timeout: Duration) -> Failure {
        let after = FIRST_LOOK.saturating_mul(1 << self.looks.min(10)).min(LAST_LOOK);
        let names: Vec<&str> = self.pending.iter().map(String::as_str).take(5).collect();
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
    mut awaited: Awaited,
) -> Result<Option<Awaited>, Failure> {
    if !plan.wait && plan.health_checks.is_empty() {
        cx.remove_condition(reasons::HEALTHY);
        return Ok(None);
    }
    let was_healthy = cx.status().is_some_and(|status| conditions::is_true(&status.conditions, reasons::HEALTHY));
    let verdicts = health(tenant, &awaited.objects, plan.concurrency).await;
    let pending: Vec<Health> = verdicts.into_iter().filter(|h| !h.is_current()).collect();
    if pending.is_empty() {
        let took = awaited.began.elapsed().as_secs_f64();
        let message = format!("Health check passed in {took:.3}s");
        cx.condition(reasons::HEALTHY, "True", reasons::SUCCEEDED, &message);
        if !was_healthy || awaited.changed {
            cx.event(Severity::Info, reasons::SUCCEEDED, &message, &Default::default());
        }
        return Ok(None);
    }
    let listed = |entries: &[&Health]| entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
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
    awaited.pending = pending.iter().map(ToString::to_string).collect();
    awaited.looks += 1;
    if awaited.looks == 1 {
        let message = format!("Running health checks for revision {}", awaited.run.revision);
        cx.condition(reasons::HEALTHY, "Unknown", reasons::PROGRESSING, &message);
    }
    Ok(Some(awaited))
}
