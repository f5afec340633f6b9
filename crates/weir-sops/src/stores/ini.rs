//! INI as gopkg.in/ini.v1 reads and prints it, whose rules for quotes and comments are its own.

use super::{Wrong, dotenv};
use crate::tree::{Branch, Item, Key, Value};
use zeroize::Zeroizing;

const DEFAULT: &str = "DEFAULT";

struct Lines<'a> {
    rest: &'a str,
    number: u32,
    /// Comments that wait for the next key or section.
    comment: String,
}

impl<'a> Lines<'a> {
    /// The next line with its break; `None` at the end.
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number += 1;
        Some(line)
    }

    fn wrong<T>(&self, message: &str) -> Result<T, Wrong> {
        Err(Wrong::new(self.number, message))
    }
}

struct Section {
    name: String,
    comment: String,
    line: u32,
    keys: Vec<(String, Zeroizing<String>, String, u32)>,
}

pub(super) fn load(text: &[u8]) -> Result<Branch, Wrong> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| Wrong::new(0, "it is not UTF-8"))?;
    let mut lines = Lines { rest: text, number: 0, comment: String::new() };
    let section = |name: &str, line| Section { name: name.to_owned(), comment: String::new(), line, keys: Vec::new() };
    let mut sections = vec![section(DEFAULT, 1)];
    let mut count = 1;
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        let at = lines.number;
        if line.is_empty() {
            continue;
        }
        if line.starts_with(['#', ';']) {
            lines.comment.push_str(line);
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let Some(close) = rest.rfind(']') else { return lines.wrong("a section is not closed") };
            let name = &rest[..close];
            if name.is_empty() {
                return lines.wrong("a section has no name");
            }
            if let Some(comment) = rest[close + 1..].find(['#', ';']) {
                lines.comment.push_str(&rest[close + 1 + comment..]);
            }
            // Only the first section is there before it is named.
            let mut next = section(name, at);
            std::mem::take(&mut lines.comment).trim().clone_into(&mut next.comment);
            sections.push(next);
            count = 1;
            continue;
        }
        let (mut name, offset) = key_name(line, &lines)?;
        if name == "-" {
            name = format!("#{count}");
            count += 1;
        }
        let value = value(&line[offset..], &mut lines)?;
        let comment = std::mem::take(&mut lines.comment).trim().to_owned();
        if name.is_empty() {
            return lines.wrong("a key has no name");
        }
        let keys = &mut sections.last_mut().expect("begins with one").keys;
        // An equal key takes the place of the first.
        match keys.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) => (known.1, known.2) = (value, comment),
            None => keys.push((name, value, comment, at)),
        }
    }
    Ok(sections.into_iter().map(branch).collect())
}

fn branch(section: Section) -> Item {
    let mut items = Branch::new();
    if !section.comment.is_empty() {
        items.push(Item::comment(stripped(&section.comment), false).at(section.line));
    }
    for (name, value, comment, line) in section.keys {
        items.push(Item::new(name, Value::text(value.as_bytes())).at(line));
        if !comment.is_empty() {
            items.push(Item::comment(stripped(&comment), false).at(line));
        }
    }
    Item::new(section.name, Value::Map(items)).at(section.line)
}

fn stripped(comment: &str) -> &str {
    match comment.as_bytes().first() {
        Some(b';') => comment.trim_start_matches([';', ' ']),
        Some(b'#') => comment.trim_start_matches(['#', ' ']),
        _ => comment,
    }
}

fn key_name(line: &str, lines: &Lines<'_>) -> Result<(String, usize), Wrong> {
    let quote = match line.as_bytes()[0] {
        b'"' if line.len() > 6 && line.starts_with("\"\"\"") => "\"\"\"",
        b'"' => "\"",
        b'`' => "`",
        _ => "",
    };
    let delimiters = ['=', ':'];
    if quote.is_empty() {
        return match line.find(delimiters) {
            None => lines.wrong("a line is neither 'key = value' nor a section nor a comment"),
            Some(0) => lines.wrong("a key has no name"),
            Some(at) => Ok((line[..at].trim().to_owned(), at + 1)),
        };
    }
    let start = quote.len();
    let Some(end) = line[start..].find(quote).map(|at| at + start) else {
        return lines.wrong("the quotes of a key are not closed");
    };
    let Some(cut) = line.get(end + start..).and_then(|rest| rest.find(delimiters)) else {
        return lines.wrong("a line is neither 'key = value' nor a section nor a comment");
    };
    Ok((line[start..end].trim().to_owned(), end + cut + start + 1))
}

