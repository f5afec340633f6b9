//! From tokens to events.

use super::scan::{Scanner, Tok, Token};
use super::{Fault, Mark, Style};
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ev {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias,
    Scalar,
    SequenceStart,
    SequenceEnd,
    MappingStart,
    MappingEnd,
    TailComment,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub ev: Ev,
    pub start: Mark,
    pub anchor: String,
    pub tag: String,
    pub value: Zeroizing<String>,
    pub style: Style,
    pub flow: bool,
    pub head: String,
    pub line: String,
    pub foot: String,
}

#[derive(Clone, Copy, Debug)]
enum State {
    StreamStart,
    DocumentStart { implicit: bool },
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequence { first: bool },
    IndentlessSequence,
    BlockMappingKey { first: bool },
    BlockMappingValue,
    FlowSequence { first: bool },
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingKey { first: bool },
    FlowMappingValue { empty: bool },
    End,
}

pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    marks: Vec<Mark>,
    tags: Vec<(String, String)>,
    head: String,
    line: String,
    foot: String,
    tail: String,
    stem: Option<String>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::StreamStart,
            states: Vec::new(),
            marks: Vec::new(),
            tags: Vec::new(),
            head: String::new(),
            line: String::new(),
            foot: String::new(),
            tail: String::new(),
            stem: None,
        }
    }

    /// The next token, whose comments are moved to where events take them from.
    fn peek(&mut self) -> Result<(Tok, Mark, Mark), Fault> {
        self.scanner.ensure()?;
        let Some(token) = self.scanner.tokens.get(self.scanner.head) else {
            return Err(Fault::new(self.scanner.mark.line, "found unexpected end of stream"));
        };
        let (tok, start, end) = (token.tok, token.start, token.end);
        while let Some(comment) = self.scanner.comments.get_mut(self.scanner.comments_head) {
            // No heads on ends: those are kept for what follows.
            if start.index < comment.token.index || (!comment.head.is_empty() && tok == Tok::BlockEnd) {
                break;
            }
            let comment = std::mem::take(comment);
            for (into, text) in
                [(&mut self.head, comment.head), (&mut self.foot, comment.foot), (&mut self.line, comment.line)]
            {
                if !text.is_empty() {
                    if !into.is_empty() {
                        into.push('\n');
                    }
                    into.push_str(&text);
                }
            }
            self.scanner.comments_head += 1;
        }
        Ok((tok, start, end))
    }

    fn token(&mut self) -> &mut Token {
        let head = self.scanner.head;
        &mut self.scanner.tokens[head]
    }

    fn skip(&mut self) {
        self.scanner.advance();
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    fn event(ev: Ev, start: Mark) -> Event {
        Event {
            ev,
            start,
            anchor: String::new(),
            tag: String::new(),
            value: Zeroizing::default(),
            style: Style::Plain,
            flow: false,
            head: String::new(),
            line: String::new(),
            foot: String::new(),
        }
    }

    fn comments(&mut self, event: &mut Event) {
        event.head = std::mem::take(&mut self.head);
        event.line = std::mem::take(&mut self.line);
        event.foot = std::mem::take(&mut self.foot);
        self.tail.clear();
        self.stem = None;
    }

    fn fault<T>(&self, at: Mark, message: &str) -> Result<T, Fault> {
        Err(Fault::new(at.line, message))
    }

    pub fn next(&mut self) -> Result<Event, Fault> {
        match self.state {
            State::StreamStart => {
                let (_, start, _) = self.peek()?;
                self.state = State::DocumentStart { implicit: true };
                self.skip();
                Ok(Self::event(Ev::StreamStart, start))
            }
            State::DocumentStart { implicit } => self.document_start(implicit),
            State::DocumentContent => {
                let (tok, start, _) = self.peek()?;
                let ends = [Tok::Version, Tok::TagDirective, Tok::DocumentStart, Tok::DocumentEnd, Tok::StreamEnd];
                if ends.contains(&tok) {
                    self.pop();
                    return Ok(Self::event(Ev::Scalar, start));
                }
                self.node(true, false)
            }
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequence { first } => self.block_sequence(first),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockMappingKey { first } => self.block_mapping_key(first),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => {
                let (_, start, _) = self.peek()?;
                self.state = State::FlowSequence { first: false };
                Ok(Self::event(Ev::MappingEnd, start))
            }
            State::FlowMappingKey { first } => self.flow_mapping_key(first),
            State::FlowMappingValue { empty } => self.flow_mapping_value(empty),
            State::End => Ok(Self::event(Ev::StreamEnd, self.scanner.mark)),
        }
    }

    fn document_start(&mut self, implicit: bool) -> Result<Event, Fault> {
        let (mut tok, mut start, _) = self.peek()?;
        while !implicit && tok == Tok::DocumentEnd {
            self.skip();
            (tok, start, _) = self.peek()?;
        }
        let explicit = [Tok::Version, Tok::TagDirective, Tok::DocumentStart, Tok::StreamEnd].contains(&tok);
        if implicit && !explicit {
            self.directives()?;
            self.states.push(State::DocumentEnd);
            self.state = State::BlockNode;
            let mut event = Self::event(Ev::DocumentStart, start);
            event.head = self.document_head();
            return Ok(event);
        }
        if tok == Tok::StreamEnd {
            self.state = State::End;
            self.skip();
            return Ok(Self::event(Ev::StreamEnd, start));
        }
        self.directives()?;
        let (tok, at, _) = self.peek()?;
        if tok != Tok::DocumentStart {
            return self.fault(at, "did not find expected <document start>");
        }
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        self.skip();
        Ok(Self::event(Ev::DocumentStart, start))
    }

    /// What stands above the last empty line of the head comment heads the document, the rest the first node.
    fn document_head(&mut self) -> String {
        let bytes = self.head.as_bytes();
        for i in (1..bytes.len()).rev() {
            if bytes[i] != b'\n' {
                continue;
            }
            let cut = if i == bytes.len() - 1 {
                i
            } else if bytes[i - 1] == b'\n' {
                i - 1
            } else {
                continue;
            };
            let head = self.head[..cut].to_owned();
            self.head = self.head[i + 1..].to_owned();
            return head;
        }
        String::new()
    }

    fn document_end(&mut self) -> Result<Event, Fault> {
        let (tok, start, _) = self.peek()?;
        if tok == Tok::DocumentEnd {
            self.skip();
        }
        self.tags.clear();
        self.state = State::DocumentStart { implicit: false };
        let mut event = Self::event(Ev::DocumentEnd, start);
        self.comments(&mut event);
        if !event.head.is_empty() && event.foot.is_empty() {
            event.foot = std::mem::take(&mut event.head);
        }
        Ok(event)
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut versioned = false;
        loop {
            let (tok, start, _) = self.peek()?;
            match tok {
                Tok::Version if versioned => return self.fault(start, "found duplicate %YAML directive"),
                Tok::Version if self.token().value.as_str() != "1.1" => {
                    return self.fault(start, "found incompatible YAML document");
                }
                Tok::Version => versioned = true,
                Tok::TagDirective => {
                    let (handle, prefix) = (self.token().value.to_string(), self.token().suffix.clone());
                    if self.tags.iter().any(|(known, _)| *known == handle) {
                        return self.fault(start, "found duplicate %TAG directive");
                    }
                    self.tags.push((handle, prefix));
                }
                _ => break,
            }
            self.skip();
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if self.tags.iter().all(|(known, _)| known != handle) {
                self.tags.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<Event, Fault> {
        let (mut tok, mut at, _) = self.peek()?;
        let start = at;
        if tok == Tok::Alias {
            self.pop();
            let mut event = Self::event(Ev::Alias, at);
            event.anchor = self.token().value.to_string();
            self.comments(&mut event);
            self.skip();
            return Ok(event);
        }
        let mut anchor = String::new();
        let mut given = None;
        // An anchor and a tag, in either order.
        for _ in 0..2 {
            match tok {
                Tok::Anchor if anchor.is_empty() => anchor = self.token().value.to_string(),
                Tok::Tag if given.is_none() => {
                    given = Some((self.token().value.to_string(), self.token().suffix.clone(), at));
                }
                _ => break,
            }
            self.skip();
            (tok, at, _) = self.peek()?;
        }
        let mut tag = String::new();
        if let Some((handle, suffix, at)) = given {
            if handle.is_empty() {
                tag = suffix;
            } else {
                let prefix = self.tags.iter().find(|(known, _)| *known == handle);
                let Some((_, prefix)) = prefix else { return self.fault(at, "found undefined tag handle") };
                tag = format!("{prefix}{suffix}");
            }
        }
        let mut event = Self::event(Ev::SequenceStart, start);
        event.anchor = anchor;
        event.tag = tag;
        match tok {
            Tok::BlockEntry if indentless => self.state = State::IndentlessSequence,
            Tok::Scalar => {
                self.pop();
                event.ev = Ev::Scalar;
                event.value = std::mem::take(&mut self.token().value);
                event.style = self.token().style;
                self.comments(&mut event);
                self.skip();
            }
            Tok::FlowSequenceStart => {
                self.state = State::FlowSequence { first: true };
                event.flow = true;
                self.comments(&mut event);
            }
            Tok::FlowMappingStart => {
                self.state = State::FlowMappingKey { first: true };
                event.ev = Ev::MappingStart;
                event.flow = true;
                self.comments(&mut event);
            }
            Tok::BlockSequenceStart if block => {
                self.state = State::BlockSequence { first: true };
                event.head = self.stem.take().unwrap_or_default();
            }
            Tok::BlockMappingStart if block => {
                self.state = State::BlockMappingKey { first: true };
                event.ev = Ev::MappingStart;
                event.head = self.stem.take().unwrap_or_default();
            }
            _ if !event.anchor.is_empty() || !event.tag.is_empty() => {
                self.pop();
                event.ev = Ev::Scalar;
            }
            _ => return self.fault(at, "did not find expected node content"),
        }
        Ok(event)
    }

    fn empty(&mut self, then: State, mark: Mark) -> Result<Event, Fault> {
        self.state = then;
        Ok(Self::event(Ev::Scalar, mark))
    }

    /// Takes the token that opens a collection.
    fn open(&mut self, first: bool) -> Result<(), Fault> {
        if first {
            let (_, start, _) = self.peek()?;
            self.marks.push(start);
            self.skip();
        }
        Ok(())
    }

    fn close(&mut self, ev: Ev, start: Mark) -> Event {
        self.pop();
        self.marks.pop();
        Self::event(ev, start)
    }

    fn block_sequence(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        let (tok, start, end) = self.peek()?;
        match tok {
            Tok::BlockEntry => {
                let stem = self.head.len();
                self.skip();
                self.split_stem(stem)?;
                let (tok, _, _) = self.peek()?;
                if matches!(tok, Tok::BlockEntry | Tok::BlockEnd) {
                    return self.empty(State::BlockSequence { first: false }, end);
                }
                self.states.push(State::BlockSequence { first: false });
                self.node(true, false)
            }
            Tok::BlockEnd => {
                let event = self.close(Ev::SequenceEnd, start);
                self.skip();
                Ok(event)
            }
            _ => self.fault(start, "did not find expected '-' indicator"),
        }
    }

    fn indentless_sequence(&mut self) -> Result<Event, Fault> {
        let (tok, start, end) = self.peek()?;
        if tok != Tok::BlockEntry {
            self.pop();
            return Ok(Self::event(Ev::SequenceEnd, start));
        }
        let stem = self.head.len();
        self.skip();
        self.split_stem(stem)?;
        let (tok, _, _) = self.peek()?;
        if matches!(tok, Tok::BlockEntry | Tok::Key | Tok::Value | Tok::BlockEnd) {
            return self.empty(State::IndentlessSequence, end);
        }
        self.states.push(State::IndentlessSequence);
        self.node(true, false)
    }

    /// The head comment of an entry that is a collection belongs to the whole of it, not to its first entry.
    fn split_stem(&mut self, stem: usize) -> Result<(), Fault> {
        if stem == 0 {
            return Ok(());
        }
        let (tok, _, _) = self.peek()?;
        if !matches!(tok, Tok::BlockSequenceStart | Tok::BlockMappingStart) {
            return Ok(());
        }
        let rest = self.head.get(stem + 1..).unwrap_or_default().to_owned();
        self.head.truncate(stem);
        self.stem = Some(std::mem::replace(&mut self.head, rest));
        Ok(())
    }

    fn block_mapping_key(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        let (tok, start, end) = self.peek()?;
        if !self.tail.is_empty() {
            let mut event = Self::event(Ev::TailComment, start);
            event.foot = std::mem::take(&mut self.tail);
            self.state = State::BlockMappingKey { first: false };
            return Ok(event);
        }
        match tok {
            Tok::Key => {
                self.skip();
                let (tok, _, _) = self.peek()?;
                if matches!(tok, Tok::Key | Tok::Value | Tok::BlockEnd) {
                    return self.empty(State::BlockMappingValue, end);
                }
                self.states.push(State::BlockMappingValue);
                self.node(true, true)
            }
            Tok::BlockEnd => {
                let mut event = self.close(Ev::MappingEnd, start);
                self.comments(&mut event);
                self.skip();
                Ok(event)
            }
            _ => self.fault(start, "did not find expected key"),
        }
    }

    fn block_mapping_value(&mut self) -> Result<Event, Fault> {
        let then = State::BlockMappingKey { first: false };
        let (tok, start, end) = self.peek()?;
        if tok != Tok::Value {
            return self.empty(then, start);
        }
        self.skip();
        let (tok, _, _) = self.peek()?;
        if matches!(tok, Tok::Key | Tok::Value | Tok::BlockEnd) {
            return self.empty(then, end);
        }
        self.states.push(then);
        self.node(true, true)
    }

    fn flow_sequence(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        let (mut tok, mut start, _) = self.peek()?;
        if tok != Tok::FlowSequenceEnd {
            if !first {
                if tok != Tok::FlowEntry {
                    return self.fault(start, "did not find expected ',' or ']'");
                }
                self.skip();
                (tok, start, _) = self.peek()?;
            }
            if tok == Tok::Key {
                self.state = State::FlowPairKey;
                let mut event = Self::event(Ev::MappingStart, start);
                event.flow = true;
                self.skip();
                return Ok(event);
            }
            if tok != Tok::FlowSequenceEnd {
                self.states.push(State::FlowSequence { first: false });
                return self.node(false, false);
            }
        }
        let mut event = self.close(Ev::SequenceEnd, start);
        self.comments(&mut event);
        self.skip();
        Ok(event)
    }

    fn flow_pair_key(&mut self) -> Result<Event, Fault> {
        let (tok, _, end) = self.peek()?;
        if !matches!(tok, Tok::Value | Tok::FlowEntry | Tok::FlowSequenceEnd) {
            self.states.push(State::FlowPairValue);
            return self.node(false, false);
        }
        // The original takes the token here too.
        self.skip();
        self.empty(State::FlowPairValue, end)
    }

    fn flow_pair_value(&mut self) -> Result<Event, Fault> {
        let (tok, start, _) = self.peek()?;
        if tok == Tok::Value {
            self.skip();
            let (tok, _, _) = self.peek()?;
            if !matches!(tok, Tok::FlowEntry | Tok::FlowSequenceEnd) {
                self.states.push(State::FlowPairEnd);
                return self.node(false, false);
            }
        }
        self.empty(State::FlowPairEnd, start)
    }

    fn flow_mapping_key(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        let (mut tok, mut start, _) = self.peek()?;
        if tok != Tok::FlowMappingEnd {
            if !first {
                if tok != Tok::FlowEntry {
                    return self.fault(start, "did not find expected ',' or '}'");
                }
                self.skip();
                (tok, start, _) = self.peek()?;
            }
            if tok == Tok::Key {
                self.skip();
                let (tok, start, _) = self.peek()?;
                if matches!(tok, Tok::Value | Tok::FlowEntry | Tok::FlowMappingEnd) {
                    return self.empty(State::FlowMappingValue { empty: false }, start);
                }
                self.states.push(State::FlowMappingValue { empty: false });
                return self.node(false, false);
            }
            if tok != Tok::FlowMappingEnd {
                self.states.push(State::FlowMappingValue { empty: true });
                return self.node(false, false);
            }
        }
        let mut event = self.close(Ev::MappingEnd, start);
        self.comments(&mut event);
        self.skip();
        Ok(event)
    }

    fn flow_mapping_value(&mut self, empty: bool) -> Result<Event, Fault> {
        let then = State::FlowMappingKey { first: false };
        let (tok, start, _) = self.peek()?;
        if !empty && tok == Tok::Value {
            self.skip();
            let (tok, start, _) = self.peek()?;
            if !matches!(tok, Tok::FlowEntry | Tok::FlowMappingEnd) {
                self.states.push(then);
                return self.node(false, false);
            }
            return self.empty(then, start);
        }
        self.empty(then, start)
    }
}
