//! What the watch hub promises, on the embedded API server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

mod bench;

use bench::{Bench, config_map, reference};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weir_kube::{Coverage, HubLimits, Identity, Session, Watching};
use weir_object::{ObjectId, ObjectRef};
use weir_testkit::{Proxy, eventually};

/// Objects that are watched, and how often that woke somebody.
struct Reader {
    watching: Watching,
    object: ObjectRef,
    wakes: Arc<AtomicUsize>,
}

impl Reader {
    async fn of(session: &Session, object: ObjectRef) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = wakes.clone();
        let wake = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        let watching = session.watch(std::slice::from_ref(&object), wake).await;
        Self { watching, object, wakes }
    }

    fn coverage(&self) -> Coverage {
        self.watching.coverage(&self.object.id)
    }

    /// Waits until it is watched, and forgets the first wake.
    fn live(&self) {
        self.becomes(Coverage::Live);
        assert_eq!(self.changed(), HashSet::from([self.object.id.clone()]), "who begins to watch looks once");
    }

    fn becomes(&self, coverage: Coverage) {
        eventually("the coverage", || {
            let now = self.coverage();
            if now == coverage { Ok(()) } else { Err(format!("{now:?}")) }
        });
    }

    /// What changed, as soon as something has.
    fn changed(&self) -> HashSet<ObjectId> {
        eventually("a change is told", || {
            let changed = self.watching.take_changed();
            if changed.is_empty() { Err("nothing") } else { Ok(changed) }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_collection_share_one_stream() {
    let bench = Bench::start(HubLimits::default()).await;
    for name in ["a", "b"] {
        bench.apply(&config_map("default", name, "1")).await;
    }
    let (a, b) = (
        Reader::of(&bench.session, reference("default", "a")).await,
        Reader::of(&bench.session, reference("default", "b")).await,
    );
    a.live();
    b.live();
    bench.apply(&config_map("default", "a", "2")).await;
    assert_eq!(a.changed(), HashSet::from([a.object.id.clone()]));
    assert_eq!((a.wakes.load(Ordering::SeqCst), b.wakes.load(Ordering::SeqCst)), (2, 1), "only who waits for it");
    bench.delete(&b.object).await;
    assert_eq!(b.changed(), HashSet::from([b.object.id.clone()]), "a deletion is a change");
    // Before it is there, too.
    let c = Reader::of(&bench.session, reference("default", "c")).await;
    c.live();
    bench.apply(&config_map("default", "c", "1")).await;
    assert_eq!(c.changed(), HashSet::from([c.object.id.clone()]));

    assert_eq!(bench.session.hub().streams(), 1);
    let asked = bench.asked();
    let streams: Vec<_> = asked.iter().filter(|asked| asked.uri.contains("/configmaps?")).collect();
    assert_eq!(streams.len(), 2, "one look at where the collection is, one watch: {asked:?}");
    assert!(streams.iter().all(|asked| asked.accept.contains("as=PartialObjectMetadata")), "{asked:?}");
    assert!(streams[0].uri.ends_with("?limit=1") && streams[1].uri.contains("?watch=true"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_identity_watches_with_its_own_rights() {
    let bench = Bench::start(HubLimits::default()).await;
    bench.apply(&config_map("default", "a", "1")).await;
    bench.account("may-watch", &["get", "list", "watch"]).await;
    bench.account("may-get", &["get"]).await;
    let tenant = |name: &str| bench.session.impersonate(Identity::service_account("default", name).unwrap());
    let own = Reader::of(&bench.session, reference("default", "a")).await;
    let may = Reader::of(&tenant("may-watch"), reference("default", "a")).await;
    let may_not = Reader::of(&tenant("may-get"), reference("default", "a")).await;
    own.live();
    may.live();
    may_not.becomes(Coverage::Blind);
    assert_eq!(may_not.wakes.load(Ordering::SeqCst), 1, "it is told to look for itself");
    assert_eq!(bench.session.hub().streams(), 2);
    bench.apply(&config_map("default", "a", "2")).await;
    assert_eq!(may.changed(), own.changed());
    assert!(may_not.watching.take_changed().is_empty());

    // It is not tried again at once.
    let before = bench.asked().len();
    let again = Reader::of(&tenant("may-get"), reference("default", "a")).await;
    assert_eq!((again.coverage(), bench.asked().len()), (Coverage::Blind, before));
    let users: HashSet<_> =
        bench.asked().into_iter().filter(|a| a.uri.contains("watch=true")).map(|a| a.user).collect();
    assert_eq!(users, HashSet::from([String::new(), "system:serviceaccount:default:may-watch".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_not_served_cannot_be_watched() {
    let bench = Bench::start(HubLimits::default()).await;
    let mut widget = reference("default", "w");
    (widget.id.group, widget.id.kind) = ("example.com".to_owned(), "Widget".to_owned());
    let reader = Reader::of(&bench.session, widget).await;
    assert_eq!((reader.coverage(), bench.session.hub().streams()), (Coverage::Blind, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_bounded_and_an_idle_one_makes_room() {
    let bench = Bench::start(HubLimits { streams: 2, ..HubLimits::default() }).await;
    for space in ["one", "two", "three"] {
        bench.namespace(space).await;
    }
    let one = Reader::of(&bench.session, reference("one", "a")).await;
    let two = Reader::of(&bench.session, reference("two", "a")).await;
    one.live();
    two.live();
    let three = Reader::of(&bench.session, reference("three", "a")).await;
    assert_eq!((three.coverage(), bench.session.hub().streams()), (Coverage::Blind, 2));
    drop(one);
    let three = Reader::of(&bench.session, reference("three", "a")).await;
    three.live();
    assert_eq!((two.coverage(), bench.session.hub().streams()), (Coverage::Live, 2));
    bench.apply(&config_map("three", "a", "1")).await;
    assert_eq!(three.changed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_readers_ends() {
    let idle = Duration::from_millis(200);
    let bench = Bench::start(HubLimits { idle, ..HubLimits::default() }).await;
    let first = Reader::of(&bench.session, reference("default", "a")).await;
    first.live();
    drop(first);
    let second = Reader::of(&bench.session, reference("default", "b")).await;
    second.live();
    let watches = bench.asked().iter().filter(|asked| asked.uri.contains("watch=true")).count();
    assert_eq!(watches, 1, "the next reader finds it open");
    drop(second);
    eventually("the stream ends", || match bench.session.hub().streams() {
        0 => Ok(()),
        open => Err(format!("{open} are open")),
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_after_an_interruption() {
    let bench = Bench::start(HubLimits::default()).await;
    bench.apply(&config_map("default", "a", "1")).await;
    let dir = tempfile::tempdir().unwrap();
    let (path, _server) = bench.serve(dir.path()).await;
    let proxy = Proxy::before(&path);
    let session = bench::session(proxy.kubeconfig()).await;
    let reader = Reader::of(&session, reference("default", "a")).await;
    reader.live();
    proxy.cut();
    reader.becomes(Coverage::Starting);
    bench.apply(&config_map("default", "a", "2")).await;
    proxy.restore();
    assert_eq!(reader.changed(), HashSet::from([reader.object.id.clone()]), "what happened meanwhile is told");
    reader.becomes(Coverage::Live);
    bench.apply(&config_map("default", "a", "3")).await;
    assert_eq!(reader.changed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_that_the_server_has_forgotten_is_a_reason_to_look() {
    let bench = Bench::start(HubLimits::default()).await;
    bench.forget_the_past(2);
    let reader = Reader::of(&bench.session, reference("default", "a")).await;
    reader.live();
    let looks = bench.asked().iter().filter(|asked| asked.uri.ends_with("/configmaps?limit=1")).count();
    assert_eq!(looks, 3, "after each answer that the version is too old the newest is asked for");
    bench.apply(&config_map("default", "a", "1")).await;
    assert_eq!(reader.changed().len(), 1);
}
