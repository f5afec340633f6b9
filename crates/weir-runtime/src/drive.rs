use crate::backoff::Backoff;
use crate::cx::{Cx, object_ref};
use crate::metrics::{Metrics, Queue};
use crate::{Done, Failure, Metadata, Ready, Reconciler, Recorder, Retry, Runtime, Severity, conditions};
use futures::FutureExt;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weir_api::{FluxObject, FluxStatus, names};
use weir_base::{Budget, panic_text};
use weir_doc::from_value;
use weir_kube::{KubeError, Session};

/// What the passes of one kind share.
pub(crate) struct Shared<O> {
    pub session: Session,
    pub recorder: Recorder,
    pub backoff: Backoff,
    pub jitter_percent: u8,
    pub pass_limit: Duration,
    pub metrics: Arc<Metrics>,
    pub queue: Queue,
    /// The objects as we wrote them last, for as long as the watch has not caught up: a reconcile
    /// must never start from an inventory that is older than its own.
    pub latest: Mutex<HashMap<String, O>>,
}

impl<O: FluxObject> Shared<O> {
    /// The newer of what the watch delivered and what we wrote ourselves.
    pub fn freshest(&self, seen: &O) -> O {
        match self.latest().get(&object_ref(seen).to_string()) {
            Some(ours) if ours.uid() == seen.uid() && version(ours) > version(seen) => ours.clone(),
            _ => seen.clone(),
        }
    }

    /// The watch has delivered this.
    pub fn caught_up(&self, seen: &O) {
        let (key, mut latest) = (object_ref(seen).to_string(), self.latest());
        if latest.get(&key).is_some_and(|ours| ours.uid() != seen.uid() || version(ours) <= version(seen)) {
            latest.remove(&key);
        }
    }

    fn remember(&self, key: &str, ours: O) {
        let is_gone = ours.meta().deletion_timestamp.is_some() && ours.finalizers().is_empty();
        match is_gone {
            true => self.latest().remove(key),
            false => self.latest().insert(key.to_owned(), ours),
        };
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<String, O>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// After what time the object is due again.
    pub after: Option<Duration>,
    pub failed: bool,
    /// The object is no more.
    pub gone: bool,
}

impl Next {
    fn after(after: Option<Duration>) -> Self {
        Self { after, failed: false, gone: false }
    }

    fn error(after: Duration) -> Self {
        Self { after: Some(after), failed: true, gone: false }
    }

    /// Nothing can be done until the object changes.
    pub fn unreadable() -> Self {
        Self { after: None, failed: true, gone: false }
    }

    fn gone() -> Self {
        Self { after: None, failed: false, gone: true }
    }
}

/// One pass over one object.
pub(crate) async fn drive<R: Reconciler>(reconciler: &R, shared: &Shared<R::Object>, object: R::Object) -> Next {
    let key = object_ref(&object).to_string();
    let requested_at = object.annotations().get(names::REQUESTED_AT).cloned();
    let mut cx = Cx {
        session: shared.session.clone(),
        recorder: shared.recorder.clone(),
        metrics: shared.metrics.clone(),
        written: serde_json::to_value(object.status()).unwrap_or(Value::Null),
        resource_version: object.resource_version().unwrap_or_default(),
        manager: R::STATUS_MANAGER,
        owned: R::CONDITIONS,
        budget: Budget::standard(),
        started: Instant::now(),
        requested_at,
        latest: None,
        object,
    };
    let next = pass(reconciler, shared, &key, &mut cx).await;
    if let Some(latest) = cx.latest {
        shared.remember(&key, latest);
    }
    next
}

async fn pass<R: Reconciler>(reconciler: &R, shared: &Shared<R::Object>, key: &str, cx: &mut Cx<R::Object>) -> Next {
    if cx.object.meta().deletion_timestamp.is_some() {
        return delete(reconciler, shared, key, cx).await;
    }
    if !has_finalizer(&cx.object)
        && let Err(error) = set_finalizer(cx, true).await
    {
        tracing::warn!(error = %error, "the finalizer was not added");
        return Next::error(shared.backoff.next(key));
    }
    if cx.object.suspended() {
        return Next::after(None);
    }
    let object = cx.object.clone();
    let outcome = bounded(shared, cx.budget.clone(), reconciler.reconcile(&object, cx)).await;
    if let Err(Failure::Again { after }) = outcome {
        return Next::after(Some(after));
    }
    let next = settle(reconciler, shared, key, cx, outcome);
    match cx.write().await {
        Ok(()) => next,
        Err(failure) => {
            tracing::warn!(failure = ?failure, "the status was not written");
            Next::error(shared.backoff.next(key))
        }
    }
}

/// Runs a reconciler's work: a panic or an endless pass is its failure, nobody else's.
async fn bounded<T, O>(
    shared: &Shared<O>,
    budget: Budget,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let guarded = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(shared.pass_limit, guarded).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            shared.queue.panicked();
            tracing::error!(error = panic_text(&*panic), "the reconcile panicked");
            Err(Failure::transient("ReconciliationFailed", "the reconcile panicked; this is a mistake in weir"))
        }
        Err(_) => {
            // Dropping the future does not stop an engine on its own thread; the flag does.
            budget.cancel();
            let message = format!("the reconcile took longer than {:?}", shared.pass_limit);
            Err(Failure::transient("ReconciliationFailed", message))
        }
    }
}

