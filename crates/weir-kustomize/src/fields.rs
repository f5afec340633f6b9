//! Reading the fields of a kustomization file one by one, as Go's JSON decoder accepts them: names in
//! any case, null as absent, nothing unknown.

use crate::KustomizeError;
use crate::loader::Sited;
use crate::scalar;
use std::collections::BTreeMap;
use weir_base::Origin;
use weir_doc::{Map, Node, Number, Value};

pub(crate) struct Fields<'n> {
    map: &'n Map,
    pub at: &'n Origin,
    path: String,
    known: Vec<String>,
    /// Whether numbers and booleans may stand for text, as in files that are read by type.
    lenient: bool,
}

impl<'n> Fields<'n> {
    pub fn of(node: &'n Node, path: &str) -> Result<Self, KustomizeError> {
        match node.as_map() {
            Some(map) => Ok(Self { map, at: &node.meta.at, path: path.to_owned(), known: Vec::new(), lenient: false }),
            None => Err(wrong(node, path, "a mapping")),
        }
    }

    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field that is set.
    pub fn node(&mut self, name: &str) -> Option<&'n Node> {
        self.known.push(name.to_owned());
        let mut entries = self.map.iter().rev();
        let same_case = self.map.get(name);
        let found = same_case.or_else(|| entries.find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|e| e.1));
        found.filter(|node| !node.is_null())
    }

    pub fn has(&mut self, name: &str) -> bool {
        self.node(name).is_some()
    }

    fn text(&self, node: &Node, path: &str) -> Result<String, KustomizeError> {
        match &node.value {
            Value::String(text) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            Value::Bool(_) | Value::Number(_) if self.lenient => Ok(scalar::text(node).into_owned()),
            _ => Err(wrong(node, path, "a string").with_remedy("put the value in quotes")),
        }
    }

    pub fn string(&mut self, name: &str) -> Result<String, KustomizeError> {
        Ok(self.sited(name)?.text)
    }

    pub fn sited(&mut self, name: &str) -> Result<Sited, KustomizeError> {
        match self.node(name) {
            Some(node) => Ok(Sited { text: self.text(node, &self.path_of(name))?, at: node.meta.at.clone() }),
            None => Ok(Sited { text: String::new(), at: self.at.clone() }),
        }
    }

    pub fn bool(&mut self, name: &str) -> Result<bool, KustomizeError> {
        match self.node(name) {
            Some(node) => node.as_bool().ok_or_else(|| wrong(node, &self.path_of(name), "true or false")),
            None => Ok(false),
        }
    }

    pub fn int(&mut self, name: &str) -> Result<Option<i64>, KustomizeError> {
        match self.node(name).map(|node| (&node.value, node)) {
            None => Ok(None),
            Some((Value::Number(Number::Int(n)), _)) => Ok(Some(*n)),
            Some((_, node)) => Err(wrong(node, &self.path_of(name), "an integer")),
        }
    }

    pub fn list<T>(
        &mut self,
        name: &str,
        mut item: impl FnMut(&'n Node, &str) -> Result<T, KustomizeError>,
    ) -> Result<Vec<T>, KustomizeError> {
        let Some(node) = self.node(name) else { return Ok(Vec::new()) };
        let path = self.path_of(name);
        let items = node.as_seq().ok_or_else(|| wrong(node, &path, "a list"))?;
        items.iter().enumerate().map(|(at, node)| item(node, &format!("{path}[{at}]"))).collect()
    }

    pub fn strings(&mut self, name: &str) -> Result<Vec<Sited>, KustomizeError> {
        let lenient = self.lenient;
        self.list(name, |node, path| match &node.value {
            Value::String(text) => Ok(Sited { text: text.clone(), at: node.meta.at.clone() }),
            Value::Null => Ok(Sited { text: String::new(), at: node.meta.at.clone() }),
            Value::Bool(_) | Value::Number(_) if lenient => {
                Ok(Sited { text: scalar::text(node).into_owned(), at: node.meta.at.clone() })
            }
            _ => Err(wrong(node, path, "a string")),
        })
    }

    pub fn map(&mut self, name: &str) -> Result<BTreeMap<String, String>, KustomizeError> {
        let Some(node) = self.node(name) else { return Ok(BTreeMap::new()) };
        let path = self.path_of(name);
        let map = node.as_map().ok_or_else(|| wrong(node, &path, "a mapping"))?;
        let entries = map
            .iter()
            .map(|(key, value)| Ok((key.as_str().to_owned(), self.text(value, &format!("{path}.{}", key.as_str()))?)));
        entries.collect()
    }

    pub fn nested<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Fields<'n>) -> Result<T, KustomizeError>,
    ) -> Result<Option<T>, KustomizeError> {
        let Some(node) = self.node(name) else { return Ok(None) };
        let mut fields = Fields::of(node, &self.path_of(name))?;
        fields.lenient = self.lenient;
        read(fields).map(Some)
    }

    /// Refuses what was not asked for.
    pub fn finish(self) -> Result<(), KustomizeError> {
        if self.lenient {
            return Ok(());
        }
        let is_known = |key: &str| self.known.iter().any(|name| name.eq_ignore_ascii_case(key));
        let Some((key, value)) = self.map.iter().find(|(key, _)| !is_known(key.as_str())) else { return Ok(()) };
        let at = Origin::new(value.meta.at.file.clone(), key.line, key.col);
        let error = KustomizeError::field(&at, self.path_of(key.as_str()), "unknown field");
        let near = self.known.iter().map(|name| (distance(name, key.as_str()), name)).min();
        Err(match near {
            Some((distance, name)) if distance <= 2 => error.with_remedy(format!("did you mean '{name}'?")),
            _ => error.with_remedy(format!("expected one of {}", self.known.join(", "))),
        })
    }
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