fn value(text: &str, lines: &mut Lines<'_>) -> Result<Zeroizing<String>, Wrong> {
    let line = text.trim_start();
    if line.is_empty() {
        return Ok(Zeroizing::default());
    }
    let quote = if line.len() > 3 && line.starts_with("\"\"\"") {
        "\"\"\""
    } else if line.starts_with('`') {
        "`"
    } else {
        ""
    };
    if !quote.is_empty() {
        let inner = &line[quote.len()..];
        return match inner.rfind(quote) {
            Some(end) => Ok(Zeroizing::new(inner[..end].to_owned())),
            None => multiline(inner, quote, lines),
        };
    }
    let line = line.trim();
    if let Some(first) = line.strip_suffix('\\') {
        return Ok(continued(first, lines));
    }
    let mut line = line;
    if let Some(at) = line.find(['#', ';']) {
        lines.comment.push_str(&line[at..]);
        line = line[..at].trim();
    }
    for quote in ['\'', '"'] {
        let inner = line.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return Ok(Zeroizing::new(inner.to_owned()));
        }
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn multiline(first: &str, quote: &str, lines: &mut Lines<'_>) -> Result<Zeroizing<String>, Wrong> {
    let mut value = Zeroizing::new(first.to_owned());
    loop {
        let Some(next) = lines.next() else { return lines.wrong("the quotes of a value are not closed") };
        let Some(end) = next.rfind(quote) else {
            value.push_str(next);
            continue;
        };
        let behind = next[end + quote.len()..].trim_end_matches(['\r', '\n']);
        if behind.trim().ends_with('\\') {
            value.push_str(next);
            continue;
        }
        value.push_str(&next[..end]);
        if let Some(comment) = next[end..].find(['#', ';']) {
            lines.comment.push_str(next[end + comment..].trim());
        }
        return Ok(value);
    }
}

fn continued(first: &str, lines: &mut Lines<'_>) -> Zeroizing<String> {
    let mut value = Zeroizing::new(first.to_owned());
    loop {
        let next = lines.next().unwrap_or_default().trim();
        if next.is_empty() {
            return value;
        }
        value.push_str(next);
        if !value.ends_with('\\') {
            return value;
        }
        value.pop();
    }
}

/// A key as it is printed: its name, its value and the comment above it.
struct Line<'a> {
    name: &'a str,
    value: Zeroizing<String>,
    comment: Option<String>,
}

pub(super) fn emit(branch: &Branch, room: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut out = Zeroizing::new(String::with_capacity(room * 2));
    let sections: Vec<&Item> = branch.iter().filter(|item| !matches!(item.key, Key::Comment(_))).collect();
    for (at, item) in sections.iter().enumerate() {
        let Some(name) = item.name() else { return Err("a section has no name".to_owned()) };
        let Value::Map(items) = &item.value else {
            return Err(format!("'{name}' is {}, and should be a section", item.value.kind_name()));
        };
        let (comment, lines) = lines_of(items)?;
        if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
            write_comment(&comment, false, &mut out);
        }
        if at > 0 || !name.eq_ignore_ascii_case(DEFAULT) {
            out.push('[');
            out.push_str(name);
            out.push_str("]\n");
        } else if lines.is_empty() {
            continue;
        }
        write_keys(&lines, &mut out);
        if at + 1 < sections.len() {
            out.push('\n');
        }
    }
    Ok(Zeroizing::new(std::mem::take(&mut *out).into_bytes()))
}

/// The comment of a section, which stands first in it, and its keys.
fn lines_of(items: &Branch) -> Result<(Option<String>, Vec<Line<'_>>), String> {
    let mut section_comment = None;
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut last = None;
    for (at, item) in items.iter().enumerate() {
        match &item.key {
            Key::Comment(comment) => {
                let text = String::from_utf8_lossy(&comment.text).into_owned();
                if at == 0 {
                    section_comment = Some(text);
                } else if let Some(last) = last.and_then(|last: usize| lines.get_mut(last)) {
                    last.comment = Some(text);
                }
            }
            Key::Odd(what) => return Err(format!("a key is {what}")),
            Key::Text(name) => {
                let value = match &item.value {
                    Value::Map(_) | Value::Seq(_) => {
                        return Err(format!(
                            "'{name}' is {}, and an INI file holds single values",
                            item.value.kind_name()
                        ));
                    }
                    Value::Str(text) => match std::str::from_utf8(text) {
                        Ok(text) => Zeroizing::new(text.to_owned()),
                        Err(_) => return Err(format!("'{name}' is not UTF-8")),
                    },
                    other => Zeroizing::new(dotenv::plain(other)),
                };
                match lines.iter().position(|line| line.name == name) {
                    Some(known) => {
                        lines[known].value = value;
                        last = Some(known);
                    }
                    None => {
                        lines.push(Line { name, value, comment: None });
                        last = Some(lines.len() - 1);
                    }
                }
            }
        }
    }
    Ok((section_comment, lines))
}

fn write_comment(comment: &str, trim: bool, out: &mut String) {
    for line in comment.split('\n') {
        match line.strip_prefix(['#', ';']) {
            Some(rest) => {
                out.push_str(&line[..1]);
                out.push(' ');
                out.push_str(rest.trim());
            }
            None => {
                out.push_str("; ");
                out.push_str(if trim { line.trim() } else { line });
            }
        }
        out.push('\n');
    }
}

fn shown(name: &str) -> String {
    if name.contains(['"', '=', ':']) {
        format!("`{name}`")
    } else if name.contains('`') {
        format!("\"\"\"{name}\"\"\"")
    } else {
        name.to_owned()
    }
}

fn write_keys(lines: &[Line<'_>], out: &mut String) {
    let width = lines.iter().map(|line| shown(line.name).len()).max().unwrap_or(0);
    for line in lines {
        if let Some(comment) = line.comment.as_ref().filter(|comment| !comment.is_empty()) {
            write_comment(comment, true, out);
        }
        let name = shown(line.name);
        out.push_str(&name);
        (name.len()..width).for_each(|_| out.push(' '));
        out.push_str(" = ");
        let value = line.value.as_str();
        let quote = if value.contains(['\n', '`']) {
            "\"\"\""
        } else if value.contains(['#', ';']) {
            "`"
        } else if value.trim().len() != value.len() {
            "\""
        } else {
            ""
        };
        out.push_str(quote);
        out.push_str(value);
        out.push_str(quote);
        out.push('\n');
    }
}
