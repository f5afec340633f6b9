//! From events to nodes.

use super::parse::{Ev, Event, Parser};
use super::resolve::{self, resolve};
use super::{Fault, Kind, Node, Style};
use std::collections::HashMap;
use weir_base::Budget;

/// The nodes of one document; a node's content are indexes.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub nodes: Vec<Tied>,
    pub root: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tied {
    pub node: Node,
    pub content: Vec<usize>,
    /// What an alias stands for.
    pub target: Option<usize>,
}

pub(super) struct Composer<'a> {
    parser: Parser<'a>,
    event: Option<Event>,
    document: Document,
    /// Anchors by name; unset while the anchored node is not complete.
    anchors: HashMap<String, (usize, bool)>,
    /// Without lines and comments.
    textless: bool,
}

impl<'a> Composer<'a> {
    pub fn new(text: &'a str, textless: bool) -> Self {
        Self {
            parser: Parser::new(text),
            event: None,
            document: Document::default(),
            anchors: HashMap::new(),
            textless,
        }
    }

    fn peek(&mut self) -> Result<&mut Event, Fault> {
        if self.event.is_none() {
            self.event = Some(self.parser.next()?);
        }
        Ok(self.event.as_mut().expect("set above"))
    }

    fn take(&mut self) -> Result<Event, Fault> {
        match self.event.take() {
            Some(event) => Ok(event),
            None => self.parser.next(),
        }
    }

    /// The next document; `None` at the end of the stream.
    pub fn document(&mut self, budget: &Budget) -> Result<Option<Document>, Fault> {
        if self.peek()?.ev == Ev::StreamStart {
            self.take()?;
        }
        if self.peek()?.ev != Ev::DocumentStart {
            return Ok(None);
        }
        self.anchors.clear();
        let start = self.take()?;
        let mut root = Tied { node: Node { kind: Kind::Document, ..Node::default() }, ..Tied::default() };
        self.comments(&mut root.node, &start);
        let at = self.add(root, budget)?;
        let child = self.node(budget)?;
        self.document.nodes[at].content.push(child);
        let end = self.take()?;
        if end.ev != Ev::DocumentEnd {
            return Err(Fault::new(end.start.line, "did not find the end of the document"));
        }
        self.document.nodes[at].node.foot = end.foot;
        self.document.root = at;
        Ok(Some(std::mem::take(&mut self.document)))
    }

    fn add(&mut self, node: Tied, budget: &Budget) -> Result<usize, Fault> {
        let exhausted = |why: weir_base::Exhausted| Fault {
            line: node.node.line,
            message: format!("the document is too large: {why}"),
        };
        budget.spend(1).map_err(exhausted)?;
        budget.take_bytes(std::mem::size_of::<Tied>() as u64).map_err(exhausted)?;
        self.document.nodes.push(node);
        Ok(self.document.nodes.len() - 1)
    }

    fn comments(&self, node: &mut Node, event: &Event) {
        if self.textless {
            return;
        }
        node.line = u32::try_from(event.start.line + 1).unwrap_or(0);
        node.head.clone_from(&event.head);
        node.line_comment.clone_from(&event.line);
        node.foot.clone_from(&event.foot);
    }

    fn node(&mut self, budget: &Budget) -> Result<usize, Fault> {
        let event = self.take()?;
        let line = event.start.line;
        let deeper = budget.deeper().map_err(|why| Fault::new(line, format!("the document is too large: {why}")))?;
        match event.ev {
            Ev::Scalar => self.scalar(event, budget),
            Ev::Alias => {
                let mut node = Tied { node: Node { kind: Kind::Alias, ..Node::default() }, ..Tied::default() };
                self.comments(&mut node.node, &event);
                node.target = match self.anchors.get(&event.anchor) {
                    Some((target, true)) => Some(*target),
                    Some(_) => {
                        return Err(Fault::new(line, format!("anchor '{}' value contains itself", event.anchor)));
                    }
                    None => return Err(Fault::new(line, format!("unknown anchor '{}' referenced", event.anchor))),
                };
                self.add(node, budget)
            }
            Ev::SequenceStart => self.sequence(event, &deeper),
            Ev::MappingStart => self.mapping(event, &deeper),
            _ => Err(Fault::new(line, "did not find expected node content")),
        }
    }

