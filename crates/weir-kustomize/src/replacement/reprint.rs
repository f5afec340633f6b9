//! Printing a document as yaml.v3 does: quotes, brackets, blocks of text and comments as they were.

use super::comments::{self, Comments};
use crate::scalar;
use weir_doc::{Dialect, Key, Map, Node, Style, Value, yaml};

/// The document, which was read from the text and then changed.
pub(super) fn reprint(document: &Node, text: &str) -> Result<String, String> {
    let has_anchors = text.split(|c: char| c.is_whitespace() || "[{,".contains(c)).any(|word| {
        word.len() > 1 && word.starts_with(['&', '*']) && word[1..].starts_with(|c: char| c.is_ascii_alphanumeric())
    });
    if has_anchors {
        return Err("the YAML in the text has anchors, which is not supported".to_owned());
    }
    let comments = comments::find(text)?;
    if !comments.is_empty() && has_tagged_block(document) {
        return Err(
            "the YAML in the text has comments and a tag before a list or mapping, which is not supported".to_owned()
        );
    }
    let mut printer = Printer { out: comments.start.clone(), lines: text.lines().collect(), comments, last: 0 };
    match &document.value {
        Value::Map(map) if !is_flow(document, map.is_empty()) => {
            printer.root_tag(document);
            printer.mapping(map, 0, false);
        }
        Value::Seq(items) if !is_flow(document, items.is_empty()) => {
            printer.root_tag(document);
            printer.sequence(items, 0, false);
        }
        _ => {
            let shown = printer.flat(document, false);
            printer.out.push_str(&shown);
            printer.out.push('\n');
        }
    }
    // Without a last line break, the comment at the end goes to the last key.
    let indent = if text.ends_with('\n') || printer.comments.end.starts_with('\n') { 0 } else { printer.last };
    for line in std::mem::take(&mut printer.comments.end).lines() {
        let indent = if line.is_empty() { 0 } else { indent };
        printer.out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
    }
    Ok(printer.out.trim().to_owned())
}

/// Whether a tag stands before a list or mapping of several lines: yaml.v3 loses its way with comments there.
fn has_tagged_block(node: &Node) -> bool {
    let (inner, is_block): (Vec<&Node>, bool) = match &node.value {
        Value::Map(map) => (map.values().collect(), !is_flow(node, map.is_empty())),
        Value::Seq(items) => (items.iter().collect(), !is_flow(node, items.is_empty())),
        _ => return false,
    };
    (is_block && scalar::written_tag(node).is_some()) || inner.into_iter().any(has_tagged_block)
}

struct Printer<'t> {
    out: String,
    lines: Vec<&'t str>,
    comments: Comments,
    /// The indentation of the last key; 0 for an element of a list.
    last: usize,
}

fn is_flow(node: &Node, is_empty: bool) -> bool {
    is_empty || node.meta.style == Style::Flow
}

/// The line of a node, when it stands in the text.
fn line_of(node: &Node) -> u32 {
    if node.meta.at.file.is_none() { node.meta.at.line } else { 0 }
}

