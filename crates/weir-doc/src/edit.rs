//! Changes to the text of a YAML document that leave the rest of it as it is: comments, order, blank lines and quotes.
//!
//! Contract: after a change the text reads as the document with just that change; what could not be verified is not
//! done. Only a field of the root that is written in brackets, or in a way that cannot be changed in its place, is
//! written anew as a whole.

use crate::{Dialect, Map, Node, ParseError, Style, Value, emit, yaml};
use std::sync::Arc;
use weir_base::{Budget, Origin};

/// A way into a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// One document, as text and as what the text says.
#[derive(Clone, Debug)]
pub struct Text {
    lines: Vec<String>,
    line_break: &'static str,
    root: Node,
    file: Option<Arc<str>>,
}

impl Text {
    /// Reads a text with one document, which is a mapping or empty.
    pub fn read(text: &str, file: Option<&Arc<str>>) -> Result<Self, ParseError> {
        let root = parse(text, file)?;
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let lines = text.lines().map(str::to_owned).collect();
        Ok(Self { lines, line_break, root, file: file.cloned() })
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        join(&self.lines, self.line_break)
    }

    /// Gives a member of a mapping a value. The mapping has to be there, its member need not.
    pub fn set(&mut self, path: &[Step], value: &Node) -> Result<(), ParseError> {
        let mut wanted = self.root.clone();
        set(&mut wanted, path, value).ok_or_else(|| self.misled(path))?;
        self.change(path, wanted, |text| text.lines_with(path, value))
    }

    /// Puts a value at the end of a list, which need not be there.
    pub fn push(&mut self, path: &[Step], value: &Node) -> Result<(), ParseError> {
        let mut items = self.at(path).and_then(Node::as_seq).cloned().unwrap_or_default();
        items.push(value.clone());
        let whole = Node::from(items);
        let mut wanted = self.root.clone();
        set(&mut wanted, path, &whole).ok_or_else(|| self.misled(path))?;
        self.change(path, wanted, |text| match text.at(path) {
            Some(list) if is_block(list) && list.as_seq().is_some_and(|items| !items.is_empty()) => {
                text.lines_with_item(path, value)
            }
            _ => text.lines_with(path, &whole),
        })
    }

    /// Takes out what is there; a list whose last item goes, goes too.
    pub fn remove(&mut self, path: &[Step]) -> Result<(), ParseError> {
        let path = match path {
            [list @ .., Step::Item(_)]
                if self.at(list).and_then(Node::as_seq).is_some_and(|items| items.len() == 1) =>
            {
                list
            }
            path => path,
        };
        let mut wanted = self.root.clone();
        remove(&mut wanted, path).ok_or_else(|| self.misled(path))?;
        self.change(path, wanted, |text| {
            let (first, end) = text.extent(path)?;
            Some([&text.lines[..first], &text.lines[end..]].concat())
        })
    }