    fn scalar(&mut self, event: Event, budget: &Budget) -> Result<usize, Fault> {
        let default = match event.style {
            Style::Plain if event.value.as_str() == "<<" => resolve::MERGE,
            Style::Plain => "",
            _ => resolve::STR,
        };
        let mut node = Node { kind: Kind::Scalar, style: event.style, ..Node::default() };
        self.comments(&mut node, &event);
        if !event.tag.is_empty() && event.tag != "!" {
            node.tag = resolve::short(&event.tag);
            node.tagged = true;
        } else if default.is_empty() {
            node.tag = resolve("", &event.value).map_or(resolve::STR, |(tag, _)| tag).to_owned();
        } else {
            default.clone_into(&mut node.tag);
        }
        node.value = event.value;
        let at = self.add(Tied { node, ..Tied::default() }, budget)?;
        if !event.anchor.is_empty() {
            self.anchors.insert(event.anchor, (at, true));
        }
        Ok(at)
    }

    fn collection(&mut self, kind: Kind, event: &Event, budget: &Budget) -> Result<usize, Fault> {
        let mut node = Node { kind, ..Node::default() };
        self.comments(&mut node, event);
        let at = self.add(Tied { node, ..Tied::default() }, budget)?;
        if !event.anchor.is_empty() {
            self.anchors.insert(event.anchor.clone(), (at, false));
        }
        Ok(at)
    }

    fn complete(&mut self, anchor: &str) {
        if let Some((_, complete)) = self.anchors.get_mut(anchor) {
            *complete = true;
        }
    }

    fn sequence(&mut self, event: Event, budget: &Budget) -> Result<usize, Fault> {
        let at = self.collection(Kind::Sequence, &event, budget)?;
        while self.peek()?.ev != Ev::SequenceEnd {
            let child = self.node(budget)?;
            self.document.nodes[at].content.push(child);
        }
        let end = self.take()?;
        let node = &mut self.document.nodes[at].node;
        node.line_comment = end.line;
        node.foot = end.foot;
        self.complete(&event.anchor);
        Ok(at)
    }

    fn mapping(&mut self, event: Event, budget: &Budget) -> Result<usize, Fault> {
        let at = self.collection(Kind::Mapping, &event, budget)?;
        while self.peek()?.ev != Ev::MappingEnd {
            let key = self.node(budget)?;
            self.document.nodes[at].content.push(key);
            // The foot of a key that is dedented belongs to the pair before.
            let before =
                self.document.nodes[at].content.len().checked_sub(3).map(|n| self.document.nodes[at].content[n]);
            if let Some(before) = before.filter(|_| !event.flow) {
                let foot = std::mem::take(&mut self.document.nodes[key].node.foot);
                if !foot.is_empty() {
                    self.document.nodes[before].node.foot = foot;
                }
            }
            let value = self.node(budget)?;
            self.document.nodes[at].content.push(value);
            if self.document.nodes[key].node.foot.is_empty() {
                self.document.nodes[key].node.foot = std::mem::take(&mut self.document.nodes[value].node.foot);
            }
            if self.peek()?.ev == Ev::TailComment {
                let tail = self.take()?;
                if self.document.nodes[key].node.foot.is_empty() {
                    self.document.nodes[key].node.foot = tail.foot;
                }
            }
        }
        let mut end = self.take()?;
        let last = self.document.nodes[at].content.len().checked_sub(2).map(|n| self.document.nodes[at].content[n]);
        if let Some(last) = last.filter(|_| !event.flow && !end.foot.is_empty()) {
            self.document.nodes[last].node.foot = std::mem::take(&mut end.foot);
        }
        let node = &mut self.document.nodes[at].node;
        node.line_comment = end.line;
        node.foot = end.foot;
        self.complete(&event.anchor);
        Ok(at)
    }
}
