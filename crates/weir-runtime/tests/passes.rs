//! What `drive` promises, on the embedded API server: what others do during a pass is not lost, a
//! panic stops nothing else, a status is written at most twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_api::GitRepository;
use weir_doc::{from_value, to_value};
use weir_kube::{ApplyOptions, Propagation, Session};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::{Controller, Cx, Done, Failure, Metadata, Reconciler, Runtime, run};
use weir_sandbox::{Options, Sandbox};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the reconciler does in its n-th pass over an object.
type Script = fn(usize, ObjectRef, Session) -> BoxFuture<'static, Result<(), Failure>>;

struct Scripted {
    script: Script,
    passes: AtomicUsize,
    log: UnboundedSender<String>,
    checkpoint: bool,
}

impl Reconciler for Scripted {
    type Object = GitRepository;
    const CONTROLLER: &'static str = "test-controller";
    const STATUS_MANAGER: &'static str = "test-controller";
    const CONDITIONS: &'static [&'static str] = &["Ready", "Reconciling", "Stalled"];

    async fn reconcile(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Result<Done, Failure> {
        let pass = self.passes.fetch_add(1, Ordering::SeqCst);
        if self.checkpoint {
            cx.progress("Progressing", "working");
            let _written = cx.checkpoint().await?;
        }
        self.log.send(format!("pass over {}", object.spec.url)).unwrap();
        (self.script)(pass, cx.object_ref(), cx.session().clone()).await?;
        Ok(Done { reason: "Succeeded", message: "done".to_owned(), event: None, metadata: Metadata::new() })
    }

    async fn finalize(&self, object: &GitRepository, _cx: &mut Cx<GitRepository>) -> Result<(), Failure> {
        self.log.send(format!("finalized {}", object.spec.url)).unwrap();
        Ok(())
    }
}

/// An API server, a controller on it, and the session of somebody else.
struct Bench {
    session: Session,
    /// Counts the controller's own requests.
    controllers: Session,
    log: UnboundedReceiver<String>,
    _sandbox: Arc<Sandbox>,
}

impl Bench {
    async fn start(script: Script, checkpoint: bool) -> Self {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).unwrap();
        let session = || Session::new(kube::Client::new(sandbox.service(), "default"));
        let (own, others) = (session(), session());
        let definition = weir_api::crds().into_iter().find(|crd| crd.spec.names.kind == "GitRepository").unwrap();
        apply(&others, &weir_api::crd::to_json(&definition)).await;
        others.forget_kinds().await;
        let (log, seen) = unbounded_channel();
        let reconciler = Arc::new(Scripted { script, passes: AtomicUsize::new(0), log, checkpoint });
        let controller = Controller { runtime: Runtime::new(own.clone(), "test"), concurrency: 2 };
        tokio::spawn(run(reconciler, controller, |_| Vec::new(), std::future::pending()));
        Self { session: others, controllers: own, log: seen, _sandbox: sandbox }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.log.recv()).await.expect("something happens").unwrap()
    }

    /// Looks until the object satisfies; `None` is an object that is gone.
    async fn until(&self, name: &str, is_it: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let began = Instant::now();
        loop {
            let live = self.session.get(&reference(name)).await.unwrap().map(|node| to_value(&node));
            if is_it(live.as_ref()) {
                return live;
            }
            assert!(began.elapsed() < PATIENCE, "{live:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn apply(session: &Session, object: &Value) {
    let options = ApplyOptions { manager: "test", force: true, dry_run: false };
    session.apply(&from_value(object), options).await.unwrap();
}

fn repository(name: &str) -> Value {
    json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default"}, "spec": {"url": format!("https://a/{name}"), "interval": "1h"}})
}

fn reference(name: &str) -> ObjectRef {
    let id = ObjectId {
        group: "source.toolkit.fluxcd.io".into(),
        kind: "GitRepository".into(),
        namespace: "default".into(),
        name: name.into(),
    };
    ObjectRef { id, version: "v1".into() }
}

fn is_ready(object: Option<&Value>) -> bool {
    let conditions = object.and_then(|o| o.pointer("/status/conditions")).and_then(Value::as_array);
    conditions.is_some_and(|list| list.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
}

async fn patch(session: &Session, object: &ObjectRef, subresource: &str, patch: Value) {
    session.merge_patch(object, subresource, "somebody", &from_value(&patch)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spec_that_changes_during_a_pass_gets_a_pass_of_its_own() {
    let script: Script = |pass, object, session| {
        Box::pin(async move {
            if pass == 0 {
                patch(&session, &object, "", json!({"spec": {"url": "https://changed"}})).await;
            }
            Ok(())
        })
    };
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    assert_eq!(bench.next().await, "pass over https://changed");
    let live = bench.until("x", |o| o.is_some_and(|o| o["status"]["observedGeneration"] == 2)).await.unwrap();
    assert!(is_ready(Some(&live)), "{live:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_during_a_pass_is_seen() {
    let script: Script = |pass, object, session| {
        Box::pin(async move {
            if pass == 0 {
                session.delete(&object, Propagation::Background, None).await.unwrap();
            }
            Ok(())
        })
    };
    let mut bench = Bench::start(script, true).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    assert_eq!(bench.next().await, "finalized https://a/x");
    bench.until("x", |object| object.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_failure_of_its_object_and_is_retried() {
    let script: Script = |pass, object, _| {
        Box::pin(async move {
            assert!(pass != 0 || object.id.name != "bad", "on purpose");
            Ok(())
        })
    };
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("bad")).await;
    assert_eq!(bench.next().await, "pass over https://a/bad");
    let failed = |o: Option<&Value>| o.is_some_and(|o| o["status"]["conditions"].to_string().contains("panicked"));
    bench.until("bad", failed).await;
    apply(&bench.session, &repository("good")).await;
    bench.until("good", is_ready).await;
    bench.until("bad", is_ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_of_others_survive_and_the_work_is_not_run_again() {
    let script: Script = |_, object, session| {
        Box::pin(async move {
            let foreign = json!([{"type": "Theirs", "status": "True", "reason": "R", "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
            patch(&session, &object, "status", json!({"status": {"conditions": foreign}})).await;
            Ok(())
        })
    };
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let live = bench.until("x", is_ready).await.unwrap();
    assert!(live["status"]["conditions"].to_string().contains("Theirs"), "{live:#}");
    assert!(bench.log.try_recv().is_err(), "one pass was enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_writes_the_finalizer_once_and_the_status_twice() {
    let mut bench = Bench::start(|_, _, _| Box::pin(async { Ok(()) }), true).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let live = bench.until("x", is_ready).await.unwrap();
    assert_eq!(live["metadata"]["finalizers"], json!(["finalizers.fluxcd.io"]));
    assert_eq!(bench.controllers.counters().patch.load(Ordering::Relaxed), 3);
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    patch(&bench.session, &reference("x"), "", asked).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.until("x", |o| o.is_some_and(|o| o["status"]["lastHandledReconcileAt"] == "now")).await;
    assert_eq!(bench.controllers.counters().patch.load(Ordering::Relaxed), 5);
}