impl Printer<'_> {
    fn begin(&mut self, indent: usize, line: u32, continues: bool) {
        for comment in self.comments.above.remove(&line).unwrap_or_default() {
            self.out.push_str(&format!("{}{comment}\n", " ".repeat(indent)));
        }
        if !continues {
            self.out.push_str(&" ".repeat(indent));
        }
    }

    fn root_tag(&mut self, document: &Node) {
        if let Some(tag) = scalar::written_tag(document) {
            self.out.push_str(&format!("{tag}\n"));
        }
    }

    /// Ends a line, with the comment it had.
    fn end(&mut self, line: u32) {
        if let Some(comment) = self.comments.after.remove(&line) {
            self.out.push_str(&format!(" {comment}"));
        }
        self.out.push('\n');
    }

    /// The entries; `continues` says that the first one goes on a line that has begun.
    fn mapping(&mut self, map: &Map, indent: usize, continues: bool) {
        for (at, (key, value)) in map.iter().enumerate() {
            let line = if line_of(value) > 0 { key.line } else { 0 };
            self.begin(indent, line, continues && at == 0);
            let shown = self.key(key);
            self.out.push_str(&format!("{shown}:"));
            self.tag(value);
            match &value.value {
                Value::Map(inner) if !is_flow(value, inner.is_empty()) => {
                    self.end(line);
                    self.mapping(inner, indent + 2, false);
                }
                Value::Seq(items) if !is_flow(value, items.is_empty()) => {
                    self.end(line);
                    self.sequence(items, indent, false);
                }
                _ => {
                    self.leaf(value, indent, line);
                    self.last = indent;
                }
            }
        }
    }

    fn sequence(&mut self, items: &[Node], indent: usize, continues: bool) {
        for (at, item) in items.iter().enumerate() {
            self.begin(indent, line_of(item), continues && at == 0);
            self.out.push('-');
            // What has a tag begins on the next line.
            let continues = !self.tag(item);
            let is_block = item.as_map().is_some_and(|map| !is_flow(item, map.is_empty()))
                || item.as_seq().is_some_and(|items| !is_flow(item, items.is_empty()));
            match continues {
                true if is_block => self.out.push(' '),
                false if is_block => self.out.push('\n'),
                _ => {}
            }
            match &item.value {
                Value::Map(inner) if is_block => self.mapping(inner, indent + 2, continues),
                Value::Seq(inner) if is_block => self.sequence(inner, indent + 2, continues),
                _ => {
                    self.leaf(item, indent, line_of(item));
                    self.last = 0;
                }
            }
        }
    }

    /// Prints the tag that was written out, if there is one that belongs before a block.
    fn tag(&mut self, node: &Node) -> bool {
        let is_flat = match &node.value {
            Value::Map(map) => is_flow(node, map.is_empty()),
            Value::Seq(items) => is_flow(node, items.is_empty()),
            _ => !is_block(node, &scalar::text(node)),
        };
        let tag = scalar::written_tag(node).filter(|_| !is_flat);
        if let Some(tag) = &tag {
            self.out.push_str(&format!(" {tag}"));
        }
        tag.is_some()
    }

    /// What stands on the line of its key or dash, or begins there.
    fn leaf(&mut self, node: &Node, indent: usize, line: u32) {
        let text = scalar::text(node).into_owned();
        let style = node.meta.style;
        if is_block(node, &text) {
            self.out.push_str(if style == Style::Folded { " >" } else { " |" });
            self.out.push_str(hints(&text));
            self.end(line);
            self.block(&text, style, indent + 2);
            return;
        }
        let shown = self.flat(node, false);
        if !shown.is_empty() {
            self.out.push_str(&format!(" {shown}"));
        }
        self.end(line);
    }

    fn block(&mut self, text: &str, style: Style, indent: usize) {
        let doubles = style == Style::Folded && !text.trim_start_matches('\n').starts_with([' ', '\t']);
        let (mut breaks, mut leading) = (true, true);
        for c in text.chars() {
            if c == '\n' {
                self.out.push_str(if doubles && !breaks && !leading { "\n\n" } else { "\n" });
                breaks = true;
                continue;
            }
            if breaks {
                self.out.push_str(&" ".repeat(indent));
                leading = matches!(c, ' ' | '\t');
            }
            self.out.push(c);
            breaks = false;
        }
        if !breaks {
            self.out.push('\n');
        }
    }

    /// A key with the quotes it had.
    fn key(&self, key: &Key) -> String {
        let line = self.lines.get((key.line as usize).wrapping_sub(1));
        let first = line.and_then(|line| line.chars().nth((key.col() as usize).wrapping_sub(1)));
        let style = match first {
            Some('"') => Style::DoubleQuoted,
            Some('\'') => Style::SingleQuoted,
            _ => Style::Plain,
        };
        text(key.as_str(), style, true, true)
    }

    fn flat(&self, node: &Node, in_flow: bool) -> String {
        let tag = scalar::written_tag(node);
        if let Some(tag) = tag {
            let shown = match &node.value {
                Value::Map(_) | Value::Seq(_) => self.untagged(node, in_flow),
                _ => text(&scalar::text(node), node.meta.style, false, in_flow),
            };
            return format!("{tag} {shown}").trim_end().to_owned();
        }
        self.untagged(node, in_flow)
    }

    fn untagged(&self, node: &Node, in_flow: bool) -> String {
        match &node.value {
            Value::Map(map) => {
                let entries: Vec<String> =
                    map.iter().map(|(key, value)| format!("{}: {}", self.key(key), self.flat(value, true))).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Value::Seq(items) => {
                let items: Vec<String> = items.iter().map(|item| self.flat(item, true)).collect();
                format!("[{}]", items.join(", "))
            }
            _ => match node.meta.note.as_ref().and_then(|note| note.tag.as_deref()).filter(|tag| tag.starts_with("!!"))
            {
                Some(tag) => format!("{tag} {}", text(&scalar::text(node), node.meta.style, false, in_flow)),
                None => text(&scalar::text(node), node.meta.style, is_string(node), in_flow),
            },
        }
    }
}

