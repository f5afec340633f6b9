//! Reading the fields of a kustomization file one by one, as Go's JSON decoder accepts them: names in
//! any case, null as absent, nothing unknown.
//!
//! A mistake does not end the reading: it is added to [`Mistakes`], so that all are told at once.

use crate::KustomizeError;
use crate::loader::Sited;
use crate::scalar;
use crate::selector::MAX_COMPILED;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use weir_base::Origin;
use weir_doc::{Map, Node, Number, Value};

/// What is wrong with the files read so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    errors: RefCell<Vec<KustomizeError>>,
    /// Bytes of compiled patterns.
    patterns: Cell<usize>,
}

impl Mistakes {
    pub fn add(&self, error: KustomizeError) {
        self.errors.borrow_mut().push(error);
    }

    /// Counts a compiled pattern that is kept.
    pub fn keep(&self, size: usize, at: &Origin, field: &str) -> Result<(), KustomizeError> {
        self.patterns.set(self.patterns.get().saturating_add(size));
        if self.patterns.get() <= MAX_COMPILED {
            return Ok(());
        }
        let problem = format!("the patterns of the file take more than {} MiB", MAX_COMPILED >> 20);
        Err(KustomizeError::field(at, field, problem).with_remedy("use shorter repetitions, or several kustomizations"))
    }

    /// The value, or its default when it is a mistake.
    pub fn take<T: Default>(&self, found: Result<T, KustomizeError>) -> T {
        found.unwrap_or_else(|why| {
            self.add(why);
            T::default()
        })
    }

    /// An error when there was any mistake.
    pub fn check(self) -> Result<(), KustomizeError> {
        KustomizeError::several(self.errors.into_inner())
    }
}

/// Reads a document with mistakes of its own.
pub(crate) fn read<T>(node: &Node, path: &str, item: impl FnOnce(&mut Fields) -> T) -> Result<T, KustomizeError> {
    let mistakes = Mistakes::default();
    let found = {
        let mut fields = Fields::of(node, path, &mistakes);
        let found = item(&mut fields);
        fields.finish();
        found
    };
    mistakes.check().map(|()| found)
}

pub(crate) struct Fields<'n> {
    /// Nothing when the node is no mapping, which is a mistake already.
    map: Option<&'n Map>,
    pub at: &'n Origin,
    path: String,
    known: Vec<&'static str>,
    /// Whether numbers and booleans may stand for text, as in files that are read by type.
    lenient: bool,
    /// Whether fields that were not asked for may be there.
    open: bool,
    mistakes: &'n Mistakes,
}

impl<'n> Fields<'n> {
    pub fn of(node: &'n Node, path: &str, mistakes: &'n Mistakes) -> Self {
        let map = node.as_map();
        if map.is_none() {
            mistakes.add(wrong(node, path, "a mapping"));
        }
        Self { map, at: &node.meta.at, path: path.to_owned(), known: Vec::new(), lenient: false, open: false, mistakes }
    }

    /// As files are read by type: unknown fields are nothing, numbers and booleans texts where those are wanted.
    pub fn set_lenient(&mut self) {
        (self.lenient, self.open) = (true, true);
    }

    /// Unknown fields are nothing.
    pub fn set_open(&mut self) {
        self.open = true;
    }

