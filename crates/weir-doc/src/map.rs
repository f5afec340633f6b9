use crate::Node;
use indexmap::{Equivalent, IndexMap};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A mapping that keeps the order in which its keys were written.
#[derive(Clone, Debug, Default)]
pub struct Map(IndexMap<Key, Node>);

/// A key, and the line and column it was read from (0 when it was not read).
#[derive(Clone, Debug)]
pub struct Key {
    pub text: Box<str>,
    pub line: u32,
    /// The column, and [`NO_STRING`]: there are many keys, and this way each is smaller.
    place: u32,
}

/// Marks a key that is a number, a boolean or a time.
const NO_STRING: u32 = 1 << 31;

impl Key {
    pub fn new(text: impl Into<Box<str>>, line: u32, col: u32) -> Self {
        Self { text: text.into(), line, place: col & !NO_STRING }
    }

    /// The key as one that is no string to YAML, though its text is all that tells it from others.
    pub fn not_a_string(mut self) -> Self {
        self.place |= NO_STRING;
        self
    }

    /// Only a [`crate::Dialect::V3`] document has keys that are none.
    pub fn is_string(&self) -> bool {
        self.place & NO_STRING == 0
    }

    pub fn col(&self) -> u32 {
        self.place & !NO_STRING
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(&self.text, state);
    }
}

struct Text<'a>(&'a str);

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self.0, state);
    }
}

impl Equivalent<Key> for Text<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == &*key.text
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::new(text, 0, 0)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key::new(text, 0, 0)
    }
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.0.get(&Text(key))
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.get_mut(&Text(key))
    }

    /// The key as it was written, with its place.
    pub fn key(&self, key: &str) -> Option<&Key> {
        self.0.get_key_value(&Text(key)).map(|(key, _)| key)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(&Text(key))
    }

    /// Sets a key: in its place when it is there, else at the end. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Node>) -> Option<Node> {
        self.0.insert(key.into(), value.into())
    }

    /// Sets a key at a position among the others (`index` at most [`Map::len`]).
    pub fn insert_at(&mut self, index: usize, key: impl Into<Key>, value: impl Into<Node>) {
        self.0.shift_insert(index, key.into(), value.into());
    }

    /// The value of a key; null, at the end, when the key was missing.
    pub fn entry_or_null(&mut self, key: &str) -> &mut Node {
        self.0.entry(Key::from(key)).or_default()
    }

    /// Removes a key; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.0.shift_remove(&Text(key))
    }

    pub fn retain(&mut self, keep: impl FnMut(&Key, &mut Node) -> bool) {
        self.0.retain(keep);
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Node)> + ExactSizeIterator {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&Key, &mut Node)> {
        self.0.iter_mut()
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.keys().map(Key::as_str)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.0.values()
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Node> {
        self.0.values_mut()
    }
}

/// Two mappings are equal when they have the same keys and values, in any order.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl IntoIterator for Map {
    type Item = (Key, Node);
    type IntoIter = indexmap::map::IntoIter<Key, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<Key>, N: Into<Node>> FromIterator<(K, N)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, N)>>(items: I) -> Self {
        Self(items.into_iter().map(|(key, node)| (key.into(), node.into())).collect())
    }
}
