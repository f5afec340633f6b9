//! The order in which yaml.v2 prints keys.

use crate::{Key, Node};
use std::cmp::Ordering;

/// Below this length Go sorts by insertion.
const SHORT: usize = 12;

/// Sorts by key. The comparison is not a total order: `a10`, `a1b` and `a9` each come before the next, and Go prints
/// them in an order that changes from run to run. So the standard library's sort, which may panic then, is not used.
pub(super) fn sort(entries: &mut Vec<(&Key, &Node)>) {
    if entries.len() > SHORT {
        let mut right = entries.split_off(entries.len() / 2);
        sort(entries);
        sort(&mut right);
        let (mut left, mut right) = (std::mem::take(entries).into_iter().peekable(), right.into_iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let next = if is_less(b, a) { right.next() } else { left.next() };
            entries.extend(next);
        }
        entries.extend(left);
        entries.extend(right);
        return;
    }
    for i in 1..entries.len() {
        for j in (1..=i).rev() {
            if !is_less(&entries[j], &entries[j - 1]) {
                break;
            }
            entries.swap(j, j - 1);
        }
    }
}

fn is_less(a: &(&Key, &Node), b: &(&Key, &Node)) -> bool {
    compare(a.0.as_str(), b.0.as_str()) == Ordering::Less
}

/// The order of yaml.v2's `keyList`: letters after everything else, runs of digits by their value.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for i in 0..a.len().min(b.len()) {
        if a[i] == b[i] {
            continue;
        }
        let (letter_a, letter_b) = (a[i].is_alphabetic(), b[i].is_alphabetic());
        if letter_a && letter_b {
            return a[i].cmp(&b[i]);
        }
        if letter_a || letter_b {
            return if letter_b { Ordering::Less } else { Ordering::Greater };
        }
        let zero = a[i] == '0' || b[i] == '0';
        let lead = zero && a[..i].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
        let run = |text: &[char]| {
            text[i..].iter().map_while(|c| c.to_digit(10)).fold((i64::from(lead), i), |(value, end), digit| {
                (value.wrapping_mul(10).wrapping_add(i64::from(digit)), end + 1)
            })
        };
        let ((value_a, end_a), (value_b, end_b)) = (run(&a), run(&b));
        return value_a.cmp(&value_b).then(end_a.cmp(&end_b)).then(a[i].cmp(&b[i]));
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_consistent_order_are_sorted_somehow() {
        let texts: Vec<String> = (0..500)
            .map(|n| format!("{}{}{}", [" ", "0", "a", "-"][n % 4], n * 7919 % 97, ["", "x", "_"][n % 3]))
            .collect();
        let keys: Vec<Key> = texts.iter().map(|text| Key::from(text.as_str())).collect();
        let node = Node::null();
        let mut entries: Vec<(&Key, &Node)> = keys.iter().map(|key| (key, &node)).collect();
        sort(&mut entries);
        let mut sorted: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        let mut all: Vec<&str> = texts.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        all.sort_unstable();
        assert_eq!(sorted, all, "nothing is lost");
    }
}
