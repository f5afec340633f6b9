//! What one owner's objects were when they were last applied and looked at, kept true by watches.
//!
//! It answers three questions without a request: is an object as it was applied, so that applying the same again
//! would change nothing; did somebody meddle with it; is it as ready as it was. Each answer is given only where every
//! change since then would have been shown. See [`Claims`] for what counts as meddling.

mod digest;
mod slot;

use digest::Claims;
pub(crate) use digest::Digest;

use crate::Owner;
use crate::takeover::{self, Takeover};
use slot::{Applied, Slot};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use weir_doc::Node;
use weir_kube::{Change, Coverage, Identity, Observer, Session, Watching};
use weir_object::kstatus::Verdict;
use weir_object::{ObjectId, ObjectRef, meta};

/// How long an apply waits for its streams; a server that opens none by then is applied to all the same.
const START: Duration = Duration::from_secs(2);

/// The objects of one owner.
pub struct Tracker {
    owner: Owner,
    manager: String,
    overrides: Vec<String>,
    wake: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// For the tasks that wait for the end of a rest.
    itself: Weak<Tracker>,
}

#[derive(Default)]
struct State {
    following: Option<Following>,
    slots: HashMap<ObjectId, Slot>,
    /// The longest rest between two repairs of an object.
    longest_rest: Duration,
}