/// Whether a scalar is printed as a block of lines.
fn is_block(node: &Node, text: &str) -> bool {
    let style = node.meta.style;
    let is_block = matches!(style, Style::Literal | Style::Folded) || (style == Style::Plain && text.contains('\n'));
    is_block && is_string(node) && may_be_block(text)
}

fn is_string(node: &Node) -> bool {
    node.as_str().is_some()
}

/// A scalar on one line. A string that reads as something else gets quotes.
fn text(text: &str, style: Style, is_string: bool, in_flow: bool) -> String {
    let single = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let reads_otherwise = || !matches!(yaml::resolve_plain(text, Dialect::V3), Value::String(_));
    let special = text.chars().any(|c| c.is_control() || c == '\u{feff}');
    let double = style == Style::DoubleQuoted
        || matches!(style, Style::Literal | Style::Folded)
        || special
        || text.contains(" \n")
        || (style == Style::Plain && is_string && reads_otherwise());
    if double {
        return quoted(text);
    }
    if style == Style::SingleQuoted || !may_be_plain(text, in_flow) {
        return single(text);
    }
    text.to_owned()
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            c if c.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn may_be_block(text: &str) -> bool {
    let special = text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\u{feff}');
    !text.is_empty() && !special && !text.ends_with(' ') && !text.contains(" \n")
}

/// What says how a block of text is indented and how it ends.
fn hints(text: &str) -> &'static str {
    let ends = text.len() - text.trim_end_matches('\n').len();
    let keeps = ends > 1 || text == "\n";
    match (text.starts_with([' ', '\n']), ends, keeps) {
        (true, 0, _) => "2-",
        (false, 0, _) => "-",
        (true, _, true) => "2+",
        (false, _, true) => "+",
        (true, _, false) => "2",
        (false, _, false) => "",
    }
}

fn may_be_plain(text: &str, in_flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return !in_flow };
    let next_is_blank = text.chars().nth(1).is_none_or(char::is_whitespace);
    let bad_start = "#,[]{}&*!|>'\"%@`".contains(first)
        || (first == '-' && next_is_blank)
        || (matches!(first, '?' | ':') && (in_flow || next_is_blank))
        || text.starts_with("---")
        || text.starts_with("...");
    let bad_inside = text.contains(": ") || text.ends_with(':') || text.contains(" #");
    let bad_in_flow = in_flow && text.contains([',', '?', '[', ']', '{', '}', ':']);
    !(bad_start || bad_inside || bad_in_flow || text.starts_with(' ') || text.ends_with(' '))
}