/// Turns an outcome into conditions, an event and the time of the next pass.
fn settle<R: Reconciler>(
    reconciler: &R,
    shared: &Shared<R::Object>,
    key: &str,
    cx: &mut Cx<R::Object>,
    outcome: Result<Done, Failure>,
) -> Next {
    // One that waits for something else to begin with has answered, as in Flux; one that is under way has not.
    let under_way = matches!(outcome, Err(Failure::Waiting { ready: Ready::Unknown, .. } | Failure::Again { .. }));
    if let (Some(token), false) = (cx.requested_at.clone(), under_way) {
        cx.status_mut().set_last_handled_reconcile_at(token);
    }
    let generation = cx.object.meta().generation.unwrap_or_default();
    match outcome {
        Ok(done) => {
            shared.backoff.reset(key);
            cx.remove_condition(conditions::RECONCILING);
            cx.remove_condition(conditions::STALLED);
            cx.condition(conditions::READY, "True", done.reason, &done.message);
            cx.status_mut().set_observed_generation(generation);
            if let Some((reason, message)) = &done.event {
                let severity = if done.repeats { Severity::Repeat } else { Severity::Info };
                cx.event(severity, reason, message, &done.metadata);
            }
            match &done.event {
                Some((_, told)) => tracing::info!("{told}"),
                None => tracing::debug!("{}", done.message),
            }
            let interval = cx.object.interval();
            Next::after((!interval.is_zero()).then(|| jittered(interval, key, shared.jitter_percent)))
        }
        Err(Failure::Stalled { reason, message }) => {
            shared.backoff.reset(key);
            cx.remove_condition(conditions::RECONCILING);
            cx.condition(conditions::STALLED, "True", reason, &message);
            cx.condition(conditions::READY, "False", reason, &message);
            cx.status_mut().set_observed_generation(generation);
            cx.event(Severity::Error, reason, &message, &Metadata::new());
            tracing::error!(reason, error = message, "Reconciler error: stalled");
            // As Flux reports it: nothing that a retry could help.
            Next::after(None)
        }
        Err(Failure::Waiting { reason, message, after, ready }) => {
            let status = if ready == Ready::False { "False" } else { "Unknown" };
            let told = conditions::get(cx.status_mut().conditions(), conditions::READY)
                .is_some_and(|c| c.reason == reason && c.status == status);
            cx.remove_condition(conditions::STALLED);
            cx.condition(conditions::RECONCILING, "True", "Progressing", &message);
            cx.condition(conditions::READY, status, reason, &message);
            if ready == Ready::False && !told {
                cx.event(Severity::Info, reason, &message, &Metadata::new());
            }
            tracing::debug!(reason, "waiting: {message}");
            Next::after(Some(after))
        }
        Err(Failure::Again { after }) => Next::after(Some(after)),
        Err(Failure::Transient { reason, message, retry, metadata }) => {
            cx.remove_condition(conditions::STALLED);
            cx.condition(conditions::RECONCILING, "True", "ProgressingWithRetry", &message);
            cx.condition(conditions::READY, "False", reason, &message);
            if reconciler.observes_failed_generations() {
                cx.status_mut().set_observed_generation(generation);
            }
            cx.event(Severity::Error, reason, &message, &metadata);
            tracing::error!(reason, error = message, "Reconciler error");
            Next::error(match retry {
                Retry::Backoff => shared.backoff.next(key),
                Retry::After(after) => after,
            })
        }
    }
}

