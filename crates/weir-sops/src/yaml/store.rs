//! Between YAML's nodes and the tree.

use super::compose::{Composer, Document};
use super::emit::{Emitter, plain_node, string_node};
use super::resolve::{self, resolve};
use super::{Fault, Kind, Node};
use crate::number;
use crate::tree::{Branch, Comment, Element, Item, Key, Text, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use weir_base::{Budget, Exhausted};
use zeroize::Zeroizing;

/// Reads every document of a stream, each a branch with the line that it begins in.
pub(crate) fn branches(text: &str, budget: &Budget) -> Result<Vec<Branch>, Fault> {
    if let Some(at) = text.char_indices().find(|(_, c)| !is_allowed(*c)).map(|(at, _)| at) {
        let line = text[..at].bytes().filter(|b| *b == b'\n').count();
        return Err(Fault::new(line as i64, "control characters are not allowed"));
    }
    let mut composer = Composer::new(text, false);
    let mut branches = Vec::new();
    while let Some(document) = composer.document(budget)? {
        if branches.is_empty() {
            unique_keys(&document)?;
        }
        let reader = Reader { document: &document, budget };
        let mut branch = Branch::new();
        reader.fill_branch(document.root, &mut branch, false, budget)?;
        branches.push(branch);
    }
    Ok(branches)
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..)
}

/// In the first document, as the original checks.
fn unique_keys(document: &Document) -> Result<(), Fault> {
    for node in document.nodes.iter().filter(|node| node.node.kind == Kind::Mapping) {
        let mut seen = HashSet::new();
        for key in node.content.iter().step_by(2).map(|at| &document.nodes[*at].node) {
            if key.kind == Kind::Scalar && !seen.insert(key.value.as_str()) {
                let line = i64::from(key.line) - 1;
                return Err(Fault::new(line, format!("mapping key \"{}\" already defined", key.value.as_str())));
            }
        }
    }
    Ok(())
}

struct Reader<'a> {
    document: &'a Document,
    budget: &'a Budget,
}

fn add_comments(branch: &mut Branch, text: &str, inline: bool, line: u32) {
    for comment in text.split('\n').filter(|comment| !comment.is_empty()) {
        branch.push(Item::comment(&comment.as_bytes()[1..], inline).at(line));
    }
}

fn add_comment_elements(list: &mut Vec<Element>, text: &str, inline: bool, line: u32) {
    for comment in text.split('\n').filter(|comment| !comment.is_empty()) {
        let text = Zeroizing::new(comment.as_bytes()[1..].to_vec());
        list.push(Element { value: Value::Comment(Comment { text, inline }), line });
    }
}

