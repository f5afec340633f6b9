use crate::Node;
use hashbrown::HashTable;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// A mapping that keeps the order in which its keys were written.
///
/// Those of Kubernetes have few keys, which take less room and time in a row than in a table; only one with more than
/// [`FEW`] has a table beside.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<(Key, Node)>,
    index: Option<Box<Index>>,
}

const FEW: usize = 16;

/// Where each key stands.
#[derive(Clone)]
struct Index {
    seed: RandomState,
    places: HashTable<usize>,
}

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

impl Index {
    fn new(entries: &[(Key, Node)]) -> Self {
        let mut index = Self { seed: RandomState::new(), places: HashTable::with_capacity(entries.len()) };
        (0..entries.len()).for_each(|place| index.add(&entries[..=place], place));
        index
    }

    fn hash(seed: &RandomState, entries: &[(Key, Node)], place: usize) -> u64 {
        entries.get(place).map_or(0, |(key, _)| seed.hash_one(key.as_str()))
    }

    fn find(&self, entries: &[(Key, Node)], key: &str) -> Option<usize> {
        let is_it = |place: &usize| entries.get(*place).is_some_and(|(found, _)| found.as_str() == key);
        self.places.find(self.seed.hash_one(key), is_it).copied()
    }

    /// The entry is already there; those behind it moved.
    fn add(&mut self, entries: &[(Key, Node)], place: usize) {
        if place + 1 < entries.len() {
            self.places.iter_mut().filter(|other| **other >= place).for_each(|other| *other += 1);
        }
        let hash = Self::hash(&self.seed, entries, place);
        self.places.insert_unique(hash, place, |place| Self::hash(&self.seed, entries, *place));
    }

    /// The entry is still there, and will not be.
    fn remove(&mut self, entries: &[(Key, Node)], place: usize) {
        if let Ok(found) = self.places.find_entry(Self::hash(&self.seed, entries, place), |other| *other == place) {
            found.remove();
        }
        self.places.iter_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
    }
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.find(&self.entries, key),
            None => self.entries.iter().position(|(found, _)| found.as_str() == key),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.position(key).map(|at| &mut self.entries[at].1)
    }

    /// The key as it was written, with its place.
    pub fn key(&self, key: &str) -> Option<&Key> {
        self.position(key).map(|at| &self.entries[at].0)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Sets a key: in its place when it is there, else at the end. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Node>) -> Option<Node> {
        let key = key.into();
        match self.position(key.as_str()) {
            Some(at) => Some(std::mem::replace(&mut self.entries[at].1, value.into())),
            None => {
                self.add(self.entries.len(), key, value.into());
                None
            }
        }
    }

    /// Adds a key that is not there.
    fn add(&mut self, place: usize, key: Key, value: Node) {
        self.entries.insert(place, (key, value));
        match &mut self.index {
            Some(index) => index.add(&self.entries, place),
            None if self.entries.len() > FEW => self.index = Some(Box::new(Index::new(&self.entries))),
            None => {}
        }
    }

    /// Sets a key at a position among the others (`index` at most [`Map::len`]).
    pub fn insert_at(&mut self, index: usize, key: impl Into<Key>, value: impl Into<Node>) {
        let key = key.into();
        let key = self.take(key.as_str()).map_or(key, |(key, _)| key);
        self.add(index.min(self.entries.len()), key, value.into());
    }

    /// The value of a key; null, at the end, when the key was missing.
    pub fn entry_or_null(&mut self, key: &str) -> &mut Node {
        let at = self.position(key).unwrap_or_else(|| {
            self.add(self.entries.len(), Key::from(key), Node::null());
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    /// Removes a key; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.take(key).map(|(_, value)| value)
    }

    fn take(&mut self, key: &str) -> Option<(Key, Node)> {
        let at = self.position(key)?;
        if let Some(index) = &mut self.index {
            index.remove(&self.entries, at);
        }
        Some(self.entries.remove(at))
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Node) -> bool) {
        let before = self.entries.len();
        self.entries.retain_mut(|(key, value)| keep(key, value));
        if self.index.is_some() && self.entries.len() < before {
            self.index = (self.entries.len() > FEW).then(|| Box::new(Index::new(&self.entries)));
        }
    }

    /// Gives room back that was kept for further keys.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Node)> + ExactSizeIterator {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&Key, &mut Node)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Node> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Node> {
        self.entries.iter_mut().map(|(_, value)| value)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Two mappings are equal when they have the same keys and values, in any order.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        // As a rule the order is the same too.
        let is_there = |(at, (key, value)): (usize, &(Key, Node))| match other.entries.get(at) {
            Some((same, there)) if same == key => there == value,
            _ => other.get(key.as_str()) == Some(value),
        };
        self.len() == other.len() && self.entries.iter().enumerate().all(is_there)
    }
}

impl IntoIterator for Map {
    type Item = (Key, Node);
    type IntoIter = std::vec::IntoIter<(Key, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<Key>, N: Into<Node>> FromIterator<(K, N)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, N)>>(items: I) -> Self {
        let items = items.into_iter();
        let mut map = Self { entries: Vec::with_capacity(items.size_hint().0), index: None };
        items.for_each(|(key, value)| drop(map.insert(key, value)));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of numbers that is the same each time.
    fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        }
    }

    /// Every document is made of these.
    #[test]
    fn nodes_are_small() {
        assert_eq!((size_of::<Key>(), size_of::<Node>(), size_of::<(Key, Node)>()), (24, 72, 96));
    }

    /// Beside a plain list, below and above the number of keys from which there is a table.
    #[test]
    fn keys_keep_their_order_whatever_is_done() {
        let mut number = numbers();
        for keys in [8, 60] {
            let (mut map, mut list): (Map, Vec<(String, usize)>) = (Map::new(), Vec::new());
            for step in 0..4_000 {
                let key = format!("k{}", number(keys));
                let at = list.iter().position(|(other, _)| *other == key);
                match number(6) {
                    0 => {
                        let old = map.remove(&key);
                        assert_eq!(old.is_some(), at.is_some());
                        at.map(|at| list.remove(at));
                    }
                    1 => {
                        at.map(|at| list.remove(at));
                        let to = number(list.len() + 1);
                        list.insert(to, (key.clone(), step));
                        map.insert_at(to, key.as_str(), step as i64);
                    }
                    2 if number(20) == 0 => {
                        map.retain(|key, _| key.text.len() == 2);
                        list.retain(|(key, _)| key.len() == 2);
                    }
                    3 => {
                        *map.entry_or_null(&key) = Node::from(step as i64);
                        match at {
                            Some(at) => list[at].1 = step,
                            None => list.push((key, step)),
                        }
                    }
                    _ => {
                        map.insert(key.as_str(), step as i64);
                        match at {
                            Some(at) => list[at].1 = step,
                            None => list.push((key, step)),
                        }
                    }
                }
                assert!(list.iter().all(|(key, value)| map.get(key) == Some(&Node::from(*value as i64))));
                assert!(map.keys().eq(list.iter().map(|(key, _)| key.as_str())), "{map:?}");
                assert!(!map.contains("none") && (map.len() <= FEW || map.index.is_some()));
            }
            let reversed: Map = map.clone().into_iter().rev().collect();
            assert_eq!(map, reversed);
            map.insert("k0", "other");
            assert_ne!(map, reversed);
        }
    }
}