async fn delete<R: Reconciler>(reconciler: &R, shared: &Shared<R::Object>, key: &str, cx: &mut Cx<R::Object>) -> Next {
    if !has_finalizer(&cx.object) {
        return Next::gone();
    }
    let object = cx.object.clone();
    let outcome = bounded(shared, cx.budget.clone(), reconciler.finalize(&object, cx)).await;
    let failure = match outcome {
        Ok(()) => match set_finalizer(cx, false).await {
            Ok(()) => {
                shared.backoff.reset(key);
                return Next::gone();
            }
            Err(error) => Failure::transient("ReconciliationFailed", error.to_string()),
        },
        Err(failure) => failure,
    };
    let next = match failure {
        Failure::Again { after } => return Next::after(Some(after)),
        Failure::Waiting { reason, message, after, .. } => {
            cx.condition(conditions::RECONCILING, "True", "Progressing", &message);
            cx.condition(conditions::READY, "Unknown", reason, &message);
            Next::after(Some(after))
        }
        Failure::Stalled { reason, message } | Failure::Transient { reason, message, .. } => {
            cx.condition(conditions::READY, "False", reason, &message);
            cx.event(Severity::Error, reason, &message, &Metadata::new());
            tracing::error!(reason, error = message, "the deletion failed");
            Next::error(shared.backoff.next(key))
        }
    };
    // What is left to delete is in the status, and why it takes so long.
    if let Err(failure) = cx.write().await {
        tracing::warn!(failure = ?failure, "the status was not written");
    }
    next
}

fn has_finalizer<O: FluxObject>(object: &O) -> bool {
    object.finalizers().iter().any(|f| f == names::FINALIZER)
}