impl Reader<'_> {
    fn exhausted(at: u32) -> impl Fn(Exhausted) -> Fault {
        move |why| Fault { line: at, message: format!("the document is too large: {why}") }
    }

    fn value(&self, at: usize, handled: bool, budget: &Budget) -> Result<Value, Fault> {
        let tied = &self.document.nodes[at];
        let node = &tied.node;
        let too_large = Self::exhausted(node.line);
        self.budget.spend(1).map_err(&too_large)?;
        // What an alias stands for is copied, its text and its comments too.
        let text = node.value.len() + node.head.len() + node.line_comment.len() + node.foot.len();
        self.budget.take_bytes(text as u64).map_err(&too_large)?;
        match node.kind {
            Kind::Scalar => scalar(node),
            Kind::Alias => {
                let deeper = budget.deeper().map_err(&too_large)?;
                // An alias stands for a copy.
                self.budget.take_bytes(128).map_err(&too_large)?;
                self.value(tied.target.unwrap_or(at), false, &deeper)
            }
            Kind::Sequence => {
                let deeper = budget.deeper().map_err(&too_large)?;
                let mut list = Vec::new();
                if !handled {
                    add_comment_elements(&mut list, &node.head, false, node.line);
                    add_comment_elements(&mut list, &node.line_comment, false, node.line);
                }
                for child in &tied.content {
                    let item = &self.document.nodes[*child].node;
                    self.budget.take_bytes(128).map_err(&too_large)?;
                    add_comment_elements(&mut list, &item.head, false, item.line);
                    add_comment_elements(&mut list, &item.line_comment, true, item.line);
                    let value = self.value(*child, true, &deeper)?;
                    list.push(Element { value, line: item.line });
                    add_comment_elements(&mut list, &item.foot, false, item.line);
                }
                if !handled {
                    add_comment_elements(&mut list, &node.foot, false, node.line);
                }
                Ok(Value::Seq(list))
            }
            Kind::Mapping | Kind::Document => {
                let deeper = budget.deeper().map_err(&too_large)?;
                let mut branch = Branch::new();
                self.fill_branch(at, &mut branch, handled, &deeper)?;
                Ok(Value::Map(branch))
            }
        }
    }

    fn fill_branch(&self, at: usize, branch: &mut Branch, handled: bool, budget: &Budget) -> Result<(), Fault> {
        let tied = &self.document.nodes[at];
        let node = &tied.node;
        let line = node.line;
        if !handled {
            add_comments(branch, &node.head, false, line);
            add_comments(branch, &node.line_comment, false, line);
        }
        match node.kind {
            Kind::Document => {
                for child in &tied.content {
                    self.fill_branch(*child, branch, false, budget)?;
                }
            }
            Kind::Sequence => {
                return Err(Fault { line, message: "a YAML document that is a list cannot be a sops file".to_owned() });
            }
            // A document with a start marker and nothing else.
            Kind::Scalar if node.tag == resolve::NULL => return Ok(()),
            Kind::Scalar => {
                return Err(Fault {
                    line,
                    message: "a YAML document that is a value cannot be a sops file".to_owned(),
                });
            }
            Kind::Alias => {
                let deeper = budget.deeper().map_err(Self::exhausted(line))?;
                self.fill_branch(tied.target.unwrap_or(at), branch, false, &deeper)?;
            }
            Kind::Mapping => self.pairs(&tied.content, branch, budget)?,
        }
        if !handled {
            add_comments(branch, &node.foot, false, line);
        }
        Ok(())
    }

    fn pairs(&self, content: &[usize], branch: &mut Branch, budget: &Budget) -> Result<(), Fault> {
        for pair in content.chunks_exact(2) {
            let [at, value_at] = pair else { continue };
            let (key, value) = (&self.document.nodes[*at].node, &self.document.nodes[*value_at].node);
            self.budget.take_bytes(128).map_err(Self::exhausted(key.line))?;
            add_comments(branch, &key.head, false, key.line);
            add_comments(branch, &key.line_comment, false, key.line);
            let of_value = matches!(value.kind, Kind::Scalar | Kind::Alias);
            if of_value {
                add_comments(branch, &value.head, false, key.line);
                add_comments(branch, &value.line_comment, true, key.line);
            }
            let name = match (key.kind, scalar(key)?) {
                (Kind::Scalar, Value::Str(text)) => match String::from_utf8(text.to_vec()) {
                    Ok(name) => Key::Text(name),
                    Err(_) => Key::Odd("binary data"),
                },
                (Kind::Scalar, other) => Key::Odd(other.kind_name()),
                _ => Key::Odd("no scalar"),
            };
            let tree = self.value(*value_at, of_value, budget)?;
            branch.push(Item { key: name, value: tree, line: key.line });
            if of_value {
                add_comments(branch, &value.foot, false, key.line);
            }
            add_comments(branch, &key.foot, false, key.line);
        }
        Ok(())
    }
}

fn scalar(node: &Node) -> Result<Value, Fault> {
    if node.kind != Kind::Scalar {
        return Ok(Value::Null);
    }
    let fault = |message: String| Fault { line: node.line, message };
    if node.tag == resolve::BINARY {
        let bare: Zeroizing<String> =
            Zeroizing::new(node.value.chars().filter(|c| !matches!(c, '\n' | '\r')).collect());
        let bytes = STANDARD.decode(bare.as_bytes());
        return bytes.map(Value::text).map_err(|_| fault("!!binary value contains invalid base64 data".to_owned()));
    }
    let tag = if node.tag == resolve::MERGE { resolve::STR } else { node.tag.as_str() };
    let resolved = resolve(tag, &node.value);
    resolved.map(|(_, value)| value).ok_or_else(|| fault(format!("the value cannot be a {tag}")))
}

