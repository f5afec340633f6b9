//! Changing a kustomization file: what `kustomize edit` does, with every comment and the order kept.
//!
//! Contract: after a change the file says what the original's would; it stands where its field stood, and what is not
//! changed is not touched: deprecated spellings stay, entries are not sorted, no `apiVersion` is added.

mod fix;
mod vars;

use crate::transform::split_image;
use weir_base::{Diagnose, Origin};
use weir_doc::edit::{Step, Text};
use weir_doc::{Node, ParseError};

/// Why a file was not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EditError {
    /// The file is no YAML, or is written in a way that cannot be changed in its place.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// The change makes no sense.
    #[error("{0}")]
    Wrong(String),
}

impl EditError {
    fn wrong(problem: impl Into<String>) -> Self {
        Self::Wrong(problem.into())
    }
}

impl Diagnose for EditError {
    fn reason(&self) -> &'static str {
        "EditFailed"
    }

    fn at(&self) -> Option<Origin> {
        match self {
            Self::Text(error) => Diagnose::at(error),
            Self::Wrong(_) => None,
        }
    }
}

/// A kustomization file that is being changed.
#[derive(Clone, Debug)]
pub struct Edit {
    text: Text,
}

/// What becomes of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSetting {
    pub name: String,
    pub new_name: String,
    pub new_tag: String,
    pub digest: String,
}

/// Stands for what the file has already.
const KEEP: &str = "*";

impl ImageSetting {
    /// Reads `NAME=NEW`, `NAME:TAG`, `NAME@DIGEST` and their combinations.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        let (key, image) = text.split_once('=').map_or((None, text), |(key, image)| (Some(key), image));
        let (name, tag, digest) = split_image(image);
        if name == text {
            return Err(EditError::wrong(format!(
                "'{text}': invalid format of image, use one of <image>=<newimage>:<newtag>, <image>=<newimage>@<digest>, \
                 <image>=<newimage>, <image>:<newtag>, <image>@<digest>"
            )));
        }
        let (name, new_name) = match key.filter(|key| !key.is_empty()) {
            Some(key) => (key, name),
            None => (name, ""),
        };
        let [name, new_name, new_tag, digest] = [name, new_name, tag, digest].map(str::to_owned);
        Ok(Self { name, new_name, new_tag, digest })
    }

    fn node(&self, before: Option<&Node>) -> Node {
        let mut out = Node::map();
        out.set("name", self.name.as_str());
        for (key, value) in [("newName", &self.new_name), ("newTag", &self.new_tag), ("digest", &self.digest)] {
            let old = before.and_then(|image| image.str_at(&[key])).unwrap_or_default();
            let value = if value == KEEP { old } else { value };
            if !value.is_empty() {
                out.set(key, value);
            }
        }
        out
    }
}

/// A patch as `edit add patch` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchSetting {
    /// The patch itself; else `path` is its file.
    pub patch: String,
    pub path: String,
    /// `group`, `version`, `kind`, `name`, `namespace`, `annotationSelector` and `labelSelector`.
    pub target: Vec<(&'static str, String)>,
}

impl PatchSetting {
    fn node(&self) -> Result<Node, EditError> {
        let mut out = Node::map();
        match (self.path.as_str(), self.patch.as_str()) {
            ("", "") => return Err(EditError::wrong("must provide either patch or path")),
            (path, "") => out.set("path", path),
            ("", patch) => out.set("patch", patch),
            _ => return Err(EditError::wrong("patch and path can't be set at the same time")),
        }
        let mut target = Node::map();
        for (key, value) in self.target.iter().filter(|(_, value)| !value.is_empty()) {
            target.set(*key, value.as_str());
        }
        if target.as_map().is_some_and(|map| !map.is_empty()) {
            out.set("target", target);
        }
        Ok(out)
    }
}

/// A ConfigMap or Secret as `edit add configmap` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratorSetting {
    pub name: String,
    pub namespace: String,
    pub literals: Vec<String>,
    pub files: Vec<String>,
    pub env_file: String,
    pub behavior: String,
    /// Of a Secret.
    pub kind: String,
    pub disable_name_suffix_hash: bool,
}

impl Edit {
    /// Reads the text of a file.
    pub fn read(text: &str, file: &str) -> Result<Self, EditError> {
        Ok(Self { text: Text::read(text, Some(&file.into()))? })
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        self.text.text()
    }

