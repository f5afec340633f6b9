//! Scalars of the five styles.

use super::scan::{Scanner, Tok};
use super::{Fault, Mark, Style};
use zeroize::Zeroizing;

impl Scanner<'_> {
    fn scalar(&mut self, start: Mark, end: Mark, value: Zeroizing<String>, style: Style) {
        self.push_with(Tok::Scalar, start, end, value, String::new(), style);
    }

    /// A scalar is built without growing, so that no copy of it is left in memory.
    fn room(&self) -> Zeroizing<String> {
        Zeroizing::new(String::new())
    }

    pub fn block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let start = self.mark;
        self.skip();
        let mut chomping = 0;
        let mut increment = 0;
        for _ in 0..2 {
            match self.at(0) {
                sign @ (b'+' | b'-') if chomping == 0 => {
                    chomping = if sign == b'+' { 1 } else { -1 };
                    self.skip();
                }
                b'0' if increment == 0 => {
                    return Err(self.fault(start, "found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment == 0 => {
                    increment = i64::from(digit - b'0');
                    self.skip();
                }
                _ => break,
            }
        }
        while self.blank(0) {
            self.skip();
        }
        if self.at(0) == b'#' {
            self.line_comment(start);
            while !self.breakz(0) {
                self.skip();
            }
        }
        if !self.breakz(0) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_line();
        let mut end = self.mark;
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let mut value = self.room();
        let mut leading_break = String::new();
        let mut trailing = String::new();
        self.block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        let mut leading_blank = false;
        while self.mark.column == indent && !self.z(0) {
            let trailing_blank = self.blank(0);
            if !literal && !leading_blank && !trailing_blank && leading_break.starts_with('\n') {
                if trailing.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(&leading_break);
            }
            leading_break.clear();
            value.push_str(&trailing);
            trailing.clear();
            leading_blank = self.blank(0);
            while !self.breakz(0) {
                self.read(&mut value);
            }
            self.read_line(&mut leading_break);
            self.block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        }
        if chomping != -1 {
            value.push_str(&leading_break);
        }
        if chomping == 1 {
            value.push_str(&trailing);
        }
        self.scalar(start, end, value, if literal { Style::Literal } else { Style::Folded });
        Ok(())
    }

    fn block_breaks(
        &mut self,
        indent: &mut i64,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Fault> {
        *end = self.mark;
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.at(0) == b' ' {
                self.skip();
            }
            deepest = deepest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.at(0) == b'\t' {
                return Err(self.fault(start, "found a tab character where an indentation space is expected"));
            }
            if !self.brk(0) {
                break;
            }
            self.read_line(breaks);
            *end = self.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    pub fn flow_scalar(&mut self, single: bool) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        self.skip();
        let quote = if single { b'\'' } else { b'"' };
        let mut value = self.room();
        let mut breaks = Breaks::default();
        loop {
            if self.document_indicator().is_some() {
                return Err(self.fault(start, "found unexpected document indicator"));
            }
            if self.z(0) {
                return Err(self.fault(start, "found unexpected end of stream"));
            }
            let mut leading_blanks = false;
            while !self.blankz(0) {
                match self.at(0) {
                    b'\'' if single && self.at(1) == b'\'' => {
                        value.push('\'');
                        self.skip();
                        self.skip();
                    }
                    byte if byte == quote => break,
                    b'\\' if !single && self.brk(1) => {
                        self.skip();
                        self.skip_line();
                        leading_blanks = true;
                        break;
                    }
                    b'\\' if !single => self.escape(&mut value, start)?,
                    _ => self.read(&mut value),
                }
            }
            if self.at(0) == quote {
                break;
            }
            self.blanks(&mut breaks, &mut leading_blanks, None, start)?;
            breaks.join(&mut value, leading_blanks);
        }
        self.skip();
        let style = if single { Style::SingleQuoted } else { Style::DoubleQuoted };
        self.scalar(start, self.mark, value, style);
        Ok(())
    }

    fn escape(&mut self, value: &mut String, start: Mark) -> Result<(), Fault> {
        let (text, digits) = match self.at(1) {
            b'0' => ("\0", 0),
            b'a' => ("\x07", 0),
            b'b' => ("\x08", 0),
            b't' | b'\t' => ("\t", 0),
            b'n' => ("\n", 0),
            b'v' => ("\x0B", 0),
            b'f' => ("\x0C", 0),
            b'r' => ("\r", 0),
            b'e' => ("\x1B", 0),
            b' ' => (" ", 0),
            b'"' => ("\"", 0),
            b'\'' => ("'", 0),
            b'\\' => ("\\", 0),
            b'N' => ("\u{85}", 0),
            b'_' => ("\u{A0}", 0),
            b'L' => ("\u{2028}", 0),
            b'P' => ("\u{2029}", 0),
            b'x' => ("", 2),
            b'u' => ("", 4),
            b'U' => ("", 8),
            _ => return Err(self.fault(start, "found unknown escape character")),
        };
        value.push_str(text);
        self.skip();
        self.skip();
        if digits == 0 {
            return Ok(());
        }
        let mut code: u32 = 0;
        for _ in 0..digits {
            let digit = char::from(self.at(0)).to_digit(16);
            let digit = digit.ok_or_else(|| self.fault(start, "did not find expected hexdecimal number"))?;
            code = (code << 4) | digit;
            self.skip();
        }
        let found = char::from_u32(code);
        value.push(found.ok_or_else(|| self.fault(start, "found invalid Unicode character escape code"))?);
        Ok(())
    }

    /// Blanks and line breaks within a scalar; `indent` for a plain one.
    fn blanks(
        &mut self,
        breaks: &mut Breaks,
        leading_blanks: &mut bool,
        indent: Option<i64>,
        start: Mark,
    ) -> Result<(), Fault> {
        while self.blank(0) || self.brk(0) {
            if self.blank(0) {
                let shallow = indent.is_some_and(|indent| self.mark.column < indent);
                if *leading_blanks && shallow && self.at(0) == b'\t' {
                    return Err(self.fault(start, "found a tab character that violates indentation"));
                }
                if *leading_blanks {
                    self.skip();
                } else {
                    self.read(&mut breaks.spaces);
                }
            } else if *leading_blanks {
                self.read_line(&mut breaks.trailing);
            } else {
                breaks.spaces.clear();
                self.read_line(&mut breaks.leading);
                *leading_blanks = true;
            }
        }
        Ok(())
    }

    pub fn plain_scalar(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let indent = self.indent + 1;
        let start = self.mark;
        let mut end = self.mark;
        let mut value = self.room();
        let mut breaks = Breaks::default();
        let mut leading_blanks = false;
        loop {
            if self.document_indicator().is_some() || self.at(0) == b'#' {
                break;
            }
            while !self.blankz(0) {
                let byte = self.at(0);
                let ends = (byte == b':' && self.blankz(1)) || (self.flow_level > 0 && b",?[]{}".contains(&byte));
                if ends {
                    break;
                }
                if leading_blanks || !breaks.spaces.is_empty() {
                    breaks.join(&mut value, leading_blanks);
                    leading_blanks = false;
                }
                self.read(&mut value);
                end = self.mark;
            }
            if !(self.blank(0) || self.brk(0)) {
                break;
            }
            self.blanks(&mut breaks, &mut leading_blanks, Some(indent), start)?;
            if self.flow_level == 0 && self.mark.column < indent {
                break;
            }
        }
        self.scalar(start, end, value, Style::Plain);
        if leading_blanks {
            self.simple_key_allowed = true;
        }
        Ok(())
    }
}

/// What stands between two parts of a scalar.
#[derive(Default)]
struct Breaks {
    spaces: String,
    leading: String,
    trailing: String,
}

impl Breaks {
    /// Folds them into the value.
    fn join(&mut self, value: &mut String, leading_blanks: bool) {
        if !leading_blanks {
            value.push_str(&self.spaces);
            self.spaces.clear();
            return;
        }
        if !self.leading.starts_with('\n') {
            value.push_str(&self.leading);
            value.push_str(&self.trailing);
        } else if self.trailing.is_empty() {
            value.push(' ');
        } else {
            value.push_str(&self.trailing);
        }
        self.leading.clear();
        self.trailing.clear();
    }
}
