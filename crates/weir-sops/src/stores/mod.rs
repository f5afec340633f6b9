//! Between the text of each format and the tree.

mod dotenv;
mod flatten;
mod ini;
mod json;

use crate::error::SopsError;
use crate::tree::{Branch, Item, Key, Value};
use crate::{Format, yaml};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use zeroize::Zeroizing;

/// How a text is wrong, before the file is known; the line is 0 where none is.
pub(crate) struct Wrong {
    pub line: u32,
    pub message: String,
}

impl Wrong {
    pub fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The branches of an encrypted text: one for each document of YAML, else one.
pub(crate) fn load(
    text: &[u8],
    format: Format,
    file: &Option<Arc<str>>,
    budget: &Budget,
) -> Result<Vec<Branch>, SopsError> {
    let branches = match format {
        Format::Yaml => match decode(text) {
            Some(text) => yaml::branches(&text, budget).map_err(|fault| Wrong::new(fault.line, fault.message)),
            None => Err(Wrong::new(0, "it is not UTF-8")),
        },
        // Binary data are held in JSON.
        Format::Json | Format::Binary => json::load(text, budget).map(|branch| vec![branch]),
        Format::Dotenv => dotenv::load(text).map(|branch| vec![branch]),
        Format::Ini => ini::load(text).map(|branch| vec![branch]),
    };
    branches.map_err(|wrong| {
        let at = Origin::new(file.clone(), wrong.line, 0);
        SopsError::Syntax { at, format, message: wrong.message }
    })
}

/// The branches of a text that is not encrypted.
pub(crate) fn load_plain(
    text: &[u8],
    format: Format,
    file: &Option<Arc<str>>,
    budget: &Budget,
) -> Result<Vec<Branch>, SopsError> {
    if format == Format::Binary {
        return Ok(vec![vec![Item::new(DATA, Value::text(text))]]);
    }
    load(text, format, file, budget)
}

/// YAML may be UTF-16 where it says so with a mark.
fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> =
            Zeroizing::new(text[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect());
        String::from_utf16(&units).ok().map(Zeroizing::new)
    };
    match text {
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            std::str::from_utf8(text).ok().map(|text| Zeroizing::new(text.to_owned()))
        }
    }
}

/// The text of a tree, and for each of its lines the line it comes from, where the format has such. `room` is how
/// large it may become.
pub(crate) fn emit(branches: &[Branch], format: Format, room: usize) -> Result<(Zeroizing<Vec<u8>>, Vec<u32>), String> {
    if format == Format::Yaml {
        return Ok(yaml::emit(branches, 4, room * 2));
    }
    let Some(branch) = branches.first() else { return Err("there is no document".to_owned()) };
    let text = match format {
        Format::Json => json::emit(branch, room)?,
        Format::Dotenv => dotenv::emit(branch, room)?,
        Format::Ini => ini::emit(branch, room)?,
        Format::Binary | Format::Yaml => {
            if branches.len() != 1 {
                return Err("there is more than one document".to_owned());
            }
            match branch.iter().find(|item| item.name() == Some(DATA)).map(|item| &item.value) {
                Some(Value::Str(text)) => text.clone(),
                Some(other) => return Err(format!("'{DATA}' is {}, and should be a string", other.kind_name())),
                None => return Err(format!("there is no '{DATA}' in it")),
            }
        }
    };
    Ok((text, Vec::new()))
}

/// Where binary data are held.
const DATA: &str = "data";

/// The name of the block, and of what stands for it where there are no blocks.
pub(crate) const BLOCK: &str = "sops";
const PREFIX: &str = "sops_";

/// Takes the metadata out of the branches, with its line; `None` when there is none.
pub(crate) fn take_metadata(
    branches: &mut [Branch],
    format: Format,
    file: &Option<Arc<str>>,
) -> Result<Option<(Branch, u32)>, SopsError> {
    let found = if format == Format::Dotenv { take_prefixed(branches) } else { take_block(branches, file)? };
    let Some((block, line)) = found else { return Ok(None) };
    if !matches!(format, Format::Dotenv | Format::Ini) {
        return Ok(Some((block, line)));
    }
    let mut flat = block;
    if format == Format::Ini {
        for item in &mut flat {
            if let Value::Str(text) = &item.value {
                item.value = Value::Str(dotenv::replace(text, b"\\n", b"\n"));
            }
        }
    }
    let block = flatten::unflatten(&flat);
    block.map(|block| Some((block, line))).map_err(|wrong| {
        let line = if wrong.line > 0 { wrong.line } else { line };
        SopsError::metadata(file, line, wrong.message)
    })
}

fn take_block(branches: &mut [Branch], file: &Option<Arc<str>>) -> Result<Option<(Branch, u32)>, SopsError> {
    let is_block = |item: &Item| item.name() == Some(BLOCK);
    let Some(first) = branches.first() else { return Ok(None) };
    let mut found = first.iter().filter(|item| is_block(item));
    let Some(block) = found.next() else { return Ok(None) };
    let line = block.line;
    if let Some(second) = found.next() {
        return Err(SopsError::metadata(file, second.line, "there is a second sops block"));
    }
    let Value::Map(map) = &block.value else {
        let message = format!("sops is {}, and should be a mapping", block.value.kind_name());
        return Err(SopsError::metadata(file, line, message));
    };
    let map = map.clone();
    // Each document of a stream has a copy; the first counts.
    for branch in branches {
        branch.retain(|item| !is_block(item));
    }
    Ok(Some((map, line)))
}

fn take_prefixed(branches: &mut [Branch]) -> Option<(Branch, u32)> {
    let branch = branches.first_mut()?;
    let mut flat = Branch::new();
    branch.retain(|item| {
        let Some(name) = item.name().and_then(|name| name.strip_prefix(PREFIX)) else { return true };
        flat.push(Item::new(name, item.value.clone()).at(item.line));
        false
    });
    let line = flat.first()?.line;
    Some((flat, line))
}

/// Whether a plain text already has what metadata would take.
pub(crate) fn reserved(branches: &[Branch], format: Format) -> Option<(String, u32)> {
    let mut items = branches.iter().flatten();
    let taken = items.find(|item| match item.name() {
        Some(name) if format == Format::Dotenv => name.starts_with(PREFIX),
        Some(name) => name == BLOCK,
        None => false,
    })?;
    taken.name().map(|name| (name.to_owned(), taken.line))
}

/// Adds the metadata to every branch.
pub(crate) fn put_metadata(branches: &[Branch], block: &Branch, format: Format) -> Vec<Branch> {
    let metadata = match format {
        Format::Dotenv => flatten::flatten(block, PREFIX),
        Format::Ini => {
            let mut flat = flatten::flatten(block, "");
            for item in &mut flat {
                if let Value::Str(text) = &item.value {
                    item.value = Value::Str(dotenv::replace(text, b"\n", b"\\n"));
                }
            }
            vec![Item { key: Key::Text(BLOCK.to_owned()), value: Value::Map(flat), line: 0 }]
        }
        _ => vec![Item { key: Key::Text(BLOCK.to_owned()), value: Value::Map(block.clone()), line: 0 }],
    };
    branches.iter().map(|branch| branch.iter().chain(&metadata).cloned().collect()).collect()
}
