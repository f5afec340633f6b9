//! From characters to tokens.

use super::{Fault, Mark, Style, is_blank, is_blankz, is_break, is_z, width};
use std::collections::HashMap;
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tok {
    StreamStart,
    StreamEnd,
    Version,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

/// A token: `value` is the text of a scalar, the name of an anchor or the handle of a tag, `suffix` the rest of a tag.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub tok: Tok,
    pub start: Mark,
    pub end: Mark,
    pub value: Zeroizing<String>,
    pub suffix: String,
    pub style: Style,
}

/// A comment that waits for the token it belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Comment {
    pub scan: Mark,
    pub token: Mark,
    pub start: Mark,
    pub end: Mark,
    pub head: String,
    pub line: String,
    pub foot: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    number: usize,
    mark: Mark,
}

/// As many levels as the original allows; the composer stops far earlier.
const MAX_LEVELS: usize = 10_000;

pub(super) struct Scanner<'a> {
    pub text: &'a [u8],
    pub pos: usize,
    pub mark: Mark,
    /// Line breaks since the last character that was not blank.
    pub newlines: i64,
    pub tokens: Vec<Token>,
    pub head: usize,
    tokens_parsed: usize,
    available: bool,
    started: bool,
    pub ended: bool,
    pub indent: i64,
    indents: Vec<i64>,
    pub flow_level: usize,
    pub simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    by_token: HashMap<usize, usize>,
    pub comments: Vec<Comment>,
    pub comments_head: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            pos: 0,
            mark: Mark::default(),
            newlines: 0,
            tokens: Vec::new(),
            head: 0,
            tokens_parsed: 0,
            available: false,
            started: false,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            by_token: HashMap::new(),
            comments: Vec::new(),
            comments_head: 0,
        }
    }

    /// The byte `k` places ahead; zero behind the end.
    pub fn at(&self, k: usize) -> u8 {
        self.text.get(self.pos + k).copied().unwrap_or(0)
    }

    pub fn blank(&self, k: usize) -> bool {
        is_blank(self.text, self.pos + k)
    }

    pub fn brk(&self, k: usize) -> bool {
        is_break(self.text, self.pos + k)
    }

    pub fn z(&self, k: usize) -> bool {
        is_z(self.text, self.pos + k)
    }

    pub fn breakz(&self, k: usize) -> bool {
        self.brk(k) || self.z(k)
    }

    pub fn blankz(&self, k: usize) -> bool {
        is_blankz(self.text, self.pos + k)
    }

    /// Takes a character.
    pub fn skip(&mut self) {
        if !self.blank(0) {
            self.newlines = 0;
        }
        self.mark.index += 1;
        self.mark.column += 1;
        self.pos += width(self.at(0));
    }

    /// Takes a line break, if there is one.
    pub fn skip_line(&mut self) {
        let mut scratch = String::new();
        self.read_line(&mut scratch);
    }

    /// Takes a character into `into`.
    pub fn read(&mut self, into: &mut String) {
        let end = self.pos + width(self.at(0));
        if let Some(text) = self.text.get(self.pos..end).and_then(|bytes| std::str::from_utf8(bytes).ok()) {
            into.push_str(text);
        }
        self.skip();
    }

    /// Takes a line break into `into`, as one that is normalised.
    pub fn read_line(&mut self, into: &mut String) {
        let (bytes, chars, text) = match (self.at(0), self.at(1), self.at(2)) {
            (b'\r', b'\n', _) => (2, 2, "\n"),
            (b'\r' | b'\n', _, _) => (1, 1, "\n"),
            (0xC2, 0x85, _) => (2, 1, "\n"),
            (0xE2, 0x80, 0xA8) => (3, 1, "\u{2028}"),
            (0xE2, 0x80, 0xA9) => (3, 1, "\u{2029}"),
            _ => return,
        };
        into.push_str(text);
        self.pos += bytes;
        self.mark.index += chars;
        self.mark.column = 0;
        self.mark.line += 1;
        self.newlines += 1;
    }

    pub fn fault(&self, at: Mark, message: &str) -> Fault {
        Fault::new(at.line, message)
    }

    /// Makes sure that the next token and what decides about its comments are there.
    pub fn ensure(&mut self) -> Result<(), Fault> {
        if self.available || self.ended {
            return Ok(());
        }
        loop {
            // Comments are given to tokens before them, so two more have to be seen.
            if self.head + 2 < self.tokens.len() {
                let Some(key) = self.by_token.get(&self.tokens_parsed).copied() else { break };
                if !self.is_key_valid(key)? {
                    break;
                }
            }
            self.fetch()?;
        }
        self.available = true;
        Ok(())
    }

    /// Takes the token that `ensure` brought.
    pub fn advance(&mut self) {
        self.available = false;
        self.tokens_parsed += 1;
        self.ended = self.tokens[self.head].tok == Tok::StreamEnd;
        self.head += 1;
        // What was taken is looked back at, but never further than a few.
        if self.head > 4096 {
            let dropped = self.head - 8;
            self.tokens.drain(..dropped);
            self.head -= dropped;
        }
    }

    pub fn push(&mut self, tok: Tok, start: Mark, end: Mark) {
        self.push_with(tok, start, end, Zeroizing::default(), String::new(), Style::Plain);
    }

    pub fn push_with(
        &mut self,
        tok: Tok,
        start: Mark,
        end: Mark,
        value: Zeroizing<String>,
        suffix: String,
        style: Style,
    ) {
        self.tokens.push(Token { tok, start, end, value, suffix, style });
    }

    fn insert(&mut self, number: usize, tok: Tok, mark: Mark) {
        let token = Token {
            tok,
            start: mark,
            end: mark,
            value: Zeroizing::default(),
            suffix: String::new(),
            style: Style::Plain,
        };
        let at = (self.head + number.saturating_sub(self.tokens_parsed)).min(self.tokens.len());
        self.tokens.insert(at, token);
    }

    fn fetch(&mut self) -> Result<(), Fault> {
        if !self.started {
            self.started = true;
            self.push(Tok::StreamStart, self.mark, self.mark);
            return Ok(());
        }
        if self.tokens.last().is_some_and(|token| token.tok == Tok::StreamEnd) {
            // The end may be asked for again while the last tokens are waited for.
            self.push(Tok::StreamEnd, self.mark, self.mark);
            return Ok(());
        }
        let scan_mark = self.mark;
        self.skip_to_token()?;
        self.unroll_indent(self.mark.column, scan_mark);
        if self.z(0) {
            return self.fetch_stream_end();
        }
        if self.mark.column == 0 && self.at(0) == b'%' {
            self.reset_block()?;
            return self.directive();
        }
        if let Some(tok) = self.document_indicator() {
            self.reset_block()?;
            let start = self.mark;
            (0..3).for_each(|_| self.skip());
            self.push(tok, start, self.mark);
            return Ok(());
        }
        let mut comment_mark = self.mark;
        let separates = if self.flow_level == 0 { self.at(0) == b':' } else { self.at(0) == b',' };
        if let Some(last) = self.tokens.last().filter(|_| separates) {
            comment_mark = last.start;
        }
        self.fetch_content()?;
        // Behind the dash of a sequence it is a head comment of what follows.
        if self.tokens.last().is_none_or(|token| token.tok != Tok::BlockEntry) {
            self.line_comment(comment_mark);
        }
        Ok(())
    }

    pub fn document_indicator(&self) -> Option<Tok> {
        if self.mark.column != 0 || !self.blankz(3) {
            return None;
        }
        match [self.at(0), self.at(1), self.at(2)] {
            [b'-', b'-', b'-'] => Some(Tok::DocumentStart),
            [b'.', b'.', b'.'] => Some(Tok::DocumentEnd),
            _ => None,
        }
    }

    fn fetch_content(&mut self) -> Result<(), Fault> {
        let flow = self.flow_level > 0;
        match self.at(0) {
            b'[' => self.flow_start(Tok::FlowSequenceStart),
            b'{' => self.flow_start(Tok::FlowMappingStart),
            b']' => self.flow_end(Tok::FlowSequenceEnd),
            b'}' => self.flow_end(Tok::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.one(Tok::FlowEntry);
                Ok(())
            }
            b'-' if self.blankz(1) => self.block_entry(),
            b'?' if flow || self.blankz(1) => self.key(),
            b':' if flow || self.blankz(1) => self.value(),
            b'*' => self.anchor(Tok::Alias),
            b'&' => self.anchor(Tok::Anchor),
            b'!' => self.tag(),
            b'|' if !flow => self.block_scalar(true),
            b'>' if !flow => self.block_scalar(false),
            b'\'' => self.flow_scalar(true),
            b'"' => self.flow_scalar(false),
            byte => {
                let plain = !(self.blankz(0) || b"-?:,[]{}#&*!|>'\"%@`".contains(&byte))
                    || (byte == b'-' && !self.blank(1))
                    || (!flow && matches!(byte, b'?' | b':') && !self.blankz(1));
                if plain {
                    return self.plain_scalar();
                }
                Err(self.fault(self.mark, "found character that cannot start any token"))
            }
        }
    }

    /// A token of one character.
    fn one(&mut self, tok: Tok) {
        let start = self.mark;
        self.skip();
        self.push(tok, start, self.mark);
    }

    fn is_key_valid(&mut self, at: usize) -> Result<bool, Fault> {
        let Some(key) = self.simple_keys.get_mut(at) else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < self.mark.line || key.mark.index + 1024 < self.mark.index {
            if key.required {
                return Err(Fault::new(key.mark.line, "could not find expected ':'"));
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    pub fn save_simple_key(&mut self) -> Result<(), Fault> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == self.mark.column;
        let number = self.tokens_parsed + (self.tokens.len() - self.head);
        self.remove_simple_key()?;
        let last = self.simple_keys.len() - 1;
        self.simple_keys[last] = SimpleKey { possible: true, required, number, mark: self.mark };
        self.by_token.insert(number, last);
        Ok(())
    }

    pub fn remove_simple_key(&mut self) -> Result<(), Fault> {
        let Some(key) = self.simple_keys.last_mut().filter(|key| key.possible) else { return Ok(()) };
        if key.required {
            return Err(Fault::new(key.mark.line, "could not find expected ':'"));
        }
        key.possible = false;
        self.by_token.remove(&key.number);
        Ok(())
    }

    fn roll_indent(&mut self, column: i64, number: Option<usize>, tok: Tok, mark: Mark) -> Result<(), Fault> {
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_LEVELS {
            return Err(self.fault(self.mark, "it is nested too deeply"));
        }
        match number {
            Some(number) => self.insert(number, tok, mark),
            None => self.push(tok, mark, mark),
        }
        Ok(())
    }

    fn unroll_indent(&mut self, column: i64, scan_mark: Mark) {
        if self.flow_level > 0 {
            return;
        }
        let mut block_mark = scan_mark;
        block_mark.index -= 1;
        while self.indent > column {
            // A comment at the indent of the block that ends belongs behind the block's end.
            let mut stop = block_mark.index;
            for comment in self.comments.iter().rev() {
                if comment.end.index < stop {
                    break;
                }
                if comment.start.column == self.indent + 1 {
                    block_mark = comment.start;
                }
                stop = comment.scan.index;
            }
            self.push(Tok::BlockEnd, block_mark, block_mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), Fault> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.reset_block()?;
        self.push(Tok::StreamEnd, self.mark, self.mark);
        Ok(())
    }

    fn reset_block(&mut self) -> Result<(), Fault> {
        self.unroll_indent(-1, self.mark);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn flow_start(&mut self, tok: Tok) -> Result<(), Fault> {
        self.save_simple_key()?;
        let number = self.tokens_parsed + (self.tokens.len() - self.head);
        self.simple_keys.push(SimpleKey { possible: false, required: false, number, mark: self.mark });
        self.flow_level += 1;
        if self.flow_level > MAX_LEVELS {
            return Err(self.fault(self.mark, "it is nested too deeply"));
        }
        self.simple_key_allowed = true;
        self.one(tok);
        Ok(())
    }

    fn flow_end(&mut self, tok: Tok) -> Result<(), Fault> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.by_token.remove(&key.number);
            }
        }
        self.simple_key_allowed = false;
        self.one(tok);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.mark.column, None, Tok::BlockSequenceStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.one(Tok::BlockEntry);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.mark.column, None, Tok::BlockMappingStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.one(Tok::Key);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        let last = self.simple_keys.len() - 1;
        if self.is_key_valid(last)? {
            let key = self.simple_keys[last];
            self.insert(key.number, Tok::Key, key.mark);
            self.roll_indent(key.mark.column, Some(key.number), Tok::BlockMappingStart, key.mark)?;
            self.simple_keys[last].possible = false;
            self.by_token.remove(&key.number);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.fault(self.mark, "mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark.column, None, Tok::BlockMappingStart, self.mark)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.one(Tok::Value);
        Ok(())
    }

    fn skip_to_token(&mut self) -> Result<(), Fault> {
        let scan_mark = self.mark;
        loop {
            if self.mark.column == 0 && self.at(0) == 0xEF && self.at(1) == 0xBB && self.at(2) == 0xBF {
                self.skip();
            }
            while self.at(0) == b' ' || ((self.flow_level > 0 || !self.simple_key_allowed) && self.at(0) == b'\t') {
                self.skip();
            }
            self.lift_line_comment();
            if self.at(0) == b'#' {
                self.head_comments(scan_mark);
            }
            if !self.brk(0) {
                return Ok(());
            }
            self.skip_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// `- # about what follows`, with what follows in the next line: it heads that, or the entry itself.
    fn lift_line_comment(&mut self) {
        let here = self.mark;
        let at_break = self.brk(0);
        let [.., a, b] = &self.tokens[..] else { return };
        if a.tok != Tok::BlockSequenceStart || b.tok != Tok::BlockEntry || at_break {
            return;
        }
        if let Some(comment) = self.comments.last_mut().filter(|comment| !comment.line.is_empty()) {
            comment.head = std::mem::take(&mut comment.line);
            if comment.start.line == here.line - 1 {
                comment.token = here;
            }
        }
    }
}
