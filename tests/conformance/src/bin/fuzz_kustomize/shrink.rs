//! Making a case smaller while it still differs.

use crate::yaml::{Style, Yaml};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The files of a case; each is a list of documents.
pub type Files = BTreeMap<String, Vec<Yaml>>;

/// The longest time that is spent on one case.
const PATIENCE: Duration = Duration::from_secs(90);

/// The smallest case that is found for which `differs` holds.
pub fn smallest(files: &Files, mut differs: impl FnMut(&Files) -> bool) -> Files {
    let began = Instant::now();
    let mut best = files.clone();
    loop {
        let before = best.clone();
        for name in best.keys().cloned().collect::<Vec<_>>() {
            let mut fewer = best.clone();
            fewer.remove(&name);
            if began.elapsed() < PATIENCE && differs(&fewer) {
                best = fewer;
            }
        }
        for name in best.keys().cloned().collect::<Vec<_>>() {
            let mut at = 0;
            // Each step is numbered; one that is taken makes way for the next with its number.
            while began.elapsed() < PATIENCE {
                let mut smaller = best.clone();
                let mut count = at;
                let Some(documents) = smaller.get_mut(&name) else { break };
                if !step_in_list(documents, &mut count) {
                    break;
                }
                if differs(&smaller) {
                    best = smaller;
                } else {
                    at += 1;
                }
            }
        }
        if best == before || began.elapsed() >= PATIENCE {
            return best;
        }
    }
}

/// Takes the step with the number; whether there is one.
fn step_in_list(items: &mut Vec<Yaml>, number: &mut usize) -> bool {
    if *number < items.len() {
        items.remove(*number);
        return true;
    }
    *number -= items.len();
    items.iter_mut().any(|item| step(item, number))
}

fn step(node: &mut Yaml, number: &mut usize) -> bool {
    match node {
        Yaml::Map(entries) => {
            if *number < entries.len() {
                entries.remove(*number);
                return true;
            }
            *number -= entries.len();
            entries.iter_mut().any(|(_, value)| step(value, number))
        }
        Yaml::List(items) => step_in_list(items, number),
        Yaml::Text(documents) => step_in_list(documents, number),
        Yaml::Flow(inner) => {
            if *number == 0 {
                *node = (**inner).clone();
                return true;
            }
            *number -= 1;
            step(inner, number)
        }
        Yaml::Scalar(style, text) if *style != Style::Plain || text.len() > 1 => {
            if *number > 0 {
                *number -= 1;
                return false;
            }
            let simpler = Yaml::Scalar(Style::Plain, "x".to_owned());
            let changed = *node != simpler;
            *node = simpler;
            changed
        }
        Yaml::Scalar(..) => false,
        Yaml::Raw(text) => {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            if *number < lines.len() {
                lines.remove(*number);
                *text = lines.concat();
                return true;
            }
            *number -= lines.len();
            false
        }
    }
}
