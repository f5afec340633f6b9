//! `edit fix --vars`: replacements in the place of vars.
//!
//! A file that has `$(NAME)` gets `NAME_PLACEHOLDER` there, and the kustomization a replacement that fills it. What a
//! var did in the kustomization's own fields, in generators and in remote bases, no replacement does.
//!
//! Otherwise than the original, replacements that are there already stay, and bases of bases are found from where they
//! are named.

use super::{Edit, EditError};
use crate::{FILE_NAMES, id};
use std::collections::{BTreeMap, BTreeSet};
use weir_base::Budget;
use weir_doc::edit::Step;
use weir_doc::{Dialect, Node, Value, yaml};

/// How deep bases are followed.
const DEEPEST: usize = 64;

/// The files that objects come from.
#[derive(Default)]
struct Files {
    /// Path and text, in the order in which they are named; one may be named twice.
    order: Vec<String>,
    texts: BTreeMap<String, String>,
    /// The entries of `patches` by the path of their file.
    patches: BTreeMap<String, Node>,
    folders: BTreeSet<String>,
}

impl Edit {
    /// Makes replacements of the vars. `read` gives the text of a file by its path from the kustomization; the result
    /// are the files that change, with their new texts. Deprecated fields have to be fixed before.
    pub fn fix_vars(&mut self, read: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, EditError> {
        let vars = self.items("vars").to_vec();
        let mut files = Files::default();
        files.add(self.text.root(), "", &read, 0);
        let mut made = Vec::new();
        for var in &vars {
            let name = text(var, &["name"]);
            let targets = files.targets(&name)?;
            let mut replacement = Node::map();
            replacement.set("source", source(var));
            if !targets.is_empty() {
                replacement.set("targets", targets);
            }
            made.push(replacement);
            files.place(&name);
        }
        if self.text.root().get("vars").is_some() {
            self.text.remove(&[Step::Key("vars")])?;
        }
        for replacement in &made {
            self.text.push(&[Step::Key("replacements")], replacement)?;
        }
        let changed = files.texts.into_iter().filter(|(path, new)| read(path).is_some_and(|old| old != *new));
        Ok(changed.collect())
    }
}

impl Files {
    /// What a kustomization names, and what its bases name.
    fn add(&mut self, kustomization: &Node, folder: &str, read: &impl Fn(&str) -> Option<String>, depth: usize) {
        for entry in items(kustomization, "resources") {
            let Some(entry) = entry.as_str() else { continue };
            let path = joined(folder, entry);
            if depth < DEEPEST && self.folders.insert(path.clone()) {
                for name in FILE_NAMES {
                    let found = read(&joined(&path, name)).and_then(|text| parse(&text)?.into_iter().next());
                    if let Some(base) = found {
                        self.add(&base, &path, read, depth + 1);
                    }
                }
            }
            self.keep(path, read);
        }
        for patch in items(kustomization, "patches") {
            let file = text(patch, &["path"]);
            if !file.is_empty() {
                let path = joined(folder, &file);
                self.patches.insert(path.clone(), patch.clone());
                self.keep(path, read);
            }
        }
    }

    fn keep(&mut self, path: String, read: &impl Fn(&str) -> Option<String>) {
        if let Some(text) = read(&path) {
            self.texts.entry(path.clone()).or_insert(text);
            self.order.push(path);
        }
    }

    /// Where a var stands.
    fn targets(&self, name: &str) -> Result<Vec<Node>, EditError> {
        let mut targets = Vec::new();
        for path in &self.order {
            // What is no YAML is no object.
            let Some(objects) = self.texts.get(path).and_then(|text| parse(text)) else { continue };
            for object in &objects {
                if object.as_seq().is_some() && has_var(object, name) {
                    let problem = format!("{path} is no object and has $({name}); write what it should say there");
                    return Err(EditError::wrong(problem));
                }
                let mut found = Vec::new();
                find(object, &format!("$({name})"), &mut Vec::new(), &mut found)
                    .map_err(|why| EditError::wrong(format!("error with {path}: {why}")))?;
                let select = self.select(path, object);
                for (field, options) in found {
                    let mut target = Node::map();
                    target.set("select", select.clone());
                    target.set("fieldPaths", vec![Node::string(field)]);
                    if let Some(options) = options {
                        target.set("options", options);
                    }
                    targets.push(target);
                }
            }
        }
        Ok(targets)
    }

    /// The object itself, or what a patch is applied to.
    fn select(&self, path: &str, object: &Node) -> Node {
        let own = |key: &str| match key {
            "kind" => text(object, &["kind"]),
            key => text(object, &["metadata", key]),
        };
        let mut select = Node::map();
        if let Some(patch) = self.patches.get(path) {
            let allows = |option: &str| patch.path(&["options", option]).and_then(Node::as_bool).unwrap_or_default();
            let (name, kind) = (allows("allowNameChange"), allows("allowKindChange"));
            if !(name && kind) {
                select = patch.get("target").filter(|target| !target.is_null()).cloned().unwrap_or(select);
                for (key, is_taken) in [("name", name), ("kind", kind), ("namespace", !own("namespace").is_empty())] {
                    if is_taken {
                        put(&mut select, key, &own(key));
                    }
                }
                return select;
            }
        }
        let gvk = id::Gvk::parse(&text(object, &["apiVersion"]), "");
        put(&mut select, "group", &gvk.group);
        put(&mut select, "version", &gvk.version);
        ["kind", "name", "namespace"].iter().for_each(|key| put(&mut select, key, &own(key)));
        select
    }