    pub fn at(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Item(at) => node.as_seq()?.get(*at),
        })
    }

    /// Takes the lines if they say what is wanted, else writes the whole field of the root anew.
    fn change(
        &mut self,
        path: &[Step],
        wanted: Node,
        lines: impl FnOnce(&Self) -> Option<Vec<String>>,
    ) -> Result<(), ParseError> {
        let says =
            |lines: &Vec<String>| parse(&join(lines, self.line_break), self.file.as_ref()).is_ok_and(|n| n == wanted);
        let field = &path[..path.len().min(1)];
        let whole = |text: &Self| match field.first() {
            Some(Step::Key(key)) => text.lines_with(field, wanted.get(key)?),
            _ => None,
        };
        let lines = lines(self).filter(says).or_else(|| whole(self).filter(says)).ok_or_else(|| {
            let at = self.at(field).map_or_else(|| self.root.meta.at.clone(), |node| node.meta.at.clone());
            ParseError::new(at, "cannot be changed without rewriting what is around it: change it by hand")
        })?;
        self.root = parse(&join(&lines, self.line_break), self.file.as_ref())?;
        self.lines = lines;
        Ok(())
    }

    fn misled(&self, path: &[Step]) -> ParseError {
        let held = (0..path.len()).rev().find_map(|end| self.at(&path[..end]));
        let at = held.map_or_else(Origin::default, |node| node.meta.at.clone());
        ParseError::new(at, "is not of the type that the change is for")
    }

    /// The text with a member written anew, or at the end of its mapping.
    fn lines_with(&self, path: &[Step], value: &Node) -> Option<Vec<String>> {
        let (Step::Key(key), parent) = (path.last()?, &path[..path.len() - 1]) else { return None };
        let mapping = self.at(parent)?;
        let mut member = Node::map();
        member.set(*key, value.clone());
        let Some(old) = mapping.get(key) else {
            let (column, at) = match mapping.as_map().and_then(|map| map.iter().next()) {
                Some((first, _)) if is_block(mapping) => (first.col() as usize, self.end_of(parent)?),
                None if parent.is_empty() => (1, self.lines.len()),
                _ => return None,
            };
            return Some(self.spliced(at, at, block(&member, column, "")));
        };
        if let Some(line) = self.line_with(old, value) {
            let at = old.meta.at.line as usize - 1;
            return Some(self.spliced(at, at + 1, vec![line]));
        }
        let column = mapping.as_map()?.key(key)?.col() as usize;
        let (first, end) = self.extent(path)?;
        // The first member of an item stands behind its dash.
        let before: String = self.lines[first].chars().take(column - 1).collect();
        let start = if before.trim().is_empty() { "" } else { &before };
        Some(self.spliced(first, end, block(&member, column, start)))
    }

    /// The line of a scalar with another one in its place.
    fn line_with(&self, old: &Node, value: &Node) -> Option<String> {
        let text = emit::to_yaml(value);
        let is_scalar = |node: &Node| !matches!(node.value, Value::Map(_) | Value::Seq(_) | Value::Null);
        if !is_scalar(old) || !is_scalar(value) || text.lines().count() != 1 {
            return None;
        }
        let line = self.lines.get((old.meta.at.line as usize).checked_sub(1)?)?;
        let start = line.char_indices().nth(old.meta.at.col as usize - 1)?.0;
        let rest = &line[start..];
        let end = match rest.chars().next()? {
            quote @ ('"' | '\'') => 1 + rest[1..].find(quote)? + 1,
            '|' | '>' | '&' | '*' | '!' | '{' | '[' => return None,
            _ => rest.find(" #").map_or(rest.trim_end().len(), |comment| rest[..comment].trim_end().len()),
        };
        Some(format!("{}{}{}", &line[..start], text.trim_end(), &rest[end..]))
    }

    /// The text with an item more at the end of a list of the block style.
    fn lines_with_item(&self, path: &[Step], value: &Node) -> Option<Vec<String>> {
        let items = self.at(path)?.as_seq()?;
        let first = &items.first()?.meta.at;
        let line = self.lines.get(first.line as usize - 1)?;
        let before: String = line.chars().take(first.col as usize - 1).collect();
        let dash = before.rfind('-').filter(|at| before[at + 1..].trim().is_empty())?;
        let (_, end) = self.extent(&[path, &[Step::Item(items.len() - 1)]].concat())?;
        let start = format!("{}{}", " ".repeat(before[..dash].chars().count()), &before[dash..]);
        let column = start.chars().count() + 1;
        Some(self.spliced(end, end, block(value, column, &start)))
    }

    fn spliced(&self, first: usize, end: usize, new: Vec<String>) -> Vec<String> {
        [&self.lines[..first], &new, &self.lines[end..]].concat()
    }

    /// The lines of a member or an item, without the comments and blank lines behind it.
    fn extent(&self, path: &[Step]) -> Option<(usize, usize)> {
        let (step, parent) = (path.last()?, &path[..path.len() - 1]);
        let holder = self.at(parent)?;
        if !is_block(holder) {
            return None;
        }
        let line_of = |line: u32| (line as usize).checked_sub(1);
        let (first, column, is_item) = match step {
            Step::Key(key) => {
                let key = holder.as_map()?.key(key)?;
                (line_of(key.line)?, key.col() as usize, false)
            }
            Step::Item(at) => {
                let first = line_of(holder.as_seq()?.get(*at)?.meta.at.line)?;
                (first, self.lines[first].find('-')? + 1, true)
            }
        };
        // What is deeper belongs to it, and the items of a list that is as deep as its key.
        let holds_list = !is_item && self.at(path)?.as_seq().is_some();
        let depth = |line: &str| line.len() - line.trim_start_matches(' ').len() + 1;
        let belongs = |line: &str| {
            let is_dash = line.trim_start().starts_with("- ") || line.trim() == "-";
            depth(line) > column || (depth(line) == column && holds_list && is_dash)
        };
        // What looks like a comment and is deeper may be one of a text.
        let is_silent =
            |line: &str| line.trim().is_empty() || (line.trim_start().starts_with('#') && depth(line) <= column);
        let mut end = first + 1;
        for (at, line) in self.lines.iter().enumerate().skip(first + 1) {
            if is_silent(line) {
                continue;
            }
            if !belongs(line) {
                break;
            }
            end = at + 1;
        }
        Some((first, end))
    }

    /// Where a further member of a mapping is written.
    fn end_of(&self, path: &[Step]) -> Option<usize> {
        let mapping = self.at(path)?.as_map()?;
        let (key, _) = mapping.iter().next_back()?;
        let last = [path, &[Step::Key(key.as_str())]].concat();
        self.extent(&last).map(|(_, end)| end)
    }
}

