//! An embedded API server, a controller on it whose reconciler does what a test says, and somebody else's session.
#![allow(dead_code, reason = "each test uses a part")]

use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use weir_api::GitRepository;
use weir_doc::{from_value, to_value};
use weir_kube::{ApplyOptions, Session};
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::{Controller, Cx, Done, Failure, Metadata, Reconciler, Runtime, run};
use weir_sandbox::{Options, Sandbox};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the reconciler does in its n-th pass over an object.
pub type Script = Arc<dyn Fn(usize, ObjectRef, Session) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// One that does nothing.
pub fn idle() -> Script {
    Arc::new(|_, _, _| Box::pin(async { Ok(()) }))
}

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
        // Whose name says so.
        let event = cx.object_ref().id.name.starts_with("told").then(|| ("Told", format!("did {}", object.spec.url)));
        let metadata = Metadata::from([("revision".to_owned(), "main".to_owned())]);
        Ok(Done { reason: "Succeeded", message: "done".to_owned(), event, repeats: false, metadata })
    }

    async fn finalize(&self, object: &GitRepository, _cx: &mut Cx<GitRepository>) -> Result<(), Failure> {
        self.log.send(format!("finalized {}", object.spec.url)).unwrap();
        Ok(())
    }
}

pub struct Bench {
    pub session: Session,
    /// Counts the controller's own requests.
    pub controllers: Session,
    pub log: UnboundedReceiver<String>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
    _sandbox: Arc<Sandbox>,
}

impl Bench {
    pub async fn start(script: Script, checkpoint: bool) -> Self {
        Self::with(script, checkpoint, |_| {}).await
    }

    /// The same with another setup of the runtime.
    pub async fn with(script: Script, checkpoint: bool, change: impl FnOnce(&mut Runtime)) -> Self {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).unwrap();
        let session = || Session::new(kube::Client::new(sandbox.service(), "default"));
        let (own, others) = (session(), session());
        let definition = weir_api::crds().into_iter().find(|crd| crd.spec.names.kind == "GitRepository").unwrap();
        apply(&others, &weir_api::crd::to_json(&definition)).await;
        others.forget_kinds().await;
        let (log, seen) = unbounded_channel();
        let reconciler = Arc::new(Scripted { script, passes: AtomicUsize::new(0), log, checkpoint });
        let mut runtime = Runtime::new(own.clone(), "test");
        change(&mut runtime);
        let controller = Controller { runtime, concurrency: 2 };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        // `run` wants a future that several may look at.
        let stopped = futures::FutureExt::shared(stopped);
        let running = tokio::spawn(run(reconciler, controller, |_| Vec::new(), stopped));
        Self { session: others, controllers: own, log: seen, stop: Some(stop), running, _sandbox: sandbox }
    }

    pub async fn next(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.log.recv()).await.expect("something happens").unwrap()
    }

    /// Asks the controller to end.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Whether it is still there after a while.
    pub async fn goes_on(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(500), &mut self.running).await.is_err()
    }

    /// What it did besides until its end.
    pub async fn ended(mut self) -> Vec<String> {
        tokio::time::timeout(PATIENCE, self.running).await.expect("it ends").unwrap();
        std::iter::from_fn(|| self.log.try_recv().ok()).collect()
    }

    /// Looks until the object satisfies; `None` is an object that is gone.
    pub async fn until(&self, name: &str, is_it: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
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

    /// Asks for a pass.
    pub async fn request(&self, name: &str, token: &str) {
        let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}});
        patch(&self.session, &reference(name), "", asked).await;
    }
}

pub async fn apply(session: &Session, object: &Value) {
    let options = ApplyOptions { manager: "test", force: true, dry_run: false };
    session.apply(&from_value(object), options).await.unwrap();
}

pub fn repository(name: &str) -> Value {
    json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default"}, "spec": {"url": format!("https://a/{name}"), "interval": "1h"}})
}

pub fn reference(name: &str) -> ObjectRef {
    let id = ObjectId {
        group: "source.toolkit.fluxcd.io".into(),
        kind: "GitRepository".into(),
        namespace: "default".into(),
        name: name.into(),
    };
    ObjectRef { id, version: "v1".into() }
}

/// A condition of an object.
pub fn condition<'o>(object: Option<&'o Value>, kind: &str) -> Option<&'o Value> {
    object?.pointer("/status/conditions")?.as_array()?.iter().find(|c| c["type"] == kind)
}

pub fn is_ready(object: Option<&Value>) -> bool {
    condition(object, "Ready").is_some_and(|c| c["status"] == "True")
}

pub async fn patch(session: &Session, object: &ObjectRef, subresource: &str, patch: Value) {
    session.merge_patch(object, subresource, "somebody", &from_value(&patch)).await.unwrap();
}