/// Adds or removes our finalizer, at the version that was read: others may change the list too.
async fn set_finalizer<O: FluxObject>(cx: &mut Cx<O>, present: bool) -> Result<(), KubeError> {
    let mut finalizers: Vec<String> = cx.object.finalizers().to_vec();
    finalizers.retain(|f| f != names::FINALIZER);
    if present {
        finalizers.push(names::FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {"resourceVersion": cx.resource_version, "finalizers": finalizers}});
    match cx.session.merge_patch(&cx.object_ref(), "", cx.manager, &from_value(&patch)).await {
        Ok(node) => {
            cx.object.meta_mut().finalizers = (!finalizers.is_empty()).then_some(finalizers);
            cx.answered(&node);
            Ok(())
        }
        // It went while we looked.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Resource versions are ordered numbers (KEP-5504).
fn version<O: FluxObject>(object: &O) -> u64 {
    object.resource_version().and_then(|v| v.parse().ok()).unwrap_or(0)
}

/// The interval, shifted by at most so many per cent either way, always the same way for one object.
fn jittered(interval: Duration, key: &str, percent: u8) -> Duration {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let share = (hash % 1001) as f64 / 1000.0;
    let most = f64::from(percent.min(100)) / 100.0;
    interval.mul_f64(1.0 - most + 2.0 * most * share)
}

pub(crate) fn shared<O: FluxObject>(runtime: &Runtime, recorder: Recorder, queue: Queue) -> Arc<Shared<O>> {
    Arc::new(Shared {
        session: runtime.session.clone(),
        recorder,
        backoff: Backoff::new(runtime.retry),
        jitter_percent: runtime.jitter_percent,
        pass_limit: runtime.pass_limit,
        metrics: runtime.metrics.clone(),
        queue,
        latest: Mutex::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_shifted_within_their_bounds_and_always_the_same_way() {
        let interval = Duration::from_secs(1000);
        let shifted: Vec<f64> =
            (0..1000).map(|n| jittered(interval, &format!("object-{n}"), 5).as_secs_f64()).collect();
        assert!(shifted.iter().all(|s| (950.0..=1050.0).contains(s)), "{shifted:?}");
        assert!(
            shifted.iter().any(|s| *s < 970.0) && shifted.iter().any(|s| *s > 1030.0),
            "they spread over all of it"
        );
        assert_eq!(jittered(interval, "x", 5), jittered(interval, "x", 5));
        assert_eq!(jittered(interval, "x", 0), interval);
        assert!(jittered(interval, "x", 100) <= 2 * interval);
    }
    use weir_api::GitRepository;
    use weir_doc::{Node, to_value};
    use weir_kube::ApplyOptions;
    use weir_sandbox::{Options, Sandbox};

    /// Changes the spec of its object in its first pass, as somebody else would.
    #[derive(Default)]
    struct Disturbed {
        urls: Mutex<Vec<String>>,
        /// The object as the watch shows it after that change: older than the status written later.
        between: Mutex<Option<Node>>,
    }

    impl Reconciler for Disturbed {
        type Object = GitRepository;
        const CONTROLLER: &'static str = "test-controller";
        const STATUS_MANAGER: &'static str = "test-controller";
        const CONDITIONS: &'static [&'static str] = &[conditions::READY];

        async fn reconcile(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Result<Done, Failure> {
            let first = self.urls.lock().expect("nobody panics").is_empty();
            self.urls.lock().expect("nobody panics").push(object.spec.url.clone());
            if first {
                let change = from_value(&json!({"spec": {"url": "https://changed"}}));
                let node = cx.session().merge_patch(&cx.object_ref(), "", "somebody", &change).await.expect("changes");
                *self.between.lock().expect("nobody panics") = Some(node);
            }
            Ok(Done {
                reason: "Succeeded",
                message: "done".to_owned(),
                event: None,
                repeats: false,
                metadata: Metadata::new(),
            })
        }

        async fn finalize(&self, _: &GitRepository, _: &mut Cx<GitRepository>) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn read(node: &Node) -> GitRepository {
        serde_json::from_value(to_value(node)).expect("a GitRepository")
    }

    #[tokio::test]
    async fn the_next_pass_begins_with_what_the_server_answered() {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).expect("opens");
        let session = Session::new(kube::Client::new(sandbox.service(), "default"));
        let options = ApplyOptions { manager: "test", force: true, dry_run: false };
        let definition = weir_api::crds().into_iter().find(|crd| crd.spec.names.kind == "GitRepository");
        let definition = from_value(&weir_api::crd::to_json(&definition.expect("is one of them")));
        session.apply(&definition, options).await.expect("applies");
        session.forget_kinds().await;
        let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "x", "namespace": "default"}, "spec": {"url": "https://first"}});
        let seen = session.apply(&from_value(&object), options).await.expect("applies");

        let runtime = Runtime::new(session, "test");
        let queue = Queue::new(runtime.metrics.clone(), "GitRepository", 1);
        let shared = shared(&runtime, Recorder::new(&runtime, "test-controller"), queue);
        let reconciler = Disturbed::default();
        drive(&reconciler, &shared, shared.freshest(&read(&seen))).await;
        let between = reconciler.between.lock().expect("nobody panics").take().expect("was noted");
        drive(&reconciler, &shared, shared.freshest(&read(&between))).await;
        assert_eq!(*reconciler.urls.lock().expect("nobody panics"), ["https://first", "https://changed"]);
    }
}
