//! Leases, on the embedded API server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

use http::Request;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use kube::client::Body;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tower::{BoxError, ServiceExt};
use weir_kube::Fence;
use weir_runtime::{Candidate, Election, ElectionError, LeaseTiming};
use weir_sandbox::{Options, Sandbox};

const PATIENCE: Duration = Duration::from_secs(20);

const TIMING: LeaseTiming = LeaseTiming {
    lease: Duration::from_secs(2),
    renew: Duration::from_millis(1500),
    retry: Duration::from_millis(100),
};

struct Bench {
    client: kube::Client,
    away: Arc<AtomicBool>,
    fence: Fence,
    _sandbox: Arc<Sandbox>,
}

impl Bench {
    fn start() -> Self {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).unwrap();
        let away = Arc::new(AtomicBool::new(false));
        let (inner, is_away) = (sandbox.service(), away.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, is_away) = (inner.clone(), is_away.clone());
            async move {
                if is_away.load(Ordering::SeqCst) {
                    return Err::<http::Response<_>, BoxError>("connection refused".into());
                }
                inner.oneshot(request).await.map_err(Into::into)
            }
        });
        Self { client: kube::Client::new(service, "default"), away, fence: Fence::default(), _sandbox: sandbox }
    }

    fn candidate(&self, identity: &str, fence: &Fence) -> Candidate {
        let election = Election {
            namespace: "default".to_owned(),
            name: "lease".to_owned(),
            identity: identity.to_owned(),
            timing: TIMING,
        };
        election.candidate(self.client.clone(), Arc::default(), fence.clone())
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), "default")
    }

    async fn holder(&self) -> (String, i32) {
        let spec = self.leases().get("lease").await.unwrap().spec.unwrap();
        (spec.holder_identity.unwrap_or_default(), spec.lease_transitions.unwrap_or(0))
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_kept_is_nobody_elses() {
    let bench = Bench::start();
    let mut held = soon(bench.candidate("one", &bench.fence).win()).await;
    let other = bench.candidate("other", &Fence::default());
    let longer = TIMING.lease * 2;
    tokio::select! {
        error = held.keep() => panic!("{error}"),
        _ = other.win() => panic!("two hold it"),
        () = tokio::time::sleep(longer) => {}
    }
    assert_eq!(bench.holder().await, ("one".to_owned(), 0));
    assert!(bench.fence.is_open());

    // What is given away is taken at once, also when the last renewal was cut off.
    held.release().await;
    assert_eq!(bench.holder().await.0, "");
    assert!(bench.fence.is_open(), "who gave it away may still tell what it did");
    let began = Instant::now();
    let _held = soon(bench.candidate("other", &Fence::default()).win()).await;
    assert!(began.elapsed() < TIMING.lease, "taken after {:?}", began.elapsed());
    assert_eq!(bench.holder().await, ("other".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_not_kept_is_lost_before_another_has_it() {
    let bench = Bench::start();
    let began = Instant::now();
    let dead = soon(bench.candidate("dead", &bench.fence).win()).await;
    let fence = Fence::default();
    let _held = soon(bench.candidate("next", &fence).win()).await;
    assert!(began.elapsed() >= TIMING.lease, "taken after {:?}", began.elapsed());
    assert!(!bench.fence.is_open() && fence.is_open(), "only the new holder writes");
    drop(dead);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_renew_ends_in_time() {
    let bench = Bench::start();
    let began = Instant::now();
    let mut held = soon(bench.candidate("one", &bench.fence).win()).await;
    bench.away.store(true, Ordering::SeqCst);
    let error = soon(held.keep()).await;
    assert!(matches!(error, ElectionError::Expired { .. }), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");
    assert!(began.elapsed() >= TIMING.renew && !bench.fence.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_pushed_aside_ends_and_a_touched_lease_is_kept() {
    let bench = Bench::start();
    let mut held = soon(bench.candidate("one", &bench.fence).win()).await;
    let patch = async |patch: serde_json::Value| {
        bench.leases().patch("lease", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    };
    patch(json!({"metadata": {"labels": {"a": "b"}}})).await;
    tokio::select! {
        error = held.keep() => panic!("{error}"),
        () = tokio::time::sleep(TIMING.lease) => {}
    }
    patch(json!({"spec": {"holderIdentity": "somebody"}})).await;
    let error = soon(held.keep()).await;
    assert!(matches!(&error, ElectionError::Taken { holder, .. } if holder == "somebody"), "{error}");
    assert!(!bench.fence.is_open());
}
