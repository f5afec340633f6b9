//! Setting conditions so that kstatus reads them as Flux's.

use weir_api::common::{Condition, Time};

pub const READY: &str = "Ready";
pub const RECONCILING: &str = "Reconciling";
pub const STALLED: &str = "Stalled";

/// The condition of a type.
pub fn get<'c>(conditions: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    conditions.iter().find(|c| c.type_ == kind)
}

pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    get(conditions, kind).is_some_and(|c| c.status == "True")
}

/// Sets a condition. The transition time moves only when the status changes.
pub fn set(
    conditions: &mut Vec<Condition>,
    kind: &str,
    status: &str,
    (reason, message): (&str, &str),
    generation: Option<i64>,
    now: jiff::Timestamp,
) {
    let old = get(conditions, kind).filter(|c| c.status == status).map(|c| c.last_transition_time.clone());
    let condition = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: cut(message),
        observed_generation: generation,
        last_transition_time: old.unwrap_or(Time(now)),
    };
    match conditions.iter_mut().find(|c| c.type_ == kind) {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

pub fn remove(conditions: &mut Vec<Condition>, kind: &str) {
    conditions.retain(|c| c.type_ != kind);
}

/// The API server takes messages of at most 32 KiB.
fn cut(message: &str) -> String {
    const LIMIT: usize = 32 * 1024 - 16;
    if message.len() <= LIMIT {
        return message.to_owned();
    }
    let end = (0..=LIMIT).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_transition_time_follows_the_status_only() {
        let mut conditions = Vec::new();
        set(&mut conditions, READY, "True", ("A", "a"), Some(1), at(1));
        set(&mut conditions, READY, "True", ("B", "b"), Some(2), at(2));
        assert_eq!(conditions[0].last_transition_time, Time(at(1)));
        assert_eq!((conditions[0].reason.as_str(), conditions[0].observed_generation), ("B", Some(2)));
        set(&mut conditions, READY, "False", ("C", "c"), Some(2), at(3));
        assert_eq!(conditions[0].last_transition_time, Time(at(3)));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let mut conditions = Vec::new();
        set(&mut conditions, READY, "False", ("A", &"é".repeat(40_000)), None, at(1));
        assert!(conditions[0].message.len() < 32 * 1024 && conditions[0].message.ends_with("é..."));
    }
}
