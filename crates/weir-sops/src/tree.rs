//! The tree that every format is read into: ordered, with comments, and with values as sops knows them.

use crate::time::Time;
use zeroize::Zeroizing;

/// Text that may be secret, and that need not be UTF-8.
pub(crate) type Text = Zeroizing<Vec<u8>>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// Above what sops can hold; only read, to be named in an error.
    Uint(u64),
    Float(f64),
    Str(Text),
    Time(Time),
    /// In a list, or decrypted where a value should be.
    Comment(Comment),
    Map(Branch),
    Seq(Vec<Element>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Comment {
    /// What stands behind the `#`.
    pub text: Text,
    /// It stands behind a value, in its line.
    pub inline: bool,
}

pub(crate) type Branch = Vec<Item>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub key: Key,
    pub value: Value,
    /// Where it was read, counted from 1; 0 when it was not.
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub value: Value,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Text(String),
    Comment(Comment),
    /// A key that is no string, which sops refuses: what it is.
    Odd(&'static str),
}

impl Item {
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: Key::Text(key.into()), value, line: 0 }
    }

    pub fn at(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    pub fn comment(text: impl Into<Vec<u8>>, inline: bool) -> Self {
        let comment = Comment { text: Zeroizing::new(text.into()), inline };
        Self { key: Key::Comment(comment), value: Value::Null, line: 0 }
    }

    pub fn name(&self) -> Option<&str> {
        match &self.key {
            Key::Text(name) => Some(name),
            _ => None,
        }
    }
}

impl Value {
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Value::Str(Zeroizing::new(text.into()))
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Branch> {
        match self {
            Value::Map(branch) => Some(branch),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Str(_) => "a string",
            Value::Time(_) => "a timestamp",
            Value::Comment(_) => "a comment",
            Value::Map(_) => "a mapping",
            Value::Seq(_) => "a list",
        }
    }
}

/// The value of a key, the last one as in the original's conversion.
pub(crate) fn get<'a>(branch: &'a [Item], name: &str) -> Option<&'a Item> {
    branch.iter().rev().find(|item| item.name() == Some(name))
}
