//! How a string is written: the analysis and the four writers of libyaml's emitter, as Go has them.

use super::writer::Writer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Single,
    Double,
    Literal,
}

/// What YAML 1.1 takes for the end of a line.
pub fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank_or_end(c: Option<char>) -> bool {
    c.is_none_or(|c| c == ' ' || c == '\t' || is_break(c))
}

/// What Go's emitter prints as it is: nothing above U+FFFD, so that an emoji is escaped.
pub fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

#[derive(Default)]
struct Analysis {
    multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

fn analyze(text: &str) -> Analysis {
    if text.is_empty() {
        return Analysis { multiline: false, plain: true, single: true, block: false };
    }
    let chars: Vec<char> = text.chars().collect();
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut special, mut line_breaks) = (false, false);
    let (mut leading, mut trailing_space, mut trailing_break) = (false, false, false);
    let (mut space_break, mut break_space) = (false, false);
    let (mut previous_space, mut previous_break) = (false, false);
    let mut after_blank = true;
    for (i, &c) in chars.iter().enumerate() {
        let before_blank = is_blank_or_end(chars.get(i + 1).copied());
        let last = i + 1 == chars.len();
        indicators |= match c {
            '#' => i == 0 || after_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => i == 0,
            '?' => i == 0 && before_blank,
            '-' => i == 0 && before_blank,
            ':' => before_blank,
            _ => false,
        };
        special |= !is_printable(c) && !is_break(c) || matches!(c, '\r' | '\u{85}');
        if c == ' ' {
            leading |= i == 0;
            trailing_space |= last;
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            line_breaks = true;
            leading |= i == 0;
            trailing_break |= last;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = is_blank_or_end(Some(c));
    }
    let all = !(space_break || special);
    Analysis {
        multiline: line_breaks,
        plain: all && !(leading || trailing_space || trailing_break || break_space || line_breaks || indicators),
        single: all && !break_space,
        block: all && !trailing_space,
    }
}

pub(super) fn choose(text: &str, needs_quotes: bool, simple_key: bool) -> Form {
    let analysis = analyze(text);
    if text.contains('\n') {
        return if analysis.block && !simple_key { Form::Literal } else { Form::Double };
    }
    if needs_quotes || (simple_key && analysis.multiline) {
        return Form::Double;
    }
    if analysis.plain && !(text.is_empty() && simple_key) {
        Form::Plain
    } else if analysis.single {
        Form::Single
    } else {
        Form::Double
    }
}

pub(super) fn write_plain(out: &mut Writer, text: &str, may_break: bool, indent: i32) {
    if !text.is_empty() {
        out.space_before();
    }
    let chars: Vec<char> = text.chars().collect();
    let mut spaces = false;
    for (i, &c) in chars.iter().enumerate() {
        if c == ' ' {
            if may_break && !spaces && out.past_width() && chars.get(i + 1) != Some(&' ') {
                out.write_indent(indent);
            } else {
                out.put(c);
            }
            spaces = true;
        } else {
            out.put(c);
            spaces = false;
            out.mark_content();
        }
    }
    out.mark_content();
}

pub(super) fn write_single(out: &mut Writer, text: &str, may_break: bool, indent: i32) {
    out.indicator("'", true, false);
    let chars: Vec<char> = text.chars().collect();
    let (mut spaces, mut breaks) = (false, false);
    for (i, &c) in chars.iter().enumerate() {
        let inside = i > 0 && i + 1 < chars.len();
        if c == ' ' {
            if may_break && !spaces && out.past_width() && inside && chars.get(i + 1) != Some(&' ') {
                out.write_indent(indent);
            } else {
                out.put(c);
            }
            spaces = true;
        } else if is_break(c) {
            if !breaks && c == '\n' {
                out.put_break();
            }
            out.write_break(c);
            breaks = true;
        } else {
            if breaks {
                out.write_indent(indent);
            }
            if c == '\'' {
                out.put('\'');
            }
            out.put(c);
            out.mark_content();
            (spaces, breaks) = (false, false);
        }
    }
    out.indicator("'", false, false);
    out.mark_content();
}

pub(super) fn write_double(out: &mut Writer, text: &str, may_break: bool, indent: i32) {
    out.indicator("\"", true, false);
    let chars: Vec<char> = text.chars().collect();
    // Go looks for a byte order mark at the start of the text, whichever character it is at.
    let marked = text.starts_with('\u{feff}');
    let mut spaces = false;
    for (i, &c) in chars.iter().enumerate() {
        if marked || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
            escape(c).chars().for_each(|c| out.put(c));
            spaces = false;
        } else if c == ' ' {
            if may_break && !spaces && out.past_width() && i > 0 && i + 1 < chars.len() {
                out.write_indent(indent);
                if chars.get(i + 1) == Some(&' ') {
                    out.put('\\');
                }
            } else {
                out.put(c);
            }
            spaces = true;
        } else {
            out.put(c);
            spaces = false;
        }
    }
    out.indicator("\"", false, false);
    out.mark_content();
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(c);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

pub(super) fn write_literal(out: &mut Writer, text: &str, indent: i32) {
    out.indicator("|", true, false);
    if text.starts_with(|c| c == ' ' || is_break(c)) {
        out.indicator("2", false, false);
    }
    let mut last = text.chars().rev().map(is_break);
    match (last.next(), last.next()) {
        (Some(false) | None, _) => out.indicator("-", false, false),
        (Some(true), None | Some(true)) => out.indicator("+", false, false),
        (Some(true), Some(false)) => {}
    }
    out.put_break();
    out.mark_indention();
    let mut breaks = true;
    for c in text.chars() {
        if is_break(c) {
            out.write_break(c);
            out.mark_indention();
            breaks = true;
        } else {
            if breaks {
                out.write_indent(indent.max(2));
            }
            out.put(c);
            out.mark_content();
            breaks = false;
        }
    }
}
