//! `KEY=value` lines, with `\n` for a line break.

use super::Wrong;
use crate::number;
use crate::tree::{Branch, Item, Key, Value};
use zeroize::Zeroizing;

pub(super) fn load(text: &[u8]) -> Result<Branch, Wrong> {
    let mut branch = Branch::new();
    for (at, line) in text.split(|b| *b == b'\n').enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(0);
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            branch.push(Item::comment(comment, false).at(number));
            continue;
        }
        let Some(cut) = line.iter().position(|b| *b == b'=') else {
            return Err(Wrong::new(number, "a line is neither KEY=value nor a comment"));
        };
        let name = std::str::from_utf8(&line[..cut]).map_err(|_| Wrong::new(number, "a key is not UTF-8"))?;
        branch.push(Item::new(name, Value::Str(replace(&line[cut + 1..], b"\\n", b"\n"))).at(number));
    }
    Ok(branch)
}

pub(super) fn emit(branch: &Branch, room: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut out = Zeroizing::new(Vec::with_capacity(room * 2));
    for item in branch {
        let name = match &item.key {
            Key::Comment(comment) => {
                out.push(b'#');
                out.extend_from_slice(&comment.text);
                out.push(b'\n');
                continue;
            }
            Key::Text(name) => name,
            Key::Odd(what) => return Err(format!("a key is {what}")),
        };
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match &item.value {
            Value::Map(_) | Value::Seq(_) => {
                return Err(format!("'{name}' is {}, and a dotenv file holds single values", item.value.kind_name()));
            }
            Value::Str(text) => out.extend_from_slice(&replace(text, b"\n", b"\\n")),
            other => out.extend_from_slice(plain(other).as_bytes()),
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// A value that is no string, as the original's `ValToString`.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Float(n) => {
            let text = number::general(*n).replace('e', "E");
            // It must not look like an integer.
            if text.contains(['.', 'E']) || !n.is_finite() { text } else { format!("{n:.1}") }
        }
        Value::Bool(value) => value.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Uint(n) => n.to_string(),
        Value::Time(time) => time.seconds(),
        // What Go prints for none.
        Value::Null => "<nil>".to_owned(),
        Value::Str(_) | Value::Comment(_) | Value::Map(_) | Value::Seq(_) => String::new(),
    }
}

pub(super) fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() * 2));
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}
