use super::digest::{Claims, Digest};
use std::time::{Duration, Instant};
use weir_object::kstatus::{Status, Verdict};

/// The first rest after an object was put right; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(2);

/// What is known of one object.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// What the stream showed last; no claims when the object was gone.
    shown: Option<(u64, Option<Claims>)>,
    applied: Option<Applied>,
    /// Somebody meddled with it since it was applied.
    is_touched: bool,
    /// And it is to be put right at once.
    is_drifted: bool,
    look: Option<Look>,
    /// Somebody waits for its health.
    pub is_awaited: bool,
    /// How often in a row it was put right after somebody meddled with it, and when for the last time.
    repairs: (u32, Option<Instant>),
}

/// What was applied, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    /// Of the object as it was rendered, and of what else decides the outcome.
    pub wanted: Digest,
    pub claims: Claims,
    /// What the object held at `version`; none where fields of others are still to be taken over.
    pub content: Option<Digest>,
    pub version: u64,
    /// The version of the collection up to which the claims are known to be those.
    pub known: u64,
}

/// The health of the object when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    version: u64,
    /// The version of the collection up to which nothing else happened.
    known: u64,
    /// None when it was ready.
    problem: Option<Verdict>,
}

impl Slot {
    /// The stream shows the object, or that it is gone. Whether it is to be put right, and was not before.
    pub fn shows(&mut self, version: u64, claims: Option<Claims>) -> bool {
        if self.shown.is_some_and(|(seen, _)| seen >= version) {
            return false;
        }
        self.shown = Some((version, claims));
        self.judge()
    }

    /// It is about to be written: what the stream shows until [`Self::applied`] may be our own doing.
    pub fn begin(&mut self, now: Instant) {
        self.count_repair(now);
        self.applied = None;
    }

    /// What was applied is on the server.
    pub fn applied(&mut self, applied: Applied, now: Instant) -> bool {
        self.count_repair(now);
        self.applied = Some(applied);
        // Something may have happened after that, and been shown before this is noted.
        self.judge()
    }

    fn count_repair(&mut self, now: Instant) {
        self.is_touched = false;
        if std::mem::take(&mut self.is_drifted) {
            self.repairs = (self.repairs.0.saturating_add(1), Some(now));
        }
    }

    /// The object was read.
    pub fn read(&mut self, version: u64, claims: Claims, content: impl FnOnce() -> Option<Digest>) -> bool {
        if let Some(applied) = self.applied.as_mut().filter(|a| a.claims == claims && a.version < version) {
            applied.content = content();
            applied.version = version;
            applied.known = applied.known.max(version);
        }
        false
    }

    fn judge(&mut self) -> bool {
        let (Some((version, claims)), Some(applied)) = (self.shown, &mut self.applied) else { return false };
        if version <= applied.known {
            return false;
        }
        if claims == Some(applied.claims) {
            applied.known = version;
            return false;
        }
        self.is_touched = true;
        let is_drift = claims.is_none_or(|claims| claims.fields != applied.claims.fields);
        is_drift && !std::mem::replace(&mut self.is_drifted, true)
    }

    /// What was applied, if nobody can have meddled with it: everything since then was shown.
    pub fn untouched(&self, since: Option<u64>) -> Option<&Applied> {
        self.applied.as_ref().filter(|applied| !self.is_touched && since.is_some_and(|since| since <= applied.known))
    }

    /// What was applied, if it is what the server holds at `version`.
    pub fn at(&self, version: u64) -> Option<&Applied> {
        self.applied.as_ref().filter(|applied| applied.version == version)
    }

    /// The version at which it was seen last.
    pub fn version(&self) -> Option<u64> {
        let shown = self.shown.filter(|(_, claims)| claims.is_some()).map(|(version, _)| version);
        self.applied.map(|applied| applied.version).max(shown)
    }

    pub fn is_drifted(&self) -> bool {
        self.is_drifted
    }

    pub fn looked(&mut self, version: u64, since: Option<u64>, verdict: &Verdict) {
        let problem = (verdict.status != Status::Current).then(|| verdict.clone());
        self.look = Some(Look { version, known: version.max(since.unwrap_or(0)), problem });
    }

    /// Its health, if nothing happened since that was seen: none when it is ready.
    pub fn health(&self, since: Option<u64>) -> Option<Option<Verdict>> {
        let look = self.look.as_ref()?;
        (!self.has_news(since)).then(|| look.problem.clone())
    }

    /// Whether it may be another than when it was read.
    pub fn has_news(&self, since: Option<u64>) -> bool {
        let Some(look) = &self.look else { return true };
        since.is_none_or(|since| since > look.known) || self.is_shown_after(look.version)
    }

    fn is_shown_after(&self, version: u64) -> bool {
        self.shown.is_some_and(|(shown, _)| shown > version)
    }