/// Prints branches as documents; also says for each line which line it comes from.
pub(crate) fn emit(branches: &[Branch], indent: i64, room: usize) -> (Zeroizing<Vec<u8>>, Vec<u32>) {
    let mut emitter = Emitter::new(indent, room);
    for branch in branches {
        emitter.document(&branch_node(branch, 0));
    }
    emitter.finish()
}

fn branch_node(branch: &Branch, line: u32) -> Node {
    let mut node = Node { kind: Kind::Mapping, line, ..Node::default() };
    let mut waiting = Waiting::default();
    let mut beginning = true;
    for item in branch {
        let Some(key) = (match &item.key {
            Key::Comment(comment) => {
                waiting.add(comment);
                continue;
            }
            Key::Text(name) => Some(name),
            Key::Odd(_) => None,
        }) else {
            continue;
        };
        if std::mem::take(&mut beginning) {
            waiting.give_head(&mut node);
        }
        let mut key = string_node(key.as_bytes(), item.line);
        waiting.give_head(&mut key);
        let mut value = value_node(&item.value, item.line);
        waiting.give_line(&mut value);
        node.content.push(key);
        node.content.push(value);
    }
    waiting.rest(&mut node, beginning, 2);
    node
}

fn value_node(value: &Value, line: u32) -> Node {
    match value {
        Value::Map(branch) => branch_node(branch, line),
        Value::Seq(list) => {
            let mut node = Node { kind: Kind::Sequence, line, ..Node::default() };
            let mut waiting = Waiting::default();
            let mut beginning = true;
            for element in list {
                if let Value::Comment(comment) = &element.value {
                    waiting.add(comment);
                    continue;
                }
                if std::mem::take(&mut beginning) {
                    waiting.give_head(&mut node);
                }
                let mut item = value_node(&element.value, element.line);
                waiting.give_head(&mut item);
                waiting.give_line(&mut item);
                node.content.push(item);
            }
            waiting.rest(&mut node, beginning, 1);
            node
        }
        Value::Str(text) => string_node(text, line),
        Value::Null | Value::Comment(_) => plain_node("null", line),
        Value::Bool(value) => plain_node(&value.to_string(), line),
        Value::Int(value) => plain_node(&value.to_string(), line),
        Value::Uint(value) => plain_node(&value.to_string(), line),
        Value::Time(time) => plain_node(&time.nanos(), line),
        Value::Float(n) => {
            let text = match number::general(*n).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                "NaN" => ".nan".to_owned(),
                other => other.to_owned(),
            };
            plain_node(&text, line)
        }
    }
}

/// Comments that wait for the node they belong to.
#[derive(Default)]
struct Waiting {
    head: Vec<String>,
    inline: Vec<String>,
}

fn text_of(text: &Text) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn append(into: &mut String, comment: &str) {
    if !into.is_empty() {
        into.push('\n');
    }
    into.push_str(comment);
}

impl Waiting {
    fn add(&mut self, comment: &Comment) {
        let list = if comment.inline { &mut self.inline } else { &mut self.head };
        list.push(text_of(&comment.text));
    }

    fn join(list: &mut Vec<String>) -> Option<String> {
        let list = std::mem::take(list);
        (!list.is_empty()).then(|| format!("#{}", list.join("\n#")))
    }

    fn give_head(&mut self, node: &mut Node) {
        if let Some(comment) = Self::join(&mut self.head) {
            node.head = if node.head.is_empty() { comment } else { format!("{comment}\n{}", node.head) };
        }
    }

    fn give_line(&mut self, node: &mut Node) {
        if let Some(comment) = Self::join(&mut self.inline) {
            append(&mut node.line_comment, &comment);
        }
    }

    /// What is left belongs to the foot of the last entry, or to the head of an empty collection.
    fn rest(mut self, node: &mut Node, beginning: bool, back: usize) {
        self.head.append(&mut self.inline);
        let Some(comment) = Self::join(&mut self.head) else { return };
        let last = node.content.len().checked_sub(back);
        match last.and_then(|at| node.content.get_mut(at)).filter(|_| !beginning) {
            Some(last) => append(&mut last.foot, &comment),
            None => node.head = comment,
        }
    }
}
