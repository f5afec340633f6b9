//! The frame around a reconcile: what is recorded of a request, how failures are retried, what
//! suspension, deletion, the time limit and the end of the process do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

mod bench;

use bench::{Bench, PATIENCE, Script, apply, condition, idle, is_ready, patch, reference, repository};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use weir_doc::to_value;
use weir_kube::Propagation;
use weir_runtime::{Failure, Ready, RetryDelay, Sink};
use weir_testkit::EventReceiver;

fn handled(object: Option<&Value>, token: &str) -> bool {
    object.is_some_and(|o| o["status"]["lastHandledReconcileAt"] == token)
}

/// Fails in its first passes, and succeeds then.
fn fails(times: usize, failure: Failure) -> Script {
    Arc::new(move |pass, _, _| {
        let failure = failure.clone();
        Box::pin(async move { if pass < times { Err(failure) } else { Ok(()) } })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stalled_answers_requests_and_is_not_retried() {
    let mut bench = Bench::start(fails(2, Failure::stalled("URLInvalid", "the URL is wrong")), false).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let is_stalled = |o: Option<&Value>| condition(o, "Stalled").is_some_and(|c| c["status"] == "True");
    let live = bench.until("x", is_stalled).await;
    let live = live.as_ref();
    assert_eq!(condition(live, "Stalled").unwrap()["reason"], "URLInvalid");
    assert_eq!(condition(live, "Ready").unwrap()["status"], "False");
    assert_eq!(condition(live, "Reconciling"), None);
    assert_eq!(live.unwrap()["status"]["observedGeneration"], 1, "nothing is left to be done with it");
    bench.request("x", "one").await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.until("x", |o| handled(o, "one")).await;
    assert!(bench.log.try_recv().is_err(), "no pass but those that were asked for");
    bench.request("x", "two").await;
    let live = bench.until("x", |o| is_ready(o) && handled(o, "two")).await;
    assert_eq!(condition(live.as_ref(), "Stalled"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_retried_with_growing_delays_until_it_succeeds() {
    let (min, max) = (Duration::from_millis(50), Duration::from_secs(60));
    let fails = fails(5, Failure::transient("GitOperationFailed", "no route to host"));
    // When the passes begin, since one may be seen late and the next one not.
    let begun: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = begun.clone();
    let script: Script = Arc::new(move |pass, object, session| {
        noted.lock().unwrap().push(Instant::now());
        fails(pass, object, session)
    });
    let mut bench = Bench::with(script, false, |runtime| runtime.retry = RetryDelay { min, max }).await;
    apply(&bench.session, &repository("x")).await;
    for n in 0..6 {
        assert_eq!(bench.next().await, "pass over https://a/x");
        if n == 0 {
            let live = bench.until("x", |o| condition(o, "Ready").is_some_and(|c| c["status"] == "False")).await;
            let reconciling = condition(live.as_ref(), "Reconciling").unwrap();
            assert_eq!(
                (&reconciling["status"], &reconciling["reason"]),
                (&"True".into(), &"ProgressingWithRetry".into())
            );
            assert_eq!(live.unwrap()["status"]["observedGeneration"], -1, "the generation is not done with");
        }
    }
    let live = bench.until("x", is_ready).await;
    let begun = begun.lock().unwrap().clone();
    assert_eq!(begun.len(), 6);
    for n in 1..6 {
        let (least, after) = (min * (1 << (n - 1)), begun[n] - begun[n - 1]);
        assert!(after >= least, "retry {n} came after {after:?}");
    }
    assert_eq!(condition(live.as_ref(), "Reconciling"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_success_the_delays_begin_anew() {
    let (min, max) = (Duration::from_millis(20), Duration::from_secs(60));
    let script: Script = Arc::new(|pass, _, _| {
        let ok = pass == 8 || pass == 10;
        Box::pin(async move { if ok { Ok(()) } else { Err(Failure::transient("GitOperationFailed", "no route")) } })
    });
    let mut bench = Bench::with(script, false, |runtime| runtime.retry = RetryDelay { min, max }).await;
    apply(&bench.session, &repository("x")).await;
    for _ in 0..9 {
        bench.next().await;
    }
    bench.until("x", is_ready).await;
    bench.request("x", "one").await;
    bench.next().await;
    let failed = Instant::now();
    bench.next().await;
    // It would be after five seconds.
    assert!(failed.elapsed() < Duration::from_secs(4), "retried after {:?}", failed.elapsed());
    bench.until("x", |o| is_ready(o) && handled(o, "one")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered_by_who_waits_for_others_but_not_by_who_is_under_way() {
    let waiting = |ready| Failure::Waiting {
        reason: "DependencyNotReady",
        message: "dependency 'default/y' is not ready".to_owned(),
        after: Duration::from_secs(3600),
        ready,
    };
    for (ready, status) in [(Ready::False, "False"), (Ready::Unknown, "Unknown")] {
        let mut bench = Bench::start(fails(1, waiting(ready)), false).await;
        let mut object = repository("x");
        object["metadata"]["annotations"] = json!({"reconcile.fluxcd.io/requestedAt": "one"});
        apply(&bench.session, &object).await;
        assert_eq!(bench.next().await, "pass over https://a/x");
        let live = bench.until("x", |o| condition(o, "Ready").is_some_and(|c| c["status"] == status)).await;
        assert_eq!(handled(live.as_ref(), "one"), ready == Ready::False, "{live:#?}");
        assert_eq!(condition(live.as_ref(), "Reconciling").unwrap()["status"], "True");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_objects_event_annotations_are_told() {
    let receiver = EventReceiver::start();
    let mut bench = Bench::with(idle(), false, |runtime| {
        let sink = Sink::start(&receiver.url, runtime.metrics.clone(), runtime.outbox.clone());
        runtime.sink = Some(sink.unwrap());
    })
    .await;
    let mut object = repository("told");
    object["metadata"]["annotations"] = json!({"event.toolkit.fluxcd.io/env": "prod", "example.com/other": "x"});
    apply(&bench.session, &object).await;
    assert_eq!(bench.next().await, "pass over https://a/told");
    let expect = json!({"event.toolkit.fluxcd.io/env": "prod", "source.toolkit.fluxcd.io/revision": "main"});
    let began = Instant::now();
    let event = loop {
        if let Some(event) = receiver.events().first() {
            break event.clone();
        }
        assert!(began.elapsed() < PATIENCE, "no event is posted");
        tokio::task::yield_now().await;
    };
    assert_eq!((&event["reason"], &event["severity"]), (&"Told".into(), &"info".into()));
    assert_eq!(event["involvedObject"]["name"], "told");
    assert_eq!(event["metadata"], expect);
    let mut kind = reference("");
    (kind.id.group, kind.id.kind) = (String::new(), "Event".to_owned());
    let resource = bench.session.resource(&kind).await.unwrap();
    let found = loop {
        let list = bench.session.list(&resource, "default", "").await.unwrap();
        if let Some(found) = list.first() {
            break to_value(found);
        }
        assert!(began.elapsed() < PATIENCE, "no Event is written");
    };
    assert_eq!(found["metadata"]["annotations"], expect);
    assert_eq!((&found["reason"], &found["type"]), (&"Told".into(), &"Normal".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_without_end_is_a_failure_of_its_object() {
    let script: Script = Arc::new(|pass, object, _| {
        Box::pin(async move {
            if pass == 0 && object.id.name == "x" {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    });
    let mut bench = Bench::with(script, false, |runtime| runtime.pass_limit = Duration::from_millis(300)).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    let live = bench.until("x", |o| condition(o, "Ready").is_some_and(|c| c["status"] == "False")).await;
    let ready = condition(live.as_ref(), "Ready").unwrap();
    assert_eq!(ready["message"], "the reconcile took longer than 300ms");
    bench.until("x", is_ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_suspended_is_left_alone_and_can_be_deleted() {
    let mut bench = Bench::start(idle(), false).await;
    let mut object = repository("x");
    object["spec"]["suspend"] = true.into();
    apply(&bench.session, &object).await;
    let has_finalizer =
        |o: Option<&Value>| o.is_some_and(|o| o["metadata"]["finalizers"] == json!(["finalizers.fluxcd.io"]));
    bench.until("x", has_finalizer).await;
    bench.request("x", "one").await;
    // The other object's pass comes after what the request brought about.
    apply(&bench.session, &repository("y")).await;
    assert_eq!(bench.next().await, "pass over https://a/y");
    let live = bench.until("y", is_ready).await;
    assert!(live.is_some());
    let live = bench.until("x", |o| o.is_some()).await;
    assert_eq!(
        (condition(live.as_ref(), "Ready"), handled(live.as_ref(), "one")),
        (None, false),
        "its status is untouched"
    );
    bench.session.delete(&reference("x"), Propagation::Background, None).await.unwrap();
    assert_eq!(bench.next().await, "finalized https://a/x");
    bench.until("x", |o| o.is_none()).await;
    // And what goes on again is worked on.
    object["metadata"]["name"] = "z".into();
    apply(&bench.session, &object).await;
    bench.until("z", has_finalizer).await;
    patch(&bench.session, &reference("z"), "", json!({"spec": {"suspend": false}})).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.until("z", is_ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finalizers_of_others_are_theirs() {
    let mut bench = Bench::start(idle(), false).await;
    let mut object = repository("x");
    object["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    apply(&bench.session, &object).await;
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.until("x", is_ready).await;
    bench.session.delete(&reference("x"), Propagation::Background, None).await.unwrap();
    assert_eq!(bench.next().await, "finalized https://a/x");
    let theirs = |o: Option<&Value>| o.is_some_and(|o| o["metadata"]["finalizers"] == json!(["example.com/theirs"]));
    bench.until("x", theirs).await;
    assert!(bench.log.try_recv().is_err(), "it is finalized once");
    patch(&bench.session, &reference("x"), "", json!({"metadata": {"finalizers": null}})).await;
    bench.until("x", |o| o.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_passes_under_way_and_begins_no_other() {
    let release = Arc::new(Notify::new());
    let gate = release.clone();
    let script: Script = Arc::new(move |_, object, _| {
        let gate = gate.clone();
        Box::pin(async move {
            if object.id.name == "x" {
                gate.notified().await;
            }
            Ok(())
        })
    });
    let mut bench = Bench::start(script, false).await;
    apply(&bench.session, &repository("y")).await;
    bench.until("y", is_ready).await;
    apply(&bench.session, &repository("x")).await;
    assert_eq!(bench.next().await, "pass over https://a/y");
    assert_eq!(bench.next().await, "pass over https://a/x");
    bench.stop();
    bench.request("y", "too late").await;
    assert!(bench.goes_on().await, "a pass is under way");
    release.notify_one();
    let session = bench.session.clone();
    let log = bench.ended().await;
    assert_eq!(log, Vec::<String>::new(), "no pass was begun");
    let live = |name: &str| {
        let (session, name) = (session.clone(), name.to_owned());
        async move { session.get(&reference(&name)).await.unwrap().map(|node| to_value(&node)) }
    };
    assert!(is_ready(live("x").await.as_ref()), "its status was written");
    assert!(!handled(live("y").await.as_ref(), "too late"));
}
