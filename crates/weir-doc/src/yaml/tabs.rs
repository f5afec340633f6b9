//! Tabs before a comment that follows another one.
//!
//! Where a line may begin a token, a tab is a mistake. But yaml.v3 looks from each comment for the next one, and what it
//! skips on the way may be tabs. Our parser does not, so those are replaced where it met one.

use crate::emit::is_break;

/// yaml.v3 looks no further.
const LOOKED_AT: usize = 512;

/// The text with spaces for the tabs between comments from a line on (counted from 0), where only blanks stand between
/// that line's comment and the one before.
pub(super) fn replaced(text: &[u8], line: usize) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut at = start_of(text, line)?;
    // Above it: the end of a line with a comment.
    let blank = |c: char| c == ' ' || c == '\t';
    let above = text[..at].trim_end_matches(|c| blank(c) || is_break(c));
    let before = above.rsplit(is_break).next().unwrap_or_default();
    let mut gap = opens_comment(before).then_some(above.len())?;
    let mut out = text.as_bytes().to_vec();
    let mut found = false;
    while let Some(blanks) = text[at..].find(|c| !blank(c) && !is_break(c)) {
        at += blanks;
        if !text[at..].starts_with('#') || text[gap..at].chars().count() >= LOOKED_AT {
            break;
        }
        for byte in out[gap..at].iter_mut().filter(|byte| **byte == b'\t') {
            *byte = b' ';
            found = true;
        }
        let Some(end) = text[at..].find(is_break) else { break };
        (gap, at) = (at + end, at + end);
    }
    found.then_some(out)
}

/// Whether the line has nothing before its comment but what begins a list or a document.
fn opens_comment(line: &str) -> bool {
    let mut rest = line.trim_start_matches([' ', '\t']);
    while let Some(content) = rest.strip_prefix("---").or_else(|| rest.strip_prefix('-')) {
        if !content.starts_with([' ', '\t']) {
            return false;
        }
        rest = content.trim_start_matches([' ', '\t']);
    }
    rest.starts_with('#')
}

/// Where a line begins.
fn start_of(text: &str, line: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_end = |(at, c): &(usize, char)| is_break(*c) && !(*c == '\r' && bytes.get(at + 1) == Some(&b'\n'));
    match line.checked_sub(1) {
        None => Some(0),
        Some(breaks) => text.char_indices().filter(is_end).nth(breaks).map(|(at, c)| at + c.len_utf8()),
    }
}
