//! Post-build substitution: `${VAR}` and its operators, with the grammar of fluxcd/pkg/envsubst.
//!
//! Only `${...}` is an expression; `$name` is text, and `$${x}` is the text `${x}`. Quirks of the
//! original are kept: `${v:+d}` and `${v:?d}` behave like a default, `${v-d}`, `${v+d}` and `${v?d}`
//! are mistakes, a literal is replaced and not a pattern, lengths and offsets count bytes.

mod eval;
mod parse;

use parse::Part;
use std::collections::BTreeMap;
use std::fmt;
use weir_base::{Budget, Exhausted};

/// Why a text cannot be substituted. `at` is a character of the text, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubstituteError {
    #[error("{0}")]
    Syntax(&'static str, usize),
    #[error("variable not set (strict mode): \"{name}\"")]
    NotSet { name: String, at: usize },
    #[error("'{0}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'")]
    BadName(String),
    #[error("the substitution stopped: {0}")]
    Exhausted(#[from] Exhausted),
}

impl SubstituteError {
    /// The line of the text, counted from 1; `None` when the mistake is in no line.
    pub fn line(&self, text: &str) -> Option<usize> {
        match self {
            SubstituteError::Syntax(_, at) | SubstituteError::NotSet { at, .. } => {
                Some(1 + text.chars().take(*at).filter(|c| *c == '\n').count())
            }
            _ => None,
        }
    }
}

/// The values of the variables, their names checked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// The names alone: values come from Secrets too.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Adds a variable; a later one of the same name wins. Newlines in values are removed.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), SubstituteError> {
        let mut chars = name.chars();
        let starts = chars.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
        if !starts || !chars.all(|c| c == '_' || c.is_ascii_alphanumeric()) {
            return Err(SubstituteError::BadName(name.to_owned()));
        }
        self.0.insert(name.to_owned(), value.replace('\n', ""));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Replaces the expressions of a text. In strict mode a variable that is not set and has no default
/// is an error; else it is empty.
pub fn substitute(text: &str, variables: &Variables, strict: bool, budget: &Budget) -> Result<String, SubstituteError> {
    let parts = parse::parse(text, budget)?;
    let mut out = String::with_capacity(text.len());
    for part in &parts {
        eval(part, variables, strict, budget, &mut out)?;
    }
    Ok(out)
}

fn eval(
    part: &Part,
    variables: &Variables,
    strict: bool,
    budget: &Budget,
    out: &mut String,
) -> Result<(), SubstituteError> {
    let call = match part {
        Part::Text(text) => {
            out.push_str(text);
            return Ok(());
        }
        Part::Call(call) => call,
    };
    let mut args = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let mut value = String::new();
        eval(arg, variables, strict, budget, &mut value)?;
        args.push(value);
    }
    let value = match variables.0.get(&call.name) {
        Some(value) => value.as_str(),
        None if strict && !call.operator.is_default() => {
            return Err(SubstituteError::NotSet { name: call.name.clone(), at: call.at });
        }
        None => "",
    };
    let value = eval::apply(call.operator, value, &args).map_err(|why| SubstituteError::Syntax(why, call.at))?;
    budget.take_bytes(value.len() as u64)?;
    out.push_str(&value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, strict: bool) -> Result<String, SubstituteError> {
        let mut variables = Variables::default();
        for (name, value) in
            [("a", "abcdef"), ("path", "/usr/lib/x.tar.gz"), ("e", ""), ("multi", "x\ny"), ("u", "Äb"), ("b", "B")]
        {
            variables.insert(name, value).expect("a good name");
        }
        substitute(text, &variables, strict, &Budget::standard())
    }

    /// Made by running fluxcd/pkg/envsubst on the same texts and variables.
    #[test]
    fn expressions_give_what_the_original_gives() {
        let cases: Vec<(String, Option<String>)> =
            serde_json::from_str(include_str!("cases.json")).expect("pairs of text and answer");
        assert!(cases.len() > 60, "{}", cases.len());
        let wrong: Vec<String> = cases
            .iter()
            .filter_map(|(text, expect)| {
                let ours = run(text, false);
                (ours.as_ref().ok() != expect.as_ref()).then(|| format!("{text:?}: {expect:?}, ours {ours:?}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn strict_names_what_is_not_set_and_where() {
        let text = "x: ${a}\ny: ${missing:=d}\nz: ${missing^^}\n";
        let error = run(text, true).expect_err("not set");
        assert_eq!(error.to_string(), "variable not set (strict mode): \"missing\"");
        assert_eq!(error.line(text), Some(3));
        assert_eq!(run(text, false).as_deref(), Ok("x: abcdef\ny: d\nz: \n"));
    }

    #[test]
    fn names_are_checked() {
        let mut variables = Variables::default();
        for bad in ["", "1a", "a-b", "a.b", "é"] {
            assert!(variables.insert(bad, "x").is_err(), "{bad}");
        }
    }

    #[test]
    fn hostile_nesting_and_growth_are_bounded() {
        let deep = format!("{}x{}", "${a:=".repeat(5000), "}".repeat(5000));
        assert!(matches!(run(&deep, false), Err(SubstituteError::Exhausted(Exhausted::Depth { .. }))));
        let mut variables = Variables::default();
        variables.insert("big", &"x".repeat(1 << 16)).expect("a good name");
        let many = "${big}".repeat(1000);
        let result = substitute(&many, &variables, true, &Budget::new(1_000_000, 1 << 20));
        assert!(matches!(result, Err(SubstituteError::Exhausted(Exhausted::Bytes { .. }))));
    }
}