    pub fn mistakes(&self) -> &'n Mistakes {
        self.mistakes
    }

    /// The path of the mapping from the top of the document.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field that is set.
    pub fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        let map = self.map?;
        let mut entries = map.iter().rev();
        let same_case = map.get(name);
        let found = same_case.or_else(|| entries.find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|e| e.1));
        found.filter(|node| !node.is_null())
    }

    pub fn has(&mut self, name: &'static str) -> bool {
        self.node(name).is_some()
    }

    fn text(&self, node: &Node, path: &str) -> String {
        match &node.value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            Value::Bool(_) | Value::Number(_) if self.lenient => scalar::text(node).into_owned(),
            _ => {
                self.mistakes.add(wrong(node, path, "a string").with_remedy("put the value in quotes"));
                String::new()
            }
        }
    }

    pub fn string(&mut self, name: &'static str) -> String {
        self.sited(name).text
    }

    pub fn sited(&mut self, name: &'static str) -> Sited {
        match self.node(name) {
            Some(node) => Sited { text: self.text(node, &self.path_of(name)), at: node.meta.at.clone() },
            None => Sited { text: String::new(), at: self.at.clone() },
        }
    }

    pub fn bool(&mut self, name: &'static str) -> bool {
        let Some(node) = self.node(name) else { return false };
        node.as_bool().unwrap_or_else(|| {
            self.mistakes.add(wrong(node, &self.path_of(name), "true or false"));
            false
        })
    }

    pub fn int(&mut self, name: &'static str) -> Option<i64> {
        let node = self.node(name)?;
        match node.value {
            Value::Number(Number::Int(n)) => Some(n),
            Value::Number(Number::Float(n)) if n.fract() == 0.0 && n.abs() < 9.2e18 => Some(n as i64),
            _ => {
                self.mistakes.add(wrong(node, &self.path_of(name), "an integer"));
                None
            }
        }
    }

    fn list(&mut self, name: &'static str) -> impl Iterator<Item = (&'n Node, String)> + use<'n> {
        let node = self.node(name);
        let path = self.path_of(name);
        let items = node.and_then(Node::as_seq);
        if let (Some(node), None) = (node, items) {
            self.mistakes.add(wrong(node, &path, "a list"));
        }
        items.into_iter().flatten().enumerate().map(move |(at, node)| (node, format!("{path}[{at}]")))
    }

    /// A list of mappings.
    pub fn items<T>(&mut self, name: &'static str, mut item: impl FnMut(&mut Fields<'n>) -> T) -> Vec<T> {
        let (mistakes, lenient, open) = (self.mistakes, self.lenient, self.open);
        let read = |(node, path): (&'n Node, String)| {
            // To Go's decoder a null is a mapping without fields.
            let given = if node.is_null() { nothing() } else { node };
            let mut fields = Fields { lenient, open, at: &node.meta.at, ..Fields::of(given, &path, mistakes) };
            let found = item(&mut fields);
            fields.finish();
            found
        };
        self.list(name).map(read).collect()
    }

    pub fn strings(&mut self, name: &'static str) -> Vec<Sited> {
        let items: Vec<_> = self.list(name).collect();
        let read = |(node, path): (&'n Node, String)| Sited { text: self.text(node, &path), at: node.meta.at.clone() };
        items.into_iter().map(read).collect()
    }

    pub fn map(&mut self, name: &'static str) -> BTreeMap<String, String> {
        let Some(node) = self.node(name) else { return BTreeMap::new() };
        let path = self.path_of(name);
        let Some(map) = node.as_map() else {
            self.mistakes.add(wrong(node, &path, "a mapping"));
            return BTreeMap::new();
        };
        let entries = map
            .iter()
            .map(|(key, value)| (key.as_str().to_owned(), self.text(value, &format!("{path}.{}", key.as_str()))));
        entries.collect()
    }

    pub fn nested<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'n>) -> T) -> Option<T> {
        let node = self.node(name)?;
        let (lenient, open) = (self.lenient, self.open);
        let mut fields = Fields { lenient, open, ..Fields::of(node, &self.path_of(name), self.mistakes) };
        let found = read(&mut fields);
        fields.finish();
        Some(found)
    }

    /// Refuses what was not asked for.
    pub fn finish(&self) {
        let unknown = |key: &str| !self.known.iter().any(|name| name.eq_ignore_ascii_case(key));
        let Some(map) = self.map.filter(|_| !self.open) else { return };
        for (key, value) in map.iter().filter(|(key, _)| unknown(key.as_str())) {
            let at = Origin::new(value.meta.at.file.clone(), key.line, key.col());
            let error = KustomizeError::field(&at, self.path_of(key.as_str()), "unknown field");
            let near = self.known.iter().map(|name| (distance(name, key.as_str()), name)).min();
            self.mistakes.add(match near {
                Some((distance, name)) if distance <= 2 => error.with_remedy(format!("did you mean '{name}'?")),
                _ => error.with_remedy(format!("expected one of {}", self.known.join(", "))),
            });
        }
    }
}

fn nothing() -> &'static Node {
    static NOTHING: OnceLock<Node> = OnceLock::new();
    NOTHING.get_or_init(Node::map)
}

pub(crate) fn wrong(node: &Node, path: &str, expected: &str) -> KustomizeError {
    let path = if path.is_empty() { "document" } else { path };
    KustomizeError::field(&node.meta.at, path, format!("expected {expected}, found {}", node.kind_name()))
}

/// Levenshtein's distance, of short names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = if x == *y { diagonal } else { 1 + diagonal.min(row[j]).min(row[j + 1]) };
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}