    /// The texts of a list.
    pub fn entries(&self, field: &str) -> Vec<String> {
        let items = self.text.root().get(field).and_then(Node::as_seq);
        items.into_iter().flatten().filter_map(Node::as_str).map(str::to_owned).collect()
    }

    /// Adds to a list of texts what is not there; says which were there already.
    pub fn add_entries(&mut self, field: &str, entries: &[String]) -> Result<Vec<String>, EditError> {
        let mut known = Vec::new();
        for entry in entries {
            let is_base = field == "resources" && self.entries("bases").contains(entry);
            if is_base || self.entries(field).contains(entry) {
                known.push(entry.clone());
            } else {
                self.text.push(&[Step::Key(field)], &Node::string(entry.as_str()))?;
            }
        }
        Ok(known)
    }

    /// Takes out of a list of texts what is wanted; says how many that were.
    pub fn remove_entries(&mut self, field: &str, is_wanted: impl Fn(&str) -> bool) -> Result<usize, EditError> {
        self.remove_items(field, |item| item.as_str().is_some_and(&is_wanted))
    }

    fn remove_items(&mut self, field: &str, is_wanted: impl Fn(&Node) -> bool) -> Result<usize, EditError> {
        let mut removed = 0;
        for at in (0..self.items(field).len()).rev() {
            if is_wanted(&self.items(field)[at]) {
                self.text.remove(&[Step::Key(field), Step::Item(at)])?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn items(&self, field: &str) -> &[Node] {
        self.text.root().get(field).and_then(Node::as_seq).map(Vec::as_slice).unwrap_or_default()
    }

    /// `namespace`, `namePrefix` or `nameSuffix`.
    pub fn set_text(&mut self, field: &str, value: &str) -> Result<(), EditError> {
        match value {
            "" if self.text.root().get(field).is_none() => Ok(()),
            "" => Ok(self.text.remove(&[Step::Key(field)])?),
            value => Ok(self.text.set(&[Step::Key(field)], &Node::string(value))?),
        }
    }

    pub fn set_image(&mut self, image: &ImageSetting) -> Result<(), EditError> {
        let root = self.text.root();
        let field =
            if root.get("images").is_none() && root.get("imageTags").is_some() { "imageTags" } else { "images" };
        let is_it = |item: &Node| item.str_at(&["name"]) == Some(image.name.as_str());
        // The last of several counts.
        for _ in 1..self.items(field).iter().filter(|item| is_it(item)).count() {
            let first = self.items(field).iter().position(is_it).unwrap_or_default();
            self.text.remove(&[Step::Key(field), Step::Item(first)])?;
        }
        let at = self.items(field).iter().position(is_it);
        let node = image.node(at.map(|at| &self.items(field)[at]));
        self.put(field, at, &node)
    }

    pub fn set_replicas(&mut self, name: &str, count: i64) -> Result<(), EditError> {
        let at = self.items("replicas").iter().position(|item| item.str_at(&["name"]) == Some(name));
        let mut node = Node::map();
        node.set("name", name);
        node.set("count", count);
        self.put("replicas", at, &node)
    }

    /// Writes an item of a list, member by member where it is there already.
    fn put(&mut self, field: &str, at: Option<usize>, node: &Node) -> Result<(), EditError> {
        let Some(at) = at else { return Ok(self.text.push(&[Step::Key(field)], node)?) };
        let path = [Step::Key(field), Step::Item(at)];
        let before: Vec<String> =
            self.items(field)[at].as_map().into_iter().flat_map(|map| map.keys()).map(str::to_owned).collect();
        let wanted = node.as_map().into_iter().flat_map(|map| map.iter());
        for (key, value) in wanted {
            let path = [&path[..], &[Step::Key(key.as_str())]].concat();
            if self.text.at(&path) != Some(value) {
                self.text.set(&path, value)?;
            }
        }
        for key in before.iter().filter(|key| node.get(key).is_none()) {
            self.text.remove(&[&path[..], &[Step::Key(key)]].concat())?;
        }
        Ok(())
    }

    /// Sets members of `commonLabels` or `commonAnnotations`; an existing one only where that is allowed.
    pub fn set_pairs(&mut self, field: &str, pairs: &[(String, String)], overwrite: bool) -> Result<(), EditError> {
        self.set_pairs_at(&[Step::Key(field)], pairs, overwrite)
    }

    fn set_pairs_at(&mut self, path: &[Step], pairs: &[(String, String)], overwrite: bool) -> Result<(), EditError> {
        if self.text.at(path).is_none_or(Node::is_null) {
            let mut map = Node::map();
            pairs.iter().for_each(|(key, value)| map.set(key.as_str(), value.as_str()));
            return Ok(self.text.set(path, &map)?);
        }
        for (key, value) in pairs {
            let path = [path, &[Step::Key(key)]].concat();
            if self.text.at(&path).is_some() && !overwrite {
                return Err(EditError::wrong(format!("{key} already in kustomization file. Use --force to override.")));
            }
            self.text.set(&path, &Node::string(value.as_str()))?;
        }
        Ok(())
    }

    /// Adds labels that leave selectors alone, to an entry of `labels` that does so too.
    pub fn add_labels(
        &mut self,
        pairs: &[(String, String)],
        in_templates: bool,
        overwrite: bool,
    ) -> Result<(), EditError> {
        let is_set = |item: &Node, key: &str| item.get(key).and_then(Node::as_bool) == Some(true);
        let fits = |item: &Node| !is_set(item, "includeSelectors") && is_set(item, "includeTemplates") == in_templates;
        for pair in pairs {
            let holds = |item: &Node| fits(item) && item.path(&["pairs", &pair.0]).is_some();
            let at = self.items("labels").iter().position(holds).or_else(|| self.items("labels").iter().position(fits));
            if let Some(at) = at {
                let path = [Step::Key("labels"), Step::Item(at), Step::Key("pairs")];
                self.set_pairs_at(&path, std::slice::from_ref(pair), overwrite)?;
                continue;
            }
            let (mut map, mut item) = (Node::map(), Node::map());
            map.set(pair.0.as_str(), pair.1.as_str());
            if in_templates {
                item.set("includeTemplates", true);
            }
            item.set("pairs", map);
            self.text.push(&[Step::Key("labels")], &item)?;
        }
        Ok(())
    }

    /// Takes members out of `commonLabels` or `commonAnnotations`.
    pub fn remove_pairs(&mut self, field: &str, keys: &[&str], ignore_missing: bool) -> Result<(), EditError> {
        if self.text.root().get(field).is_none() && !ignore_missing {
            return Err(EditError::wrong(format!("{field} is not defined in kustomization file")));
        }
        for key in keys {
            let map = self.text.root().get(field).and_then(Node::as_map);
            match map.map(|map| (map.contains(key), map.len())) {
                Some((true, 1)) => self.text.remove(&[Step::Key(field)])?,
                Some((true, _)) => self.text.remove(&[Step::Key(field), Step::Key(key)])?,
                _ if ignore_missing => {}
                _ => {
                    return Err(EditError::wrong(format!("{key} is not defined in {field} of the kustomization file")));
                }
            }
        }
        Ok(())
    }

    /// Says whether it was there already.
    pub fn add_patch(&mut self, patch: &PatchSetting) -> Result<bool, EditError> {
        let node = patch.node()?;
        if self.items("patches").contains(&node) {
            return Ok(true);
        }
        self.text.push(&[Step::Key("patches")], &node)?;
        Ok(false)
    }

    /// Says whether it was there.
    pub fn remove_patch(&mut self, patch: &PatchSetting) -> Result<bool, EditError> {
        let node = patch.node()?;
        Ok(self.remove_items("patches", |item| *item == node)? > 0)
    }

    /// Adds to `configMapGenerator` or `secretGenerator`, or to the entry of that name.
    pub fn add_generator(&mut self, field: &str, setting: &GeneratorSetting) -> Result<(), EditError> {
        let GeneratorSetting { name, namespace, literals, files, env_file, behavior, kind, .. } = setting;
        let has_pairs = !literals.is_empty() || !files.is_empty();
        match (env_file.is_empty(), has_pairs) {
            (true, false) => {
                return Err(EditError::wrong("at least from-env-file, or from-file or from-literal must be set"));
            }
            (false, true) => {
                return Err(EditError::wrong("from-env-file cannot be combined with from-file or from-literal"));
            }
            _ => {}
        }
        if !["", "create", "merge", "replace"].contains(&behavior.as_str()) {
            return Err(EditError::wrong("invalid behavior: must be one of \"create\", \"merge\", or \"replace\""));
        }
        let at = self.items(field).iter().position(|item| is_generator(item, name, namespace));
        let mut item = at.map_or_else(Node::map, |at| self.items(field)[at].clone());
        item.set("name", name.as_str());
        let texts = [("namespace", namespace), ("behavior", behavior), ("type", kind)];
        for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            item.set(key, value.as_str());
        }
        let envs: Vec<String> = if env_file.is_empty() { Vec::new() } else { vec![env_file.clone()] };
        for (key, more) in [("literals", literals), ("files", files), ("envs", &envs)] {
            if !more.is_empty() {
                let mut all = item.get(key).and_then(Node::as_seq).cloned().unwrap_or_default();
                all.extend(more.iter().map(|text| Node::string(text.as_str())));
                item.set(key, Node::from(all));
            }
        }
        if setting.disable_name_suffix_hash {
            item.ensure_map(&["options"]).insert("disableNameSuffixHash", true);
        }
        self.put(field, at, &item)
    }

    /// Changes values that a generator has as literals, and its namespace.
    pub fn set_generator(
        &mut self,
        field: &str,
        (name, namespace): (&str, &str),
        literals: &[String],
        new_namespace: &str,
    ) -> Result<(), EditError> {
        if literals.is_empty() && new_namespace.is_empty() {
            return Err(EditError::wrong("at least one of --from-literal and --new-namespace has to be given"));
        }
        let at = self.items(field).iter().position(|item| is_generator(item, name, namespace));
        let at = at.ok_or_else(|| EditError::wrong(format!("no entry of {field} has the name {name}")))?;
        let mut item = self.items(field)[at].clone();
        if !literals.is_empty() {
            let known = item.get("literals").and_then(Node::as_seq).into_iter().flatten();
            let mut all: Vec<(String, String)> = Vec::new();
            for text in known.filter_map(Node::as_str) {
                let (key, value) = literal(text)?;
                all.retain(|(known, _)| known != key);
                all.push((key.to_owned(), value.to_owned()));
            }
            for text in literals {
                let (key, value) = literal(text)?;
                let found = all.iter_mut().find(|(known, _)| known == key);
                let (_, old) = found.ok_or_else(|| {
                    EditError::wrong(format!("the entry '{name}' of {field} has no literal with the key {key}"))
                })?;
                value.clone_into(old);
            }
            let all: Vec<Node> = all.iter().map(|(key, value)| Node::string(format!("{key}={value}"))).collect();
            item.set("literals", all);
        }
        if !new_namespace.is_empty() {
            item.set("namespace", new_namespace);
        }
        self.put(field, Some(at), &item)
    }

    /// `buildMetadata`, as a whole.
    pub fn set_entries(&mut self, field: &str, entries: &[String]) -> Result<(), EditError> {
        let entries: Vec<Node> = entries.iter().map(|entry| Node::string(entry.as_str())).collect();
        Ok(self.text.set(&[Step::Key(field)], &Node::from(entries))?)
    }

    /// Takes out generators; says which names there were none of.
    pub fn remove_generators(
        &mut self,
        field: &str,
        names: &[&str],
        namespace: &str,
    ) -> Result<Vec<String>, EditError> {
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !self.items(field).iter().any(|item| is_generator(item, name, namespace)))
            .map(|name| (*name).to_owned())
            .collect();
        if missing.len() == names.len() {
            return Err(EditError::wrong(format!("no entry of {field} has the name {}", names.join(" or "))));
        }
        self.remove_items(field, |item| names.iter().any(|name| is_generator(item, name, namespace)))?;
        Ok(missing)
    }
}

/// As the original has it: one equals sign, so that no value has any.
fn literal(text: &str) -> Result<(&str, &str), EditError> {
    let parts = text.split_once('=').filter(|(_, value)| !value.contains('='));
    parts.ok_or_else(|| EditError::wrong(format!("'{text}' is not of the form KEY=VALUE with one equals sign")))
}

/// No namespace is the one named default.
fn is_generator(item: &Node, name: &str, namespace: &str) -> bool {
    let whole = |namespace: &str| if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() };
    item.str_at(&["name"]) == Some(name) && whole(item.str_at(&["namespace"]).unwrap_or_default()) == whole(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours
resources:
- a.yaml # first
images:
- name: web # the front
  newName: other
  newTag: '1'
- name: db
";

    fn edited(change: impl FnOnce(&mut Edit) -> Result<(), EditError>) -> String {
        let mut edit = Edit::read(FILE, "kustomization.yaml").expect("reads");
        change(&mut edit).expect("changes");
        edit.text()
    }

    fn image(text: &str) -> ImageSetting {
        ImageSetting::parse(text).expect("is an image")
    }

    #[test]
    fn an_image_is_replaced_member_by_member() {
        let set = |text: &str| edited(|edit| edit.set_image(&image(text)));
        let without = FILE.replace("  newName: other\n", "");
        assert_eq!(set("web:2"), without.replace("'1'", "\"2\""));
        assert_eq!(set("web=*:2"), FILE.replace("'1'", "\"2\""));
        assert_eq!(set("new@sha256:f"), format!("{FILE}- name: new\n  digest: sha256:f\n"));
        assert!(ImageSetting::parse("web").is_err() && ImageSetting::parse("host:5000/web").is_err());
    }

    #[test]
    fn entries_come_and_go() {
        let entries = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut edit = Edit::read(FILE, "f").expect("reads");
        assert_eq!(edit.add_entries("resources", &entries(&["a.yaml", "b.yaml"])).expect("adds"), ["a.yaml"]);
        assert_eq!(edit.text(), FILE.replace("# first\n", "# first\n- b.yaml\n"));
        assert_eq!(edit.remove_entries("resources", |name| name != "c").expect("removes"), 2);
        assert!(!edit.text().contains("resources"), "an empty list goes");
    }

    #[test]
    fn pairs_are_overwritten_only_when_asked() {
        let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
        let mut edit = Edit::read("commonLabels: {a: b}\nlabels:\n- pairs:\n    x: y\n", "f").expect("reads");
        let error = edit.set_pairs("commonLabels", &pair("a", "c"), false).expect_err("is there");
        assert!(error.to_string().contains("a already in kustomization file"), "{error}");
        edit.set_pairs("commonLabels", &pair("a", "c"), true).expect("is set");
        edit.add_labels(&pair("z", "1"), false, false).expect("is added");
        edit.add_labels(&pair("t", "1"), true, false).expect("is added");
        let expected = "commonLabels:\n  a: c\nlabels:\n- pairs:\n    x: y\n    z: \"1\"\n- includeTemplates: true\n  pairs:\n    t: \"1\"\n";
        assert_eq!(edit.text(), expected);
        edit.remove_pairs("commonLabels", &["a"], false).expect("is removed");
        assert!(edit.remove_pairs("commonLabels", &["a"], false).is_err() && !edit.text().contains("commonLabels"));
    }

    #[test]
    fn patches_and_generators() {
        let mut edit = Edit::read("", "f").expect("reads");
        let patch = PatchSetting {
            path: "p.yaml".to_owned(),
            target: vec![("kind", "Deployment".to_owned()), ("name", String::new())],
            ..PatchSetting::default()
        };
        assert!(!edit.add_patch(&patch).expect("adds") && edit.add_patch(&patch).expect("is known"));
        let mut config = GeneratorSetting { name: "c".to_owned(), ..GeneratorSetting::default() };
        assert!(edit.add_generator("configMapGenerator", &config).is_err(), "of nothing");
        config.literals = vec!["a=b".to_owned()];
        edit.add_generator("configMapGenerator", &config).expect("adds");
        edit.add_generator("configMapGenerator", &config).expect("adds to it");
        let patches = "patches:\n- path: p.yaml\n  target:\n    kind: Deployment\n";
        assert_eq!(edit.text(), format!("{patches}configMapGenerator:\n- name: c\n  literals:\n  - a=b\n  - a=b\n"));
        let missing = edit.remove_generators("configMapGenerator", &["c", "d"], "default").expect("removes");
        assert_eq!((missing, edit.text().as_str()), (vec!["d".to_owned()], patches));
        assert!(edit.remove_patch(&patch).expect("removes") && edit.text().is_empty());
    }
}
