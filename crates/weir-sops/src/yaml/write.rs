//! Characters, scalars and comments on their way out.

use super::{Style, emit::Emitter};
use std::fmt::Write;

/// What a scalar's text allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub multiline: bool,
    pub plain: bool,
    pub single_quoted: bool,
    pub block: bool,
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What yaml.v3 prints as it is: nothing above U+FFFF.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}')
}

impl Shape {
    pub fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single_quoted: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut tabs) = (false, false, false);
        let (mut break_space, mut space_break) = (false, false);
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let blank_after = chars.peek().is_none_or(|c| matches!(c, ' ' | '\t'));
            // A byte of zero counts as white space before a comment.
            let blank_before = before.is_none_or(|c: char| matches!(c, ' ' | '\t' | '\0') || is_break(c));
            let first = before.is_none();
            indicators |= match c {
                '#' => first || blank_before,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
                '?' | '-' => first && blank_after,
                ':' => blank_after,
                _ => false,
            };
            if c == '\t' {
                tabs = true;
            } else if !is_printable(c) {
                special = true;
            }
            if c == ' ' {
                break_space |= before.is_some_and(is_break);
            } else if is_break(c) {
                breaks = true;
                space_break |= before == Some(' ');
            }
            before = Some(c);
        }
        let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
        let edges = edge(text.chars().next()) || edge(text.chars().next_back());
        let odd = break_space || space_break || tabs || special;
        Self {
            multiline: breaks,
            plain: !(edges || odd || breaks || indicators),
            single_quoted: !odd,
            block: !(text.ends_with(' ') || space_break || special),
        }
    }
}

impl Emitter {
    pub(super) fn put(&mut self, c: char) {
        let mut room = [0; 4];
        self.out.extend_from_slice(c.encode_utf8(&mut room).as_bytes());
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push(b'\n');
        self.lines.push(self.origin);
        self.column = 0;
        self.indention = true;
    }

    fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.put_break();
        } else {
            self.put(c);
            self.column = 0;
            self.indention = true;
        }
    }

    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.max(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.foot_indent == indent {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.foot_indent = -1;
    }

    pub(super) fn indicator(&mut self, text: &str, need_whitespace: bool, is_whitespace: bool, is_indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    pub(super) fn text(&mut self, value: &str, style: Style) {
        match style {
            Style::Plain => {
                if !value.is_empty() && !self.whitespace {
                    self.put(' ');
                }
                value.chars().for_each(|c| self.put(c));
                if !value.is_empty() {
                    self.whitespace = false;
                }
                self.indention = false;
            }
            Style::SingleQuoted => self.single_quoted(value),
            Style::DoubleQuoted => self.double_quoted(value),
            Style::Literal | Style::Folded => self.literal(value),
        }
    }

    fn single_quoted(&mut self, value: &str) {
        self.indicator("'", true, false, false);
        let mut breaks = false;
        for c in value.chars() {
            if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break();
                }
                self.write_break(c);
                breaks = true;
                continue;
            }
            if c == ' ' {
                self.put(c);
                continue;
            }
            if breaks {
                self.write_indent();
            }
            if c == '\'' {
                self.put(c);
            }
            self.put(c);
            self.indention = false;
            breaks = false;
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double_quoted(&mut self, value: &str) {
        self.indicator("\"", true, false, false);
        for c in value.chars() {
            if is_printable(c) && !is_break(c) && c != '"' && c != '\\' {
                self.put(c);
                continue;
            }
            let short = match c {
                '\0' => '0',
                '\x07' => 'a',
                '\x08' => 'b',
                '\t' => 't',
                '\n' => 'n',
                '\x0B' => 'v',
                '\x0C' => 'f',
                '\r' => 'r',
                '\x1B' => 'e',
                '"' | '\\' => c,
                '\u{85}' => 'N',
                '\u{A0}' => '_',
                '\u{2028}' => 'L',
                '\u{2029}' => 'P',
                _ => '\u{FFFF}',
            };
            self.put('\\');
            if short != '\u{FFFF}' {
                self.put(short);
                continue;
            }
            let code = u32::from(c);
            let mut text = String::new();
            match code {
                0..=0xFF => write!(text, "x{code:02X}"),
                0x100..=0xFFFF => write!(text, "u{code:04X}"),
                _ => write!(text, "U{code:08X}"),
            }
            .expect("writing to a string cannot fail");
            text.chars().for_each(|c| self.put(c));
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn literal(&mut self, value: &str) {
        self.indicator("|", true, false, false);
        if value.starts_with(|c| c == ' ' || is_break(c)) {
            let hint = self.best_indent.to_string();
            self.indicator(&hint, false, false, false);
        }
        let mut back = value.chars().rev();
        let chomp = match (back.next(), back.next()) {
            (Some(last), _) if !is_break(last) => "-",
            (Some(_), None) => "+",
            (Some(_), Some(before)) if is_break(before) => "+",
            (None, _) => "-",
            _ => "",
        };
        if !chomp.is_empty() {
            self.indicator(chomp, false, false, false);
        }
        self.line_comment_here(true);
        self.whitespace = true;
        let mut breaks = true;
        for c in value.chars() {
            if is_break(c) {
                self.write_break(c);
                breaks = true;
                continue;
            }
            if breaks {
                self.write_indent();
            }
            self.put(c);
            self.indention = false;
            breaks = false;
        }
    }

    /// The comment behind a value; with `linebreak` the line ends in any case.
    pub(super) fn line_comment_here(&mut self, linebreak: bool) {
        if self.line_comment.is_empty() {
            if linebreak {
                self.put_break();
            }
            return;
        }
        if !self.whitespace {
            self.put(' ');
        }
        let comment = std::mem::take(&mut self.line_comment);
        self.comment(&comment);
    }

    pub(super) fn comment(&mut self, text: &str) {
        let mut breaks = false;
        let mut pound = false;
        for c in text.chars() {
            if is_break(c) {
                self.write_break(c);
                breaks = true;
                pound = false;
                continue;
            }
            if breaks {
                self.write_indent();
            }
            if !pound {
                if c != '#' {
                    self.put('#');
                    self.put(' ');
                }
                pound = true;
            }
            self.put(c);
            self.indention = false;
            breaks = false;
        }
        if !breaks {
            self.put_break();
        }
        self.whitespace = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_plain() {
        for text in ["a: b", "# x", "a #b", " a", "a ", "- a", "-", "*a", "a\nb", "é\u{1F600}", "a\tb", "---", "a:"] {
            assert!(!Shape::of(text).plain, "{text:?}");
        }
        for text in ["a:b", "a#b", "-a", "?a", "a, b", "é", "::"] {
            assert!(Shape::of(text).plain || text == "::", "{text:?}");
        }
        assert!(!Shape::of("😀").single_quoted);
        assert!(Shape::of("a\n b\n").block && !Shape::of("a \nb").block);
    }
}