fn parse(text: &str, file: Option<&Arc<str>>) -> Result<Node, ParseError> {
    let documents = yaml::parse_all(text.as_bytes(), file, Dialect::V3, &Budget::standard())?;
    let mut documents = documents.into_iter();
    let first = documents.next().unwrap_or_default();
    if let Some(second) = documents.next() {
        return Err(ParseError::new(second.meta.at, "a second document: only one can be changed"));
    }
    match first.value {
        Value::Map(_) => Ok(first),
        Value::Null => Ok(Node { value: Value::Map(Map::new()), meta: first.meta }),
        _ => Err(ParseError::new(first.meta.at, "is not a mapping")),
    }
}

fn join(lines: &[String], line_break: &str) -> String {
    lines.iter().flat_map(|line| [line.as_str(), line_break]).collect()
}

/// The lines of a node whose first column is given; the first line begins with `start`, or with spaces for none.
fn block(node: &Node, column: usize, start: &str) -> Vec<String> {
    let indent = " ".repeat(column - 1);
    let text = emit::to_yaml_in_order(node);
    let lines = text.lines().enumerate().map(|(at, line)| match (at, line) {
        (0, line) if !start.is_empty() => format!("{start}{line}"),
        (_, "") => String::new(),
        (_, line) => format!("{indent}{line}"),
    });
    lines.collect()
}

fn is_block(node: &Node) -> bool {
    node.meta.style != Style::Flow
}

fn set(node: &mut Node, path: &[Step], value: &Node) -> Option<()> {
    match path {
        [Step::Key(key)] => node.as_map_mut().map(|map| map.insert(*key, value.clone())).map(drop),
        [Step::Key(key), rest @ ..] => set(node.get_mut(key)?, rest, value),
        [Step::Item(at), rest @ ..] => set(node.as_seq_mut()?.get_mut(*at)?, rest, value),
        [] => None,
    }
}

