//! What the watch hub promises, on the embedded API server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

mod bench;

use bench::{Bench, config_map, reference};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_kube::{Change, Coverage, HubLimits, Identity, Observer, Session, Watching};
use weir_object::{ObjectId, ObjectRef};
use weir_testkit::{Proxy, eventually};

/// What was told.
#[derive(Default)]
struct Told(Mutex<Vec<(ObjectId, Change)>>);

impl Observer for Told {
    fn changed(&self, object: &ObjectId, change: &Change) {
        self.0.lock().unwrap().push((object.clone(), change.clone()));
    }
}

/// An object that is watched.
struct Reader {
    watching: Watching,
    object: ObjectRef,
    told: Arc<Told>,
}

impl Reader {
    async fn of(session: &Session, object: ObjectRef) -> Self {
        let told = Arc::new(Told::default());
        let watching = session.watch(std::slice::from_ref(&object), told.clone()).await;
        Self { watching, object, told }
    }

    /// How often a change was told, and not asked for yet.
    fn news(&self) -> usize {
        self.told.0.lock().unwrap().iter().filter(|(_, change)| !matches!(change, Change::Unknown)).count()
    }

    /// Waits until one change was told: that the object is there, by its metadata alone.
    fn sees(&self) {
        self.changed(|change| {
            matches!(change, Change::Seen(node) if node.as_map().is_some_and(|map| map.len() == 1)
                && weir_object::meta::resource_version(node).is_some())
        });
    }

    /// Waits until one change was told, which is as it should be.
    fn changed(&self, is_right: impl Fn(&Change) -> bool) {
        let change = eventually("a change is told", || {
            let mut changes = self.changes();
            changes.retain(|change| !matches!(change, Change::Unknown));
            assert!(changes.len() < 2, "{changes:?}");
            changes.pop().ok_or("nothing")
        });
        assert!(is_right(&change), "{change:?}");
    }

    /// What was told, as soon as something was.
    fn changes(&self) -> Vec<Change> {
        eventually("a change is told", || {
            let told = std::mem::take(&mut *self.told.0.lock().unwrap());
            assert!(told.iter().all(|(object, _)| *object == self.object.id), "only what was asked for");
            if told.is_empty() { Err("nothing") } else { Ok(told) }
        })
        .into_iter()
        .map(|(_, change)| change)
        .collect()
    }

    fn coverage(&self) -> Coverage {
        self.watching.coverage(&self.object.id)
    }

    /// Waits until it is watched, and forgets the first wake.
    fn live(&self) {
        self.becomes(Coverage::Live);
        assert!(matches!(self.changes()[..], [Change::Unknown, ..]), "who begins to watch looks once");
    }

    fn becomes(&self, coverage: Coverage) {
        eventually("the coverage", || {
            let now = self.coverage();
            if now == coverage { Ok(()) } else { Err(format!("{now:?}")) }
        });
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
    a.sees();
    assert_eq!(b.news(), 0, "only who waits for it");
    bench.delete(&b.object).await;
    let before = b.watching.since(&b.object.id).expect("live");
    b.changed(|change| matches!(change, Change::Gone(at) if *at > before));
    // Before it is there, too.
    let c = Reader::of(&bench.session, reference("default", "c")).await;
    c.live();
    bench.apply(&config_map("default", "c", "1")).await;
    c.sees();

    assert_eq!(bench.session.hub().streams(), 1);
    let asked = bench.asked();
    let streams: Vec<_> = asked.iter().filter(|asked| asked.uri.contains("/configmaps?")).collect();
    assert_eq!(streams.len(), 2, "one look at where the collection is, one watch: {asked:?}");
    assert!(streams.iter().all(|asked| asked.accept.contains("as=PartialObjectMetadata")), "{asked:?}");
    assert!(streams[0].uri.ends_with("?limit=1") && streams[1].uri.contains("?watch=true"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_watch_everywhere_watches_for_all() {
    let bench = Bench::start(HubLimits::default()).await;
    bench.namespace("other").await;
    let tenant = bench.session.impersonate(Identity::service_account("default", "may-nothing").unwrap());
    let a = Reader::of(&tenant, reference("default", "a")).await;
    let b = Reader::of(&bench.session, reference("other", "a")).await;
    a.live();
    b.live();
    bench.apply(&config_map("default", "a", "1")).await;
    a.sees();
    assert_eq!((b.news(), bench.session.hub().streams()), (0, 1));
    let asked = bench.asked();
    assert!(asked.iter().all(|asked| asked.user.is_empty()), "no right of the tenant's is needed: {asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn else_each_identity_watches_with_its_own_rights() {
    let bench = Bench::start(HubLimits::default()).await;
    bench.deny_everywhere();
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
    assert!(matches!(may_not.changes()[..], [Change::Unknown, ..]), "it is told to look for itself");
    assert_eq!(bench.session.hub().streams(), 2);
    bench.apply(&config_map("default", "a", "2")).await;
    may.sees();
    own.sees();
    assert_eq!(may_not.news(), 0);

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
    bench.deny_everywhere();
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
    three.sees();
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
    reader.sees();
    reader.becomes(Coverage::Live);
    bench.apply(&config_map("default", "a", "3")).await;
    reader.sees();
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
    reader.sees();
}
