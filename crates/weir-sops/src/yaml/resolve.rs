//! What a scalar means.

use crate::number::{Integer, float, integer};
use crate::time::Time;
use crate::tree::Value;

pub(super) const NULL: &str = "!!null";
pub(super) const BOOL: &str = "!!bool";
pub(super) const STR: &str = "!!str";
pub(super) const INT: &str = "!!int";
pub(super) const FLOAT: &str = "!!float";
pub(super) const TIMESTAMP: &str = "!!timestamp";
pub(super) const BINARY: &str = "!!binary";
pub(super) const MERGE: &str = "!!merge";
const LONG: &str = "tag:yaml.org,2002:";

pub(super) fn short(tag: &str) -> String {
    tag.strip_prefix(LONG).map_or_else(|| tag.to_owned(), |rest| format!("!!{rest}"))
}

/// The tag and value of a scalar that has `tag`, or none; `None` when the text cannot be what the tag says.
pub(super) fn resolve(tag: &str, text: &str) -> Option<(&'static str, Value)> {
    let string = || (STR, Value::text(text));
    if !["", STR, BOOL, INT, FLOAT, NULL, TIMESTAMP].contains(&tag) {
        return Some(string());
    }
    if tag == STR {
        return Some(string());
    }
    let (found, value) = plain(tag, text).unwrap_or_else(string);
    match (tag, value) {
        ("", value) => Some((found, value)),
        (FLOAT, Value::Int(n)) => Some((FLOAT, Value::Float(n as f64))),
        (tag, value) if tag == found => Some((found, value)),
        _ => None,
    }
}

fn plain(tag: &str, text: &str) -> Option<(&'static str, Value)> {
    let known = match text {
        "true" | "True" | "TRUE" => (BOOL, Value::Bool(true)),
        "false" | "False" | "FALSE" => (BOOL, Value::Bool(false)),
        "" | "~" | "null" | "Null" | "NULL" => (NULL, Value::Null),
        ".nan" | ".NaN" | ".NAN" => (FLOAT, Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => (FLOAT, Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => (FLOAT, Value::Float(f64::NEG_INFINITY)),
        _ => return number(tag, text),
    };
    Some(known)
}

fn number(tag: &str, text: &str) -> Option<(&'static str, Value)> {
    let first = text.as_bytes().first()?;
    if *first == b'.' {
        return float(text).map(|n| (FLOAT, Value::Float(n)));
    }
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-')) {
        return None;
    }
    if matches!(tag, "" | TIMESTAMP)
        && let Some(time) = Time::of_yaml(text)
    {
        return Some((TIMESTAMP, Value::Time(time)));
    }
    let bare = text.replace('_', "");
    match integer(&bare) {
        Some(Integer::Int(n)) => return Some((INT, Value::Int(n))),
        Some(Integer::Uint(n)) => return Some((INT, Value::Uint(n))),
        None => {}
    }
    if is_style_float(&bare)
        && let Some(n) = float(&bare)
    {
        return Some((FLOAT, Value::Float(n)));
    }
    None
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_style_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(rest);
    let rest = &rest[whole..];
    let rest = match rest.strip_prefix('.') {
        Some(rest) => {
            let fraction = digits(rest);
            if whole == 0 && fraction == 0 {
                return false;
            }
            &rest[fraction..]
        }
        None if whole == 0 => return false,
        None => rest,
    };
    match rest.strip_prefix(['e', 'E']) {
        Some(rest) => {
            let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            digits(rest) > 0 && digits(rest) == rest.len()
        }
        None => rest.is_empty(),
    }
}

/// Whether a string may stand without quotes: read back it has to be a string, for a reader of YAML 1.1 too.
pub(super) fn may_be_plain(text: &str) -> bool {
    matches!(resolve("", text), Some((STR, _))) && !is_base60(text) && !is_old_bool(text)
}

fn is_old_bool(text: &str) -> bool {
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"].contains(&text)
}

/// `[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`
fn is_base60(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let mut parts = rest.split(':');
    let first = parts.next().unwrap_or_default();
    let mut count = 0;
    for part in parts {
        count += 1;
        let fits = match part.as_bytes() {
            [b] => b.is_ascii_digit(),
            [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    count > 0 && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_that_would_be_something_else_are_quoted() {
        for text in ["yes", "1:30", "012", "08", "1e3", ".5", "~", "", "2024-01-02", "0x1f", "1_000", "+.inf"] {
            assert!(!may_be_plain(text), "{text}");
        }
        for text in ["a", "1.2.3", "0x", "1:99", "-", "2024-13-01", "e3", "."] {
            assert!(may_be_plain(text), "{text}");
        }
    }
}