    /// How long it is left as it is before it is put right again: who fights over an object does so at ever longer
    /// intervals, at most `longest`.
    pub fn rest(&self, longest: Duration, now: Instant) -> Duration {
        let (repairs, Some(last)) = self.repairs else { return Duration::ZERO };
        let since = now.saturating_duration_since(last);
        if repairs == 0 || since >= longest {
            return Duration::ZERO;
        }
        FIRST_REST.saturating_mul(1 << (repairs - 1).min(20)).min(longest).saturating_sub(since)
    }

    /// An object that was left in peace for long enough is put right at once the next time.
    pub fn settle(&mut self, longest: Duration, now: Instant) {
        if self.repairs.1.is_some_and(|last| now.saturating_duration_since(last) >= longest.max(FIRST_REST)) {
            self.repairs = (0, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_doc::Node;

    fn digest(text: &str) -> Digest {
        Digest::of(&[&Node::string(text)])
    }

    fn claims(text: &str) -> Option<Claims> {
        Some(Claims { all: digest(text), fields: digest(text) })
    }

    fn applied(version: u64) -> Applied {
        let claims = claims("ours").expect("some");
        Applied { wanted: digest("w"), claims, content: Some(digest("c")), version, known: version }
    }

    #[test]
    fn what_was_applied_counts_while_everything_since_is_known() {
        let mut slot = Slot::default();
        assert!(!slot.applied(applied(10), Instant::now()));
        assert!(slot.untouched(Some(10)).is_some() && slot.untouched(Some(3)).is_some());
        assert!(slot.untouched(Some(11)).is_none(), "the stream began later");
        assert!(slot.untouched(None).is_none(), "nobody would have told");
        assert!(!slot.shows(12, claims("ours")), "another's fields");
        assert!(slot.untouched(Some(11)).is_some(), "and now it is known again");
        assert_eq!(slot.at(10).map(|a| a.version), Some(10));
        assert!(slot.at(12).is_none(), "what it holds is not");
        assert!(slot.shows(13, claims("theirs")), "somebody meddled");
        assert!(!slot.shows(14, claims("theirs")), "which is told once");
        assert!(slot.untouched(Some(3)).is_none() && slot.is_drifted());
        assert!(!slot.shows(5, claims("old")), "streams may be late");
        slot.applied(applied(20), Instant::now());
        let marked = Claims { all: digest("marked"), ..claims("ours").expect("some") };
        assert!(!slot.shows(21, Some(marked)) && slot.untouched(Some(3)).is_none(), "a mark is no reason for haste");
        assert!(slot.shows(22, claims("theirs")), "and what follows it is");
    }

    #[test]
    fn what_was_shown_before_the_apply_was_noted_counts() {
        let mut slot = Slot::default();
        assert!(!slot.shows(9, claims("before")));
        assert!(!slot.applied(applied(10), Instant::now()));
        let mut slot = Slot::default();
        assert!(!slot.shows(11, None), "nothing is known of it");
        assert!(slot.applied(applied(10), Instant::now()), "it is gone again");
        slot.begin(Instant::now());
        assert!(!slot.shows(20, claims("ours")), "our own doing");
        assert!(!slot.applied(applied(20), Instant::now()));
    }

    #[test]
    fn who_fights_rests_ever_longer() {
        let (mut slot, longest) = (Slot::default(), Duration::from_secs(60));
        let mut now = Instant::now();
        let mut rests = Vec::new();
        slot.applied(applied(1), now);
        for round in 1..=8 {
            assert!(slot.shows(round * 10, None));
            rests.push(slot.rest(longest, now).as_secs());
            now += slot.rest(longest, now);
            slot.begin(now);
            slot.applied(applied(round * 10 + 1), now);
        }
        assert_eq!(rests, [0, 2, 4, 8, 16, 32, 60, 60]);
        now += longest;
        slot.settle(longest, now);
        slot.shows(1000, None);
        assert_eq!(slot.rest(longest, now), Duration::ZERO, "after a time in peace it is at once");
    }

    #[test]
    fn health_is_known_until_something_happens() {
        let mut slot = Slot::default();
        let verdict = |status| Verdict { status, message: String::new() };
        assert!(slot.has_news(Some(1)) && slot.health(Some(1)).is_none(), "never looked");
        slot.looked(10, Some(5), &verdict(Status::Current));
        assert_eq!(slot.health(Some(5)), Some(None));
        assert_eq!((slot.health(Some(11)), slot.health(None)), (None, None), "nobody would have told");
        slot.shows(10, None);
        assert_eq!(slot.health(Some(5)), Some(None), "that is what was read");
        slot.shows(11, None);
        assert!(slot.has_news(Some(5)) && slot.health(Some(5)).is_none());
        slot.looked(11, Some(20), &verdict(Status::InProgress));
        assert_eq!(slot.health(Some(20)), Some(Some(verdict(Status::InProgress))));
    }
}