fn remove(node: &mut Node, path: &[Step]) -> Option<()> {
    match path {
        [Step::Key(key)] => node.as_map_mut()?.remove(key).map(drop),
        [Step::Item(at)] => {
            let items = node.as_seq_mut()?;
            (*at < items.len()).then(|| items.remove(*at)).map(drop)
        }
        [Step::Key(key), rest @ ..] => remove(node.get_mut(key)?, rest),
        [Step::Item(at), rest @ ..] => remove(node.as_seq_mut()?.get_mut(*at)?, rest),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{Item, Key};
    use super::*;

    const TEXT: &str = "# the head
apiVersion: kustomize.config.k8s.io/v1beta1

resources: # all of them
- a.yaml   # first
# between
- 'b.yaml'
# about images

images:
  # the front
  - name: web
    newTag: \"1.0\" # pinned
  - {name: db, newTag: x}

namespace: old  # where
# the end
";

    fn edited(text: &str, edit: impl FnOnce(&mut Text) -> Result<(), ParseError>) -> String {
        let mut read = Text::read(text, None).expect("is YAML");
        edit(&mut read).expect("can be changed");
        read.text()
    }

    fn text(text: &str) -> Node {
        Node::string(text)
    }

    #[test]
    fn a_change_leaves_the_rest_as_it_is() {
        let set = |path: &[Step], value: Node| edited(TEXT, |read| read.set(path, &value));
        assert_eq!(set(&[Key("namespace")], text("new")), TEXT.replace("old", "new"));
        assert_eq!(set(&[Key("images"), Item(0), Key("newTag")], text("2")), TEXT.replace("\"1.0\"", "\"2\""));
        let more = TEXT.replace("# pinned\n", "# pinned\n    digest: x\n");
        assert_eq!(set(&[Key("images"), Item(0), Key("digest")], text("x")), more);
        assert_eq!(set(&[Key("namePrefix")], text("a-")), TEXT.replace("# the end", "namePrefix: a-\n# the end"));
        let pushed = edited(TEXT, |read| read.push(&[Key("resources")], &text("c.yaml")));
        assert_eq!(pushed, TEXT.replace("- 'b.yaml'\n", "- 'b.yaml'\n- c.yaml\n"));
        let removed = edited(TEXT, |read| read.remove(&[Key("resources"), Item(0)]));
        assert_eq!(removed, TEXT.replace("- a.yaml   # first\n", ""));
        assert_eq!(edited("resources:\n- a\n", |read| read.remove(&[Key("resources"), Item(0)])), "");
        assert_eq!(edited("", |read| read.push(&[Key("resources")], &text("a"))), "resources:\n- a\n");
    }

    #[test]
    fn what_stands_in_brackets_is_written_anew() {
        let before = "# x\nresources: [a, b]\nlabels: {a: b} # y\nnamespace: n # z\n";
        let pushed = edited(before, |read| read.push(&[Key("resources")], &text("c")));
        assert_eq!(pushed, before.replace("[a, b]", "\n- a\n- b\n- c").replace("resources: ", "resources:"));
        let set = edited(before, |read| read.set(&[Key("labels"), Key("a")], &text("c")));
        assert!(set.starts_with("# x\nresources: [a, b]\nlabels:") && set.ends_with("namespace: n # z\n"), "{set}");
    }

    #[test]
    fn line_breaks_and_blocks_are_kept() {
        let before = "a: |\r\n  - x\r\n  # no comment\r\n\r\nb:\r\n- c:\r\n  - d\r\n  e: 1\r\n";
        let set = edited(before, |read| read.set(&[Key("b"), Item(0), Key("e")], &text("2")));
        assert_eq!(set, before.replace("e: 1", "e: \"2\""));
        let replaced = edited(before, |read| read.set(&[Key("b"), Item(0), Key("c")], &text("x")));
        assert_eq!(replaced, before.replace("c:\r\n  - d", "c: x"));
        let block = edited(before, |read| read.set(&[Key("a")], &text("y")));
        assert_eq!(block, "a: \"y\"\r\n\r\nb:\r\n- c:\r\n  - d\r\n  e: 1\r\n");
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let refused = |text: &str, path: &[Step]| {
            let mut read = Text::read(text, None).expect("is YAML");
            let error = read.set(path, &Node::string("x")).expect_err("is refused");
            assert_eq!(read.text(), text, "nothing was changed");
            error.to_string()
        };
        assert!(refused("a: &x\n  b: 1\nc: *x\n", &[Key("a"), Key("b")]).contains("by hand"));
        assert!(refused("a: [b]\n", &[Key("a"), Key("b")]).contains("not of the type"));
        assert!(Text::read("a: 1\n---\nb: 1\n", None).is_err() && Text::read("- a\n", None).is_err());
    }
}
