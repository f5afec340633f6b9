//! The keys and values of a generated object.

use crate::KustomizeError;
use crate::args::Generator;
use crate::loader::{Loader, Sited};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::{Budget, Origin};

pub(super) struct Pair {
    pub key: String,
    pub value: Vec<u8>,
    pub at: Origin,
}

/// The longest line of an env file; the original silently ignores the rest of a file after one.
const MAX_LINE: usize = 64 * 1024;

pub(super) fn load(
    generator: &Generator,
    loader: &Loader,
    budget: &Budget,
) -> Result<BTreeMap<String, Pair>, KustomizeError> {
    let mut found = BTreeMap::new();
    let mut add = |pair: Pair| {
        budget.take_bytes(pair.value.len() as u64)?;
        let at = pair.at.clone();
        match found.insert(pair.key.clone(), pair) {
            None => Ok(()),
            Some(first) => {
                let what = format!("the generator of '{}'", generator.name);
                let problem = format!("has the key '{}' twice, the other time at {}", first.key, first.at);
                Err(KustomizeError::target(&at, what, problem))
            }
        }
    };
    for path in &generator.sources.envs {
        let (content, file) = loader.load(path, "envs")?;
        env_lines(&content, &file)?.into_iter().try_for_each(&mut add)?;
    }
    for literal in &generator.sources.literals {
        add(parse_literal(literal)?)?;
    }
    for source in &generator.sources.files {
        let (key, path) = parse_source(source)?;
        let (content, file) = loader.load(&path, "files")?;
        add(Pair { key, value: content.to_vec(), at: Origin::file(file) })?;
    }
    Ok(found)
}

fn env_lines(content: &[u8], file: &Arc<str>) -> Result<Vec<Pair>, KustomizeError> {
    let mut pairs = Vec::new();
    for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let at = Origin::new(Some(file.clone()), number as u32 + 1, 1);
        if line.len() >= MAX_LINE {
            return Err(KustomizeError::field(&at, "envs", "the line is longer than 64 KiB"));
        }
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(KustomizeError::field(&at, "envs", "the line is not UTF-8"));
        };
        let line = line.strip_prefix('\u{feff}').filter(|_| number == 0).unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push(Pair { key: key.to_owned(), value: value.as_bytes().to_vec(), at });
        }
    }
    Ok(pairs)
}

fn parse_literal(literal: &Sited) -> Result<Pair, KustomizeError> {
    match literal.text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok(Pair { key: key.to_owned(), value: unquoted(value).as_bytes().to_vec(), at: literal.at.clone() })
        }
        _ => {
            let problem = format!("'{}' is not of the form key=value", literal.text);
            Err(KustomizeError::field(&literal.at, "literals", problem))
        }
    }
}

/// Without one pair of quotes around it.
fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// `path` or `key=path`.
pub(super) fn parse_source(source: &Sited) -> Result<(String, Sited), KustomizeError> {
    let refuse = |problem: String| Err(KustomizeError::field(&source.at, "files", problem));
    let text = &source.text;
    match text.split('=').collect::<Vec<_>>().as_slice() {
        [path] => Ok((path.rsplit('/').find(|name| !name.is_empty()).unwrap_or(path).to_owned(), source.clone())),
        ["", _] => refuse(format!("'{text}' has no key before '='")),
        [_, ""] => refuse(format!("'{text}' has no path after '='")),
        [key, path] => Ok(((*key).to_owned(), Sited { text: (*path).to_owned(), at: source.at.clone() })),
        _ => refuse(format!("'{text}' has more than one '='")),
    }
}
