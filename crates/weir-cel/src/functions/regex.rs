//! `matches`: RE2's patterns ([`weir_base::re2`]), by the crate regex, which takes time linear in the text as well.

use crate::error::Fault;
use crate::value::Value;
use regex::{Regex, RegexBuilder};
use weir_base::{Budget, re2};

/// How large a compiled pattern may be; the first size that is enough says what a match costs.
const SIZES: [usize; 5] = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// The same for the tables that are made while matching.
const CACHE: usize = 1 << 20;
/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Steps for a byte of text.
    weight: u64,
}

impl Pattern {
    /// Takes a step for every 16 bytes of the compiled pattern.
    pub fn new(pattern: &str, budget: &Budget) -> Result<Self, Fault> {
        let translated =
            re2::translate(pattern).map_err(|why| Fault::new(format!("'{pattern}' is no pattern: {why}")))?;
        for size in SIZES {
            budget.spend(size as u64 / 16)?;
            match RegexBuilder::new(&translated).size_limit(size).dfa_size_limit(CACHE).nest_limit(100).build() {
                Ok(regex) => return Ok(Self { regex, weight: size as u64 / (4 << 10) }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(Fault::new(format!("'{pattern}' is no pattern: {error}"))),
            }
        }
        Err(Fault::new(format!("'{pattern}' is too large a pattern")))
    }

    fn is_match(&self, text: &str, budget: &Budget) -> Result<bool, Fault> {
        budget.spend((text.len() as u64 + 1).saturating_mul(self.weight))?;
        Ok(self.regex.is_match(text))
    }
}

pub(super) fn matches<'v>(
    args: &[Value<'v>],
    pattern: Option<&Pattern>,
    budget: &Budget,
) -> Result<Option<Value<'v>>, Fault> {
    let [Value::String(text), Value::String(given)] = args else { return Ok(None) };
    let found = match pattern {
        Some(pattern) => pattern.is_match(text, budget)?,
        None => Pattern::new(given, budget)?.is_match(text, budget)?,
    };
    Ok(Some(Value::Bool(found)))
}
