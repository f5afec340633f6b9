//! From nodes to text: the order in which yaml.v3 looks at a node, its comments and its indentation.
//!
//! Only what sops makes is printed: block collections, empty ones, and scalars; no anchors, no lines that are folded.

use super::resolve::{self, may_be_plain};
use super::write::Shape;
use super::{Kind, Node, Style, compose::Composer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_base::Budget;
use zeroize::Zeroizing;

pub(crate) struct Emitter {
    pub(super) out: Zeroizing<Vec<u8>>,
    /// For each finished line where it comes from, and for the one that is being written.
    pub(super) lines: Vec<u32>,
    pub(super) origin: u32,
    /// Where the node that comes next is from; the line before it may not have ended yet.
    pending: u32,
    pub(super) best_indent: i64,
    pub(super) indent: i64,
    indents: Vec<i64>,
    pub(super) column: i64,
    pub(super) whitespace: bool,
    pub(super) indention: bool,
    pub(super) foot_indent: i64,
    head: String,
    pub(super) line_comment: String,
    foot: String,
    tail: String,
    key_line: String,
    documents: usize,
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    /// It is an entry of a block sequence.
    entry: bool,
    /// It is the key of `key: value`.
    simple_key: bool,
}

impl Emitter {
    pub fn new(indent: i64, room: usize) -> Self {
        Self {
            // Growing would leave copies of secrets behind.
            out: Zeroizing::new(Vec::with_capacity(room)),
            lines: Vec::new(),
            origin: 0,
            pending: 0,
            best_indent: if (2..=9).contains(&indent) { indent } else { 2 },
            indent: -1,
            indents: Vec::new(),
            column: 0,
            whitespace: true,
            indention: true,
            foot_indent: -1,
            head: String::new(),
            line_comment: String::new(),
            foot: String::new(),
            tail: String::new(),
            key_line: String::new(),
            documents: 0,
        }
    }

    /// The text, and for each of its lines the line that it comes from.
    pub fn finish(self) -> (Zeroizing<Vec<u8>>, Vec<u32>) {
        (self.out, self.lines)
    }

    /// A document whose root is `node`.
    pub fn document(&mut self, node: &Node) {
        if self.documents > 0 {
            self.write_indent();
            self.indicator("---", true, false, false);
            self.write_indent();
        }
        self.documents += 1;
        self.analyse(node, "");
        self.head_comment();
        let place = Place { entry: false, simple_key: false };
        self.node(node, place);
        self.foot_indent = 0;
        self.foot_comment();
        self.foot_indent = -1;
        self.write_indent();
    }

    /// Takes over the comments that come with the event of a node; an empty one leaves what waits.
    fn analyse(&mut self, node: &Node, tail: &str) {
        let is_scalar = node.kind == Kind::Scalar;
        let set = |into: &mut String, text: &str| {
            if !text.is_empty() {
                text.clone_into(into);
            }
        };
        set(&mut self.head, &node.head);
        set(&mut self.tail, tail);
        if is_scalar {
            set(&mut self.line_comment, &node.line_comment);
            set(&mut self.foot, &node.foot);
        }
        self.pending = node.line;
    }

    /// The comments that come with the end of a collection.
    fn analyse_end(&mut self, node: &Node, tail: &str) {
        for (into, text) in [
            (&mut self.tail, tail),
            (&mut self.line_comment, node.line_comment.as_str()),
            (&mut self.foot, node.foot.as_str()),
        ] {
            if !text.is_empty() {
                text.clone_into(into);
            }
        }
    }

    fn increase_indent(&mut self, flow: bool, entry: bool) {
        self.indents.push(self.indent);
        if self.indent < 0 {
            self.indent = if flow { self.best_indent } else { 0 };
        } else if entry {
            // The first indent inside a sequence only skips the "- ".
            self.indent += 2;
        } else {
            self.indent = self.best_indent * ((self.indent + self.best_indent) / self.best_indent);
        }
    }

    fn pop_indent(&mut self) {
        self.indent = self.indents.pop().unwrap_or(-1);
    }

    /// A node after its comments were taken over, and the comments behind it.
    fn node(&mut self, node: &Node, place: Place) {
        match node.kind {
            Kind::Sequence => {
                self.after_node();
                self.sequence(node, place);
            }
            Kind::Mapping => {
                self.after_node();
                self.mapping(node, place);
            }
            _ => {
                self.scalar(node, place);
                self.after_node();
            }
        }
    }

    fn after_node(&mut self) {
        self.line_comment_here(false);
        self.foot_comment();
    }

    fn empty(&mut self, node: &Node, brackets: [&str; 2]) {
        self.indicator(brackets[0], true, true, false);
        self.analyse_end(node, "");
        if node.kind == Kind::Mapping {
            self.indents.push(self.indent);
            self.indent = if self.indent < 0 { self.best_indent } else { self.indent };
            self.head_comment();
            self.pop_indent();
        } else if self.column == 0 {
            self.write_indent();
        }
        self.indicator(brackets[1], false, false, false);
        self.line_comment_here(false);
        self.foot_comment();
    }

    fn sequence(&mut self, node: &Node, place: Place) {
        if node.content.is_empty() {
            return self.empty(node, ["[", "]"]);
        }
        self.increase_indent(false, place.entry);
        for item in &node.content {
            self.analyse(item, "");
            self.head_comment();
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place { entry: true, simple_key: false });
        }
        self.analyse_end(node, "");
        self.pop_indent();
    }

    fn mapping(&mut self, node: &Node, place: Place) {
        if node.content.is_empty() {
            return self.empty(node, ["{", "}"]);
        }
        self.increase_indent(false, place.entry);
        let mut tail = String::new();
        for pair in node.content.chunks_exact(2) {
            let [key, value] = pair else { continue };
            let foot = key.foot.clone();
            let bare = Node { foot: String::new(), content: Vec::new(), ..key.clone() };
            self.analyse(&bare, &tail);
            tail = foot;
            self.key(&bare);
            self.analyse(value, "");
            self.value(value);
        }
        self.analyse_end(node, &tail);
        self.head_comment();
        self.pop_indent();
    }

    fn key(&mut self, key: &Node) {
        self.head_comment();
        self.write_indent();
        if !self.line_comment.is_empty() {
            self.key_line = std::mem::take(&mut self.line_comment);
        }
        let tag = if key.tagged { key.tag.len() } else { 0 };
        let simple = !Shape::of(&key.value).multiline && key.value.len() + tag <= 128;
        if simple {
            self.scalar(key, Place { entry: false, simple_key: true });
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.scalar(key, Place { entry: false, simple_key: false });
            self.write_indent();
            self.indicator(":", true, false, true);
        }
    }

    fn value(&mut self, value: &Node) {
        if !self.key_line.is_empty() {
            if value.kind == Kind::Scalar {
                if self.line_comment.is_empty() {
                    self.line_comment = std::mem::take(&mut self.key_line);
                }
            } else {
                // A block follows, so the comment is written right now.
                std::mem::swap(&mut self.line_comment, &mut self.key_line);
                self.line_comment_here(false);
                std::mem::swap(&mut self.line_comment, &mut self.key_line);
            }
        }
        self.node(value, Place { entry: false, simple_key: false });
    }

    fn scalar(&mut self, node: &Node, place: Place) {
        if node.tagged {
            let tag = node.tag.clone();
            self.indicator(&tag, true, false, false);
        }
        self.origin = node.line;
        let style = self.style(node, place);
        self.increase_indent(true, place.entry);
        self.text(&node.value, style);
        self.pop_indent();
    }

    fn style(&self, node: &Node, place: Place) -> Style {
        let shape = Shape::of(&node.value);
        let mut style = node.style;
        if place.simple_key && shape.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain && (!shape.plain || (node.value.is_empty() && place.simple_key)) {
            style = Style::SingleQuoted;
        }
        if style == Style::SingleQuoted && !shape.single_quoted {
            style = Style::DoubleQuoted;
        }
        if matches!(style, Style::Literal | Style::Folded) && (!shape.block || place.simple_key) {
            style = Style::DoubleQuoted;
        }
        style
    }

    fn head_comment(&mut self) {
        if !self.tail.is_empty() {
            self.write_indent();
            let tail = std::mem::take(&mut self.tail);
            self.comment(&tail);
            self.foot_indent = self.indent.max(0);
        }
        if !self.head.is_empty() {
            self.write_indent();
            self.origin = self.pending;
            let head = std::mem::take(&mut self.head);
            self.comment(&head);
        }
    }

    fn foot_comment(&mut self) {
        if !self.foot.is_empty() {
            self.write_indent();
            let foot = std::mem::take(&mut self.foot);
            self.comment(&foot);
            self.foot_indent = self.indent.max(0);
        }
    }
}

