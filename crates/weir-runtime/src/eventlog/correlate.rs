//! What becomes of an event, decided as by client-go's event correlator: events that differ in their
//! message only are combined, an event that is repeated counts up, an object that has too much to
//! say is limited.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// From so many different messages on, within the interval, similar events are combined.
const COMBINE_FROM: usize = 10;
const COMBINE_WITHIN: Duration = Duration::from_secs(600);
/// Events of one type about one object: so many at once, and one more per this time.
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);
/// Entries of each memory; then the older half is forgotten, which only costs a new Event object.
const REMEMBERED: usize = 4096;

/// What an event is about, for comparing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// The object: kind, namespace, name, uid and version.
    pub object: &'a str,
    /// `Normal` or `Warning`.
    pub kind: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

/// What is to be done with an event that is told at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Names it in [`Correlator::wrote`].
    pub key: String,
    pub message: String,
    pub combined: bool,
    /// Name of the Event object to count up; else one is created.
    pub update: Option<String>,
    /// How often it was said, those times included when it was not told.
    pub count: i64,
}

#[derive(Debug, Default)]
pub(super) struct Correlator {
    similar: Recent<Similar>,
    written: Recent<Written>,
    allowance: Recent<Allowance>,
}

#[derive(Debug, Default)]
struct Similar {
    messages: HashSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Written {
    name: Option<String>,
    count: i64,
}

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Correlator {
    /// `None`: the object has said too much.
    pub fn correlate(&mut self, facts: Facts<'_>, now: Instant) -> Option<Told> {
        let (key, message, combined) = self.combine(facts, now);
        let written = self.written.entry(&key, now, |_| Written::default());
        written.count += 1;
        let (count, update) = (written.count, written.name.clone());
        let allowance = self
            .allowance
            .entry(&format!("{} {}", facts.object, facts.kind), now, |now| Allowance { left: BURST, at: now });
        let refilled = now.saturating_duration_since(allowance.at).div_duration_f64(REFILL);
        (allowance.left, allowance.at) = ((allowance.left + refilled).min(BURST), now);
        if allowance.left < 1.0 {
            return None;
        }
        allowance.left -= 1.0;
        Some(Told { key, message, combined, update, count })
    }

    /// The Event object that the server has now.
    pub fn wrote(&mut self, key: &str, name: &str, now: Instant) {
        self.written.entry(key, now, |_| Written::default()).name = Some(name.to_owned());
    }

    fn combine(&mut self, facts: Facts<'_>, now: Instant) -> (String, String, bool) {
        let Facts { object, kind, reason, message } = facts;
        let group = format!("{object} {kind} {reason}");
        if self.similar.age(&group, now).is_none_or(|age| age > COMBINE_WITHIN) {
            self.similar.remove(&group);
        }
        let similar = self.similar.entry(&group, now, |_| Similar::default());
        if similar.messages.len() + 1 < COMBINE_FROM || similar.messages.contains(message) {
            similar.messages.insert(message.to_owned());
            return (format!("{group} {message}"), message.to_owned(), false);
        }
        (group, format!("(combined from similar events): {message}"), true)
    }
}

/// The entries that were used last.
#[derive(Debug)]
struct Recent<V>(HashMap<String, (V, Instant)>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V> Recent<V> {
    fn entry(&mut self, key: &str, now: Instant, make: impl FnOnce(Instant) -> V) -> &mut V {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(key) {
            let mut ages: Vec<Instant> = self.0.values().map(|(_, at)| *at).collect();
            ages.sort();
            let middle = ages.get(ages.len() / 2).copied();
            self.0.retain(|_, (_, at)| Some(*at) > middle);
        }
        let entry = self.0.entry(key.to_owned()).or_insert_with(|| (make(now), now));
        entry.1 = now;
        &mut entry.0
    }

    /// Time since the last use.
    fn age(&self, key: &str, now: Instant) -> Option<Duration> {
        self.0.get(key).map(|(_, at)| now.saturating_duration_since(*at))
    }

    fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Instant);

    impl Clock {
        fn after(&mut self, seconds: u64) -> Instant {
            self.0 += Duration::from_secs(seconds);
            self.0
        }
    }

    fn facts<'a>(kind: &'a str, message: &'a str) -> Facts<'a> {
        Facts { object: "Kustomization/a/b", kind, reason: "R", message }
    }

    fn told(correlator: &mut Correlator, message: &str, now: Instant) -> Option<Told> {
        let told = correlator.correlate(facts("Normal", message), now)?;
        let name = told.update.clone().unwrap_or_else(|| format!("event-of-{message}"));
        correlator.wrote(&told.key, &name, now);
        Some(told)
    }

    #[test]
    fn a_repeated_event_counts_up_the_one_that_is_there() {
        let (mut correlator, mut clock) = (Correlator::default(), Clock(Instant::now()));
        let first = told(&mut correlator, "x", clock.after(0)).expect("is told");
        assert_eq!((first.update, first.count, first.combined), (None, 1, false));
        let second = told(&mut correlator, "x", clock.after(1)).expect("is told");
        assert_eq!((second.update.as_deref(), second.count), (Some("event-of-x"), 2));
    }

    #[test]
    fn the_tenth_message_within_ten_minutes_is_combined() {
        let (mut correlator, mut clock) = (Correlator::default(), Clock(Instant::now()));
        for n in 1..10 {
            assert!(!told(&mut correlator, &n.to_string(), clock.after(60)).expect("is told").combined, "{n}");
        }
        let tenth = told(&mut correlator, "10", clock.after(60)).expect("is told");
        assert_eq!(tenth.message, "(combined from similar events): 10");
        assert_eq!((tenth.combined, tenth.update, tenth.count), (true, None, 1));
        let next = told(&mut correlator, "11", clock.after(60)).expect("is told");
        assert_eq!(next.message, "(combined from similar events): 11");
        assert_eq!((next.update.as_deref(), next.count), (Some("event-of-10"), 2), "one Event for all of them");
        let known = told(&mut correlator, "9", clock.after(60)).expect("is told");
        assert!(!known.combined, "what is known is counted, not combined");
        let other = correlator.correlate(Facts { reason: "S", ..facts("Normal", "12") }, clock.after(0));
        assert!(!other.expect("is told").combined, "another reason is another group");
        let later = told(&mut correlator, "12", clock.after(601)).expect("is told");
        assert!(!later.combined, "after ten quiet minutes they are told one by one");
    }

    #[test]
    fn an_object_says_25_things_at_once_and_one_more_every_five_minutes() {
        let (mut correlator, mut clock) = (Correlator::default(), Clock(Instant::now()));
        let say = |correlator: &mut Correlator, now| told(correlator, "x", now).map(|told| told.count);
        for n in 1..=25 {
            assert_eq!(say(&mut correlator, clock.after(0)), Some(n));
        }
        assert_eq!(say(&mut correlator, clock.after(0)), None);
        assert_eq!(say(&mut correlator, clock.after(299)), None);
        assert_eq!(say(&mut correlator, clock.after(1)), Some(28), "what was not told is counted");
        assert_eq!(say(&mut correlator, clock.after(1)), None);
        assert!(correlator.correlate(facts("Warning", "x"), clock.after(0)).is_some(), "warnings are counted apart");
        let other = Facts { object: "Kustomization/a/c", ..facts("Normal", "x") };
        assert!(correlator.correlate(other, clock.after(0)).is_some(), "and so are other objects");
    }

    #[test]
    fn memory_is_bounded() {
        let (mut correlator, mut clock) = (Correlator::default(), Clock(Instant::now()));
        for n in 0..3 * REMEMBERED {
            let object = n.to_string();
            let facts = Facts { object: &object, ..facts("Normal", "x") };
            assert!(correlator.correlate(facts, clock.after(1)).is_some());
        }
        for size in [correlator.similar.0.len(), correlator.written.0.len(), correlator.allowance.0.len()] {
            assert!(size <= REMEMBERED, "{size}");
        }
    }
}
