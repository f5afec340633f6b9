//! Text: positions are counted in characters.

use super::Function;
use crate::arithmetic::charge;
use crate::error::Fault;
use crate::value::{Str, Value};
use weir_base::Budget;

pub(super) fn call<'v>(function: Function, args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    let [Value::String(text), rest @ ..] = args else { return Ok(None) };
    budget.spend(text.len() as u64 / 64)?;
    Ok(Some(match (function, rest) {
        (Function::Contains, [Value::String(part)]) => Value::Bool(text.contains(&**part)),
        (Function::StartsWith, [Value::String(part)]) => Value::Bool(text.starts_with(&**part)),
        (Function::EndsWith, [Value::String(part)]) => Value::Bool(text.ends_with(&**part)),
        (Function::CharAt, [Value::Int(at)]) => {
            let end = position(text, *at)?;
            Value::text(text[end..].chars().next().map(String::from).unwrap_or_default())
        }
        (Function::IndexOf, [Value::String(part)]) => index_of(text, part, 0)?,
        (Function::IndexOf, [Value::String(part), Value::Int(from)]) => index_of(text, part, *from)?,
        (Function::LastIndexOf, [Value::String(part)]) => {
            let length = characters(text);
            if part.is_empty() { Value::Int(length) } else { last_index_of(text, part, (length - 1).max(0))? }
        }
        (Function::LastIndexOf, [Value::String(part), Value::Int(from)]) => last_index_of(text, part, *from)?,
        (Function::LowerAscii, []) => made(text.len(), budget, || text.to_ascii_lowercase())?,
        (Function::UpperAscii, []) => made(text.len(), budget, || text.to_ascii_uppercase())?,
        (Function::Trim, []) => made(text.len(), budget, || text.trim().to_owned())?,
        (Function::Reverse, []) => made(text.len(), budget, || text.chars().rev().collect())?,
        (Function::Quote, []) => made(text.len() * 2 + 2, budget, || quote(text))?,
        (Function::Replace, [Value::String(old), Value::String(new)]) => replace(text, old, new, -1, budget)?,
        (Function::Replace, [Value::String(old), Value::String(new), Value::Int(most)]) => {
            replace(text, old, new, *most, budget)?
        }
        (Function::Split, [Value::String(by)]) => split(text, by, -1, budget)?,
        (Function::Split, [Value::String(by), Value::Int(most)]) => split(text, by, *most, budget)?,
        (Function::Substring, [Value::Int(from)]) => {
            let from = position(text, *from)?;
            made(text.len() - from, budget, || text[from..].to_owned())?
        }
        (Function::Substring, [Value::Int(from), Value::Int(to)]) => {
            if from > to {
                return Err(Fault::new(format!("invalid substring range. start: {from}, end: {to}")));
            }
            let (from, to) = (position(text, *from)?, position(text, *to)?);
            made(to - from, budget, || text[from..to].to_owned())?
        }
        _ => return Ok(None),
    }))
}

/// Pays for a text, and makes it.
fn made<'v>(bytes: usize, budget: &Budget, make: impl FnOnce() -> String) -> Result<Value<'v>, Fault> {
    charge(bytes, budget)?;
    Ok(Value::text(make()))
}

fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The byte at which a character begins; the end is a position, too.
fn position(text: &str, at: i64) -> Result<usize, Fault> {
    let out_of_range = || Fault::new(format!("index out of range: {at}"));
    let at = usize::try_from(at).map_err(|_| out_of_range())?;
    let mut starts = text.char_indices().map(|(start, _)| start).chain([text.len()]);
    starts.nth(at).ok_or_else(out_of_range)
}

fn index_of<'v>(text: &str, part: &Str<'_>, from: i64) -> Result<Value<'v>, Fault> {
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    if from < 0 {
        return Err(Fault::new(format!("index out of range: {from}")));
    }
    let Ok(start) = position(text, from) else { return Ok(Value::Int(-1)) };
    let found = text[start..].find(&**part);
    Ok(Value::Int(found.map_or(-1, |at| from + characters(&text[start..start + at]))))
}

fn last_index_of<'v>(text: &str, part: &Str<'_>, from: i64) -> Result<Value<'v>, Fault> {
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    if from < 0 {
        return Err(Fault::new(format!("index out of range: {from}")));
    }
    if from >= characters(text) {
        return Ok(Value::Int(-1));
    }
    // The match begins at `from` at the latest, so it ends here.
    let mut end = (position(text, from)? + part.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let found = text[..end].rfind(&**part);
    Ok(Value::Int(found.map_or(-1, |at| characters(&text[..at]))))
}

/// `strings.Replace`: an empty `old` is found before each character and at the end.
fn replace<'v>(text: &str, old: &str, new: &str, most: i64, budget: &Budget) -> Result<Value<'v>, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    charge(text.len().saturating_add(found.min(most).saturating_mul(new.len())), budget)?;
    budget.spend(found as u64)?;
    Ok(Value::text(text.replacen(old, new, most)))
}

/// `strings.SplitN`: an empty `by` separates all characters.
fn split<'v>(text: &str, by: &str, most: i64, budget: &Budget) -> Result<Value<'v>, Fault> {
    let most = match usize::try_from(most) {
        Ok(0) => return Ok(Value::list(Vec::new())),
        Ok(most) => most,
        Err(_) => usize::MAX,
    };
    let parts: Vec<&str> = if by.is_empty() {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).take(most).collect();
        starts
            .iter()
            .enumerate()
            .map(|(at, start)| &text[*start..starts.get(at + 1).copied().unwrap_or(text.len())])
            .collect()
    } else {
        text.splitn(most, by).collect()
    };
    budget.spend(parts.len() as u64)?;
    charge(parts.len() * (size_of::<Value<'_>>() + 16) + text.len(), budget)?;
    Ok(Value::list(parts.into_iter().map(Value::text).collect()))
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