/// The node of a string, as the original gets it: printed by itself and read again.
pub(super) fn string_node(bytes: &[u8], line: u32) -> Node {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let value = Zeroizing::new(base64_lines(bytes));
        let style = if value.contains('\n') { Style::Literal } else { Style::Plain };
        return Node { value, style, tagged: true, tag: resolve::BINARY.to_owned(), line, ..Node::default() };
    };
    if text == "<<" {
        // The original reads what it printed as the key that merges, and then has to say so.
        let value = Zeroizing::new(text.to_owned());
        return Node { value, tagged: true, tag: resolve::MERGE.to_owned(), line, ..Node::default() };
    }
    let style = if text.contains('\n') {
        Style::Literal
    } else if may_be_plain(text) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    };
    let node = Node { value: Zeroizing::new(text.to_owned()), style, line, ..Node::default() };
    if style != Style::Literal {
        return node;
    }
    // Not every block comes back from its own text: one that begins with a tab does not.
    let mut emitter = Emitter::new(4, text.len() * 2 + 64);
    emitter.document(&Node { line: 0, ..node.clone() });
    let (printed, _) = emitter.finish();
    let budget = Budget::new(1_000, u64::MAX);
    let read = std::str::from_utf8(&printed).ok().and_then(|printed| {
        let document = Composer::new(printed, true).document(&budget).ok()??;
        let root = *document.nodes[document.root].content.first()?;
        document.nodes.into_iter().nth(root)
    });
    match read {
        Some(read) if read.node.kind == Kind::Scalar => {
            Node { value: read.node.value, style: read.node.style, line, ..Node::default() }
        }
        // The original prints null here, and so loses the value; in quotes it is kept.
        _ => Node { style: Style::DoubleQuoted, ..node },
    }
}

/// The node of what prints as it is.
pub(super) fn plain_node(text: &str, line: u32) -> Node {
    let tag = resolve::resolve("", text).map_or(resolve::STR, |(tag, _)| tag);
    Node { value: Zeroizing::new(text.to_owned()), tag: tag.to_owned(), line, ..Node::default() }
}

/// Base64 in lines of 70.
fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    if text.len() < 70 {
        return text;
    }
    let mut out = String::with_capacity(text.len() + text.len() / 70 + 1);
    for at in (0..text.len()).step_by(70) {
        out.push_str(&text[at..text.len().min(at + 70)]);
        out.push('\n');
    }
    out
}
