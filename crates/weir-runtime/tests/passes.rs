//! What `drive` promises, on the embedded API server: what others do during a pass is not lost, a
//! panic stops nothing else, a status is written at most twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

mod bench;

use bench::{Bench, Script, apply, idle, is_ready, patch, repository};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use weir_kube::Propagation;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spec_that_changes_during_a_pass_gets_a_pass_of_its_own() {
    let script: Script = Arc::new(|pass, object, session| {
        Box::pin(async move {
            if pass == 0 {
                patch(&session, &object, "", json!({"spec": {"url": "https://changed"}})).await;
            }
            Ok(())
        })
    });
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    assert_eq!(bench.next().await, "pass over https://changed");
    let live = bench.until("x", |o| o.is_some_and(|o| o["status"]["observedGeneration"] == 2)).await.unwrap();
    assert!(is_ready(Some(&live)), "{live:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_during_a_pass_is_seen() {
    let script: Script = Arc::new(|pass, object, session| {
        Box::pin(async move {
            if pass == 0 {
                session.delete(&object, Propagation::Background, None).await.unwrap();
            }
            Ok(())
        })
    });
    let mut bench = Bench::start(script, true).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    assert_eq!(bench.next().await, "finalized https://a/x");
    bench.until("x", |object| object.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_failure_of_its_object_and_is_retried() {
    let script: Script = Arc::new(|pass, object, _| {
        Box::pin(async move {
            assert!(pass != 0 || object.id.name != "bad", "on purpose");
            Ok(())
        })
    });
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
    let script: Script = Arc::new(|_, object, session| {
        Box::pin(async move {
            let foreign = json!([{"type": "Theirs", "status": "True", "reason": "R", "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
            patch(&session, &object, "status", json!({"status": {"conditions": foreign}})).await;
            Ok(())
        })
    });
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let live = bench.until("x", is_ready).await.unwrap();
    assert!(live["status"]["conditions"].to_string().contains("Theirs"), "{live:#}");
    assert!(bench.log.try_recv().is_err(), "one pass was enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_writes_the_finalizer_once_and_the_status_twice() {
    let mut bench = Bench::start(idle(), true).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let live = bench.until("x", is_ready).await.unwrap();
    assert_eq!(live["metadata"]["finalizers"], json!(["finalizers.fluxcd.io"]));
    assert_eq!(bench.controllers.counters().patch.load(Ordering::Relaxed), 3);
    bench.request("x", "now").await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.until("x", |o| o.is_some_and(|o| o["status"]["lastHandledReconcileAt"] == "now")).await;
    assert_eq!(bench.controllers.counters().patch.load(Ordering::Relaxed), 5);
}
