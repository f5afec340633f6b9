use crate::{Key, Map};
use std::sync::Arc;
use weir_base::Origin;

/// A document or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub value: Value,
    pub meta: Meta,
}

/// What a node is. There are no other kinds: this is the data model of JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Seq(Vec<Node>),
    Map(Map),
}

/// A number as Kubernetes knows them: 64-bit integers, else a double.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Int(i64),
    /// Only for values above `i64::MAX`.
    Uint(u64),
    Float(f64),
}

/// How a value was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    #[default]
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
    /// A sequence or mapping in brackets.
    Flow,
}

/// Where a node comes from and how it was written; plays no part in comparisons.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    pub at: Origin,
    pub style: Style,
    pub note: Option<Box<Note>>,
}

/// What only some nodes have.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The text of a scalar where it is not the canonical one (`010`, `1e3`, `~`).
    pub source: Option<String>,
    /// An explicit tag.
    pub tag: Option<String>,
    /// Who set this value, when it was not the file it stands in (a transformer, a substitution).
    pub set_by: Option<Arc<str>>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            (Number::Uint(a), Number::Uint(b)) => a == b,
            (Number::Int(_), Number::Uint(_)) | (Number::Uint(_), Number::Int(_)) => false,
            _ => self.as_f64() == other.as_f64(),
        }
    }
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Uint(n) => n as f64,
            Number::Float(n) => n,
        }
    }

    pub fn as_i64(self) -> Option<i64> {
        match self {
            Number::Int(n) => Some(n),
            Number::Uint(_) => None,
            Number::Float(n) if n.fract() == 0.0 && n.abs() < 9.0e15 => Some(n as i64),
            Number::Float(_) => None,
        }
    }
}

impl Node {
    pub fn new(value: impl Into<Value>) -> Self {
        Self { value: value.into(), meta: Meta::default() }
    }

    pub fn null() -> Self {
        Self::default()
    }

    pub fn string(text: impl Into<String>) -> Self {
        Self::new(Value::String(text.into()))
    }

    pub fn map() -> Self {
        Self::new(Value::Map(Map::new()))
    }

    pub fn at(mut self, at: Origin) -> Self {
        self.meta.at = at;
        self
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match &self.value {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&Vec<Node>> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key)
    }

    /// The value at a path of keys.
    pub fn path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub fn path_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// The string at a path of keys; `None` also when it is not a string.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.path(path)?.as_str()
    }

    /// Sets a key. A node that is no mapping becomes one (this is how a null `metadata:` is filled).
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Node>) {
        self.make_map().insert(key, value);
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.as_map_mut()?.remove(key)
    }

    /// The mapping at a path of keys, made where it is missing.
    pub fn ensure_map(&mut self, path: &[&str]) -> &mut Map {
        let mut node = self;
        for key in path {
            node = node.make_map().entry_or_null(key);
        }
        node.make_map()
    }

    fn make_map(&mut self) -> &mut Map {
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Map::new());
        }
        match &mut self.value {
            Value::Map(map) => map,
            _ => unreachable!("made a mapping above"),
        }
    }

    /// A short name of the kind of value, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// How many nodes this one holds, itself included.
    pub fn count(&self) -> u64 {
        match &self.value {
            Value::Seq(items) => 1 + items.iter().map(Node::count).sum::<u64>(),
            Value::Map(map) => 1 + map.iter().map(|(_, node)| node.count()).sum::<u64>(),
            _ => 1,
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Node::new(value)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Node::string(text)
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Node::string(text)
    }
}

impl From<bool> for Node {
    fn from(value: bool) -> Self {
        Node::new(Value::Bool(value))
    }
}

impl From<i64> for Node {
    fn from(value: i64) -> Self {
        Node::new(Value::Number(Number::Int(value)))
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Node::new(Value::Map(map))
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Node::new(Value::Seq(items))
    }
}