    /// Takes the var out of every file.
    fn place(&mut self, name: &str) {
        let (var, placeholder) = (format!("$({name})"), format!("{name}_PLACEHOLDER"));
        self.texts.values_mut().for_each(|text| *text = text.replace(&var, &placeholder));
    }
}

/// Whether a var stands anywhere in a document.
fn has_var(node: &Node, name: &str) -> bool {
    let mut found = Vec::new();
    find(node, &format!("$({name})"), &mut Vec::new(), &mut found).is_err() || !found.is_empty()
}

/// The objects of a file.
fn parse(text: &str) -> Option<Vec<Node>> {
    let mut documents = yaml::parse_all(text.as_bytes(), None, Dialect::V3, &Budget::standard()).ok()?;
    documents.retain(|document| !document.is_null());
    if let [list] = documents.as_slice()
        && matches!(list.str_at(&["kind"]), Some("List" | "ResourceList"))
    {
        return Some(items(list, "items").to_vec());
    }
    Some(documents)
}

/// The paths of the texts that have the var, each with how it is set apart there.
fn find(node: &Node, var: &str, path: &mut Vec<String>, found: &mut Vec<(String, Option<Node>)>) -> Result<(), String> {
    match &node.value {
        Value::Map(map) => {
            for (key, value) in map.iter() {
                let key = key.as_str();
                path.push(if key.contains('.') { format!("[{key}]") } else { key.to_owned() });
                find(value, var, path, found)?;
                path.pop();
            }
        }
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push(at.to_string());
                find(item, var, path, found)?;
                path.pop();
            }
        }
        Value::String(text) if text.contains(var) => found.push((path.join("."), options(text, var)?)),
        _ => {}
    }
    Ok(())
}

/// How the var is set apart from the text around it: none where it is all of the text.
fn options(text: &str, var: &str) -> Result<Option<Node>, String> {
    let Some((before, after)) = text.split_once(var) else { return Ok(None) };
    let (delimiter, index) = match (before.chars().next_back(), after.chars().next()) {
        (None, None) => return Ok(None),
        (None, Some(after)) => (after, 0),
        (Some(before), None) => (before, text.split(before).count() - 1),
        (Some(one), Some(other)) if one == other => {
            let place = text.split(one).position(|piece| piece == var);
            (one, place.ok_or_else(|| format!("'{one}' in {var} sets it apart from nothing"))?)
        }
        _ => return Err(format!("cannot convert all vars to replacements; {var} is not delimited")),
    };
    let mut options = Node::map();
    options.set("delimiter", delimiter.to_string());
    if index > 0 {
        options.set("index", i64::try_from(index).unwrap_or(i64::MAX));
    }
    Ok(Some(options))
}

fn source(var: &Node) -> Node {
    let mut source = Node::map();
    let api_version = text(var, &["objref", "apiVersion"]);
    let gvk = id::Gvk::parse(&api_version, "");
    put(&mut source, "group", &gvk.group);
    put(&mut source, "version", &gvk.version);
    for key in ["kind", "name", "namespace"] {
        put(&mut source, key, &text(var, &["objref", key]));
    }
    put(&mut source, "fieldPath", &text(var, &["fieldref", "fieldPath"]));
    source
}

fn put(node: &mut Node, key: &str, value: &str) {
    if !value.is_empty() {
        node.set(key, value);
    }
}

/// A text, by names in any case.
fn text(node: &Node, path: &[&str]) -> String {
    let found = path.iter().try_fold(node, |node, name| {
        let map = node.as_map()?;
        map.get(name).or_else(|| map.iter().find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|e| e.1))
    });
    found.and_then(Node::as_str).unwrap_or_default().to_owned()
}

fn items<'n>(node: &'n Node, field: &str) -> &'n [Node] {
    node.get(field).and_then(Node::as_seq).map_or(&[], Vec::as_slice)
}

/// A path from a folder, which may lead up.
fn joined(folder: &str, path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in (if is_absolute { "" } else { folder }).split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(kustomization: &str, files: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        let mut edit = Edit::read(kustomization, "kustomization.yaml").expect("good YAML");
        let read = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        let changed = edit.fix_vars(read).expect("fixed");
        (edit.text(), changed)
    }

    #[test]
    fn replacements_that_are_there_stay() {
        let (text, _) = fixed(
            "replacements: # ours\n- path: r.yaml\nvars:\n- name: A\n  objref: {kind: Service, name: s, apiVersion: v1}\n",
            &[],
        );
        assert!(text.starts_with("replacements: # ours\n- path: r.yaml\n- source:\n"), "{text}");
        assert!(!text.contains("vars") && !text.contains("targets"), "{text}");
    }

    #[test]
    fn bases_of_bases_are_followed_from_where_they_are_and_once() {
        let object = "kind: A\nmetadata: {name: a}\nx: $(A)\n";
        let (text, changed) = fixed(
            "resources: [../mid]\nvars: [{name: A, objref: {kind: S, name: s}}]\n",
            &[
                ("../mid/kustomization.yaml", "resources: [../low]\n"),
                ("../low/kustomization.yaml", "resources: [a.yaml, ../mid]\n"),
                ("../low/a.yaml", object),
            ],
        );
        assert_eq!(changed, [("../low/a.yaml".to_owned(), object.replace("$(A)", "A_PLACEHOLDER"))]);
        assert_eq!(text.matches("fieldPaths").count(), 1, "{text}");
    }

    #[test]
    fn paths_are_joined() {
        for (folder, path, expect) in [
            ("", "a.yaml", "a.yaml"),
            ("../b", "./c/../a.yaml", "../b/a.yaml"),
            ("../b", "../../a", "../../a"),
            ("b", "/a//c", "/a/c"),
        ] {
            assert_eq!(joined(folder, path), expect);
        }
    }
}
