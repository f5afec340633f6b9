//! Between the text of each format and the tree.

use crate::error::SopsError;
use crate::tree::{Branch, Item, Value};
use crate::{Format, yaml};
use std::sync::Arc;
use weir_base::{Budget, Origin};
use zeroize::Zeroizing;

/// How a format is wrong, before the file is known.
pub(crate) struct Wrong {
    pub line: u32,
    pub message: String,
}

impl Wrong {
    pub fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The branches of a text: one for each document of YAML, else one.
pub(crate) fn load(
    text: &[u8],
    format: Format,
    file: &Option<Arc<str>>,
    budget: &Budget,
) -> Result<Vec<Branch>, SopsError> {
    let wrong = |wrong: Wrong| SopsError::Syntax { at: Origin::new(file.clone(), wrong.line, 0), format, message: wrong.message };
    match format {
        Format::Yaml => {
            let text = decode(text).ok_or_else(|| wrong(Wrong::new(0, "it is not UTF-8")))?;
            yaml::branches(&text, budget).map_err(|fault| wrong(Wrong::new(fault.line, fault.message)))
        }
        _ => Err(wrong(Wrong::new(0, "not read yet"))),
    }
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

/// The text of a tree, and for each of its lines the line it comes from, where the format has such.
pub(crate) fn emit(
    branches: &[Branch],
    format: Format,
    room: usize,
) -> Result<(Zeroizing<Vec<u8>>, Vec<u32>), String> {
    match format {
        Format::Yaml => Ok(yaml::emit(branches, 4, room)),
        _ => Err("not written yet".to_owned()),
    }
}

/// The name of the block, and of what stands for it where there are no blocks.
const BLOCK: &str = "sops";

/// Takes the metadata out of the branches, with its line; `None` when there is none.
pub(crate) fn take_metadata(
    branches: &mut [Branch],
    format: Format,
    file: &Option<Arc<str>>,
) -> Result<Option<(Branch, u32)>, SopsError> {
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
    let _ = format;
    Ok(Some((map, line)))
}
