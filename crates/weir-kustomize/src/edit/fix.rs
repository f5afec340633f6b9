//! `edit fix`: from deprecated fields to those in their place.

use super::{Edit, EditError};
use weir_doc::Node;
use weir_doc::edit::Step;

impl Edit {
    /// Moves what stands in deprecated fields; `is_file` says what a strategic merge patch is the name of. Comments of
    /// what moves are lost.
    pub fn fix(&mut self, is_file: impl Fn(&str) -> bool) -> Result<(), EditError> {
        self.check_labels()?;
        for (old, new) in [("bases", "resources"), ("imageTags", "images"), ("patchesJson6902", "patches")] {
            for item in self.taken(old)? {
                self.text.push(&[Step::Key(new)], &item)?;
            }
        }
        for patch in self.taken("patchesStrategicMerge")? {
            let text = patch.as_str().unwrap_or_default();
            let mut item = Node::map();
            item.set(if is_file(text) { "path" } else { "patch" }, text);
            self.text.push(&[Step::Key("patches")], &item)?;
        }
        let labels = self.text.root().get("commonLabels").cloned();
        if let Some(labels) = labels {
            self.text.remove(&[Step::Key("commonLabels")])?;
            if labels.as_map().is_some_and(|map| !map.is_empty()) {
                let mut item = Node::map();
                item.set("includeSelectors", true);
                item.set("pairs", labels);
                self.text.push(&[Step::Key("labels")], &item)?;
            }
        }
        for field in ["configMapGenerator", "secretGenerator"] {
            for at in 0..self.items(field).len() {
                self.fix_generator(field, at)?;
            }
        }
        for (key, usual) in [("apiVersion", "kustomize.config.k8s.io/v1beta1"), ("kind", "Kustomization")] {
            if self.text.root().get(key).is_none_or(|node| node.is_null() || node.as_str() == Some("")) {
                self.text.set(&[Step::Key(key)], &Node::string(usual))?;
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<(), EditError> {
        let common = self.text.root().get("commonLabels").and_then(Node::as_map);
        let own = self.items("labels").iter().filter_map(|item| item.get("pairs")?.as_map());
        let twice = own.flat_map(|map| map.keys()).find(|key| common.is_some_and(|common| common.contains(key)));
        match twice {
            Some(key) => Err(EditError::Wrong(format!("label name '{key}' exists in both commonLabels and labels"))),
            None => Ok(()),
        }
    }

    /// The items of a list, which goes.
    fn taken(&mut self, field: &str) -> Result<Vec<Node>, EditError> {
        let items = self.items(field).to_vec();
        if self.text.root().get(field).is_some() {
            self.text.remove(&[Step::Key(field)])?;
        }
        Ok(items)
    }

    /// `env` is an entry of `envs`.
    fn fix_generator(&mut self, field: &str, at: usize) -> Result<(), EditError> {
        let mut item = self.items(field)[at].clone();
        let Some(env) = item.remove("env") else { return Ok(()) };
        if env.as_str().is_some_and(|env| !env.is_empty()) {
            let mut envs = item.get("envs").and_then(Node::as_seq).cloned().unwrap_or_default();
            envs.push(env);
            item.set("envs", envs);
        }
        self.put(field, Some(at), &item)
    }
}