struct Following {
    watching: Watching,
    cluster: u64,
    identity: Option<Identity>,
    objects: HashSet<ObjectId>,
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Tracker {
    /// `wake` is called, from any thread, when somebody meddled with an object or one that is awaited changed.
    pub fn new(
        owner: Owner,
        manager: &str,
        overrides: Vec<String>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            owner,
            manager: manager.to_owned(),
            overrides,
            wake: Box::new(wake),
            state: Mutex::default(),
            itself: itself.clone(),
        })
    }

    /// Watches these objects from now on, as the session's identity, and waits until the streams have begun: what is
    /// done to an object once it is applied is shown then. An object on which somebody else insists is put right at most
    /// once in `longest_rest`. Objects whose kind is not served yet are left out, until it is asked for again.
    pub async fn follow(self: &Arc<Self>, session: &Session, objects: &[ObjectRef], longest_rest: Duration) {
        let wanted: HashSet<ObjectId> = objects.iter().map(|object| object.id.clone()).collect();
        {
            let mut state = self.state();
            state.longest_rest = longest_rest;
            let is_session =
                |f: &Following| f.cluster == session.cluster() && f.identity.as_ref() == session.identity();
            let is_same = |f: &Following| is_session(f) && f.objects == wanted;
            if state.following.as_ref().is_some_and(|f| f.watching.is_whole() && is_same(f)) {
                return;
            }
            if state.following.as_ref().is_some_and(|f| !is_session(f)) {
                // Elsewhere there are other objects, and somebody else's rights may lead to another outcome.
                state.slots.clear();
            }
            for id in &wanted {
                state.slots.entry(id.clone()).or_default();
            }
        }
        let watching = session.watch(objects, self.clone()).await;
        watching.started(START).await;
        let mut state = self.state();
        state.slots.retain(|id, _| wanted.contains(id));
        let (cluster, identity) = (session.cluster(), session.identity().cloned());
        let before = state.following.replace(Following { watching, cluster, identity, objects: wanted });
        drop(state);
        // Ended after the new one has begun, so that the streams stay open.
        drop(before);
    }

    /// Whether an object is to be put right.
    pub fn is_drifted(&self) -> bool {
        self.state().slots.values().any(Slot::is_drifted)
    }

    /// Whether an object is to be put right now: it is, and its rest is over.
    pub fn is_repair_due(&self) -> bool {
        let (state, now) = (self.state(), Instant::now());
        state.slots.values().any(|slot| slot.is_drifted() && slot.rest(state.longest_rest, now).is_zero())
    }

    /// Wakes again for objects that somebody meddled with and that were not put right since, each after its rest.
    pub fn remind(&self) {
        let (now, mut rests) = (Instant::now(), Vec::new());
        {
            let state = self.state();
            let drifted = state.slots.values().filter(|slot| slot.is_drifted());
            rests.extend(drifted.map(|slot| slot.rest(state.longest_rest, now)));
        }
        if let Some(rest) = rests.into_iter().min() {
            self.wake_after(rest);
        }
    }

    /// Whether all objects that were asked for are followed: the kind of each is served.
    pub fn is_whole(&self) -> bool {
        self.state().following.as_ref().is_some_and(|following| following.watching.is_whole())
    }

    /// The object is left alone, whatever somebody does to it.
    pub(crate) fn leave(&self, object: &ObjectId) {
        self.begin(object);
    }

    /// What is said about the changes of an object.
    pub fn coverage(&self, object: &ObjectId) -> Coverage {
        self.state().following.as_ref().map_or(Coverage::Blind, |following| following.watching.coverage(object))
    }

    /// Whether the object is as it was when this was applied.
    pub(crate) fn is_applied(&self, object: &ObjectId, wanted: Digest) -> bool {
        self.ask(object, |slot, since| slot.untouched(since).is_some_and(|applied| applied.wanted == wanted))
    }

    /// What the object holds, if nobody meddled with it since it was applied.
    pub(crate) fn untouched(&self, object: &ObjectId) -> Option<Digest> {
        self.ask(object, |slot, since| slot.untouched(since).and_then(|applied| applied.content))
    }

    /// The version at which the object was seen last, here or on the stream.
    pub(crate) fn version(&self, object: &ObjectId) -> Option<u64> {
        self.ask(object, |slot, _| slot.version())
    }

    /// What the object holds, if the server has it at the version at which it was applied.
    pub(crate) fn content_at(&self, object: &ObjectId, version: u64) -> Option<Digest> {
        self.ask(object, |slot, _| slot.at(version).and_then(|applied| applied.content))
    }

    /// The version up to which everything about the object was shown; to be asked before the request whose answer is
    /// noted.
    pub(crate) fn since(&self, object: &ObjectId) -> Option<u64> {
        self.state().since(object)
    }

    /// Notes what is on the server after `wanted` was applied, or was found to change nothing.
    pub(crate) fn note(&self, object: &ObjectId, wanted: Digest, live: &Node, since: Option<u64>) {
        let Some(version) = meta::version(live) else { return };
        let applied = Applied {
            wanted,
            claims: self.claims(live),
            content: self.content(live),
            version,
            known: version.max(since.unwrap_or(0)),
        };
        self.set(object, |slot| slot.applied(applied, Instant::now()));
    }

    /// Notes that the object is still what was noted at this version.
    pub(crate) fn note_again(&self, object: &ObjectId, wanted: Digest, version: u64, since: Option<u64>) {
        self.set(object, |slot| {
            let Some(applied) = slot.at(version).copied() else { return false };
            let known = applied.known.max(since.unwrap_or(0));
            slot.applied(Applied { wanted, known, ..applied }, Instant::now())
        });
    }

    /// The object is about to be written: what is shown of it until it is noted may be our own doing.
    pub(crate) fn begin(&self, object: &ObjectId) {
        if let Some(slot) = self.state().slots.get_mut(object) {
            slot.begin(Instant::now());
        }
    }

    /// Notes the health of an object that was read.
    pub(crate) fn note_health(&self, object: &ObjectId, live: &Node, since: Option<u64>, verdict: &Verdict) {
        let Some(version) = meta::version(live) else { return };
        if let Some(slot) = self.state().slots.get_mut(object) {
            slot.looked(version, since, verdict);
        }
    }

    /// Notes what an object holds that nobody meddled with: others may set what is theirs.
    pub(crate) fn note_read(&self, object: &ObjectId, live: &Node) {
        let (Some(version), claims) = (meta::version(live), self.claims(live)) else { return };
        self.set(object, |slot| slot.read(version, claims, || self.content(live)));
    }

    /// The health of the object, if nothing happened since that was seen: none when it is ready.
    pub fn health(&self, object: &ObjectId) -> Option<Option<Verdict>> {
        self.ask(object, Slot::health)
    }

    /// Whether every object that is followed is as it was applied.
    pub fn is_settled<'o>(&self, mut objects: impl Iterator<Item = &'o ObjectId>) -> bool {
        let state = self.state();
        objects.all(|id| state.slots.get(id).is_some_and(|slot| slot.untouched(state.since(id)).is_some()))
    }

    /// Whether the object may be another than when it was looked at.
    pub fn has_news(&self, object: &ObjectId) -> bool {
        let state = self.state();
        let since = state.since(object);
        state.slots.get(object).is_none_or(|slot| slot.has_news(since))
    }

    /// A change of these objects wakes, and of no others but by meddling.
    pub fn await_changes<'o>(&self, objects: impl IntoIterator<Item = &'o ObjectId>) {
        let awaited: HashSet<&ObjectId> = objects.into_iter().collect();
        for (id, slot) in &mut self.state().slots {
            slot.is_awaited = awaited.contains(id);
        }
    }

    fn ask<T: Default>(&self, object: &ObjectId, question: impl FnOnce(&Slot, Option<u64>) -> T) -> T {
        let state = self.state();
        let since = state.since(object);
        state.slots.get(object).map(|slot| question(slot, since)).unwrap_or_default()
    }

    /// Changes what is known of an object; wakes when that shows that somebody meddled.
    fn set(&self, object: &ObjectId, change: impl FnOnce(&mut Slot) -> bool) {
        let rest = {
            let mut state = self.state();
            let longest = state.longest_rest;
            let Some(slot) = state.slots.get_mut(object) else { return };
            if !change(slot) {
                return;
            }
            slot.settle(longest, Instant::now());
            slot.rest(longest, Instant::now())
        };
        self.wake_after(rest);
    }

    fn wake_after(&self, rest: Duration) {
        if rest.is_zero() {
            (self.wake)();
            return;
        }
        let itself = self.itself.clone();
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            if let Some(tracker) = itself.upgrade() {
                (tracker.wake)();
            }
        });
    }

    fn content(&self, live: &Node) -> Option<Digest> {
        takeover::patch(live, self.takeover()).is_none().then(|| Digest::of_content(live))
    }

    fn claims(&self, node: &Node) -> Claims {
        Claims::of(node, &self.owner, self.takeover())
    }

    fn takeover(&self) -> Takeover<'_> {
        Takeover { manager: &self.manager, overrides: &self.overrides }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn since(&self, object: &ObjectId) -> Option<u64> {
        self.following.as_ref()?.watching.since(object)
    }
}

impl Observer for Tracker {
    fn changed(&self, object: &ObjectId, change: &Change) {
        match change {
            Change::Seen(node) => {
                let claims = self.claims(node);
                if let Some(version) = meta::version(node) {
                    self.set(object, |slot| slot.shows(version, Some(claims)));
                }
            }
            Change::Gone(version) => self.set(object, |slot| slot.shows(*version, None)),
            Change::Unknown => {}
        }
        if self.state().slots.get(object).is_some_and(|slot| slot.is_awaited) {
            (self.wake)();
        }
    }
}
