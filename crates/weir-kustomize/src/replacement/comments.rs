//! The comments of a YAML text, and where yaml.v3 prints them again.

use std::collections::HashMap;

/// Comments by the line (from 1) of what they belong to.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// What comes before everything, with the empty lines between.
    pub start: String,
    /// Above a line.
    pub above: HashMap<u32, Vec<String>>,
    /// At the end of a line.
    pub after: HashMap<u32, String>,
    /// What comes after everything.
    pub end: String,
}

impl Comments {
    pub fn is_empty(&self) -> bool {
        let Self { start, above, after, end } = self;
        start.is_empty() && end.is_empty() && above.is_empty() && after.is_empty()
    }
}

/// Finds the comments. An error where yaml.v3 would move one in a way that is not known here.
pub(super) fn find(text: &str) -> Result<Comments, String> {
    let mut found = Comments::default();
    let mut quote: Option<char> = None;
    // The indentation of a key whose value is a block of text.
    let mut block: Option<usize> = None;
    // Comments on lines of their own: (indentation, text), and whether an empty line stands before them.
    let mut waiting: Vec<(usize, String)> = Vec::new();
    let (mut seen_content, mut blank_before, mut blank_after) = (false, false, false);
    let mut follows_block = false;
    for (number, line) in text.lines().enumerate() {
        let number = number as u32 + 1;
        let indent = line.len() - line.trim_start_matches(' ').len();
        if quote.is_none() && line.trim().is_empty() {
            if waiting.is_empty() {
                blank_before = true;
            } else if !seen_content {
                for (_, comment) in waiting.drain(..) {
                    found.start.push_str(&format!("{comment}\n"));
                }
                found.start.push('\n');
            } else {
                blank_after = true;
            }
            continue;
        }
        if let Some(outer) = block {
            if indent > outer {
                continue;
            }
            block = None;
            follows_block = true;
        }
        if quote.is_none() && line.trim_start().starts_with('#') {
            if blank_after || follows_block {
                return Err(unknown(number));
            }
            waiting.push((indent, line.trim().to_owned()));
            continue;
        }
        if !waiting.is_empty() {
            if blank_after || waiting.iter().any(|(at, _)| *at != indent) {
                return Err(unknown(number));
            }
            found.above.insert(number, waiting.drain(..).map(|(_, comment)| comment).collect());
        }
        (seen_content, blank_before, blank_after, follows_block) = (true, false, false, false);
        let content = match comment_at(line, &mut quote) {
            Some(at) => {
                found.after.insert(number, line[at..].trim_end().to_owned());
                &line[..at]
            }
            None => line,
        };
        let last = content.split_whitespace().next_back().unwrap_or_default();
        if quote.is_none() && (last.starts_with('|') || last.starts_with('>')) {
            block = Some(indent);
        }
    }
    if !waiting.is_empty() {
        if blank_after || !seen_content || waiting.iter().any(|(at, _)| *at > 0) {
            return Err(unknown(text.lines().count() as u32));
        }
        found.end.push_str(if blank_before { "\n" } else { "" });
        for (_, comment) in waiting {
            found.end.push_str(&format!("{comment}\n"));
        }
    }
    Ok(found)
}

fn unknown(line: u32) -> String {
    format!(
        "the YAML in the text has a comment near line {line} that belongs to nothing below it, which is not supported"
    )
}

/// Where a comment begins in a line; quotes may be open before it and after it.
fn comment_at(line: &str, quote: &mut Option<char>) -> Option<usize> {
    let mut before = ' ';
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match *quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => *quote = None,
            Some(_) => {}
            None if c == '#' && before.is_whitespace() => return Some(at),
            None if matches!(c, '"' | '\'') && (before.is_whitespace() || "[{,:(".contains(before)) => *quote = Some(c),
            None => {}
        }
        before = c;
    }
    None
}
