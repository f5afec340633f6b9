//! Where transformers write: the built-in field specs, and those that `configurations` and `crds` add.

use crate::KustomizeError;
use crate::fields::{self, Fields};
use crate::fieldspec::{self, FieldSpec};
use crate::id::Gvk;
use std::sync::{Arc, OnceLock};
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, yaml};

/// The fields that hold the name of an object of a kind.
#[derive(Clone, Debug)]
pub(crate) struct NameReference {
    pub gvk: Gvk,
    pub referrers: Vec<FieldSpec>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub name_prefix: Vec<FieldSpec>,
    pub name_suffix: Vec<FieldSpec>,
    pub namespace: Vec<FieldSpec>,
    pub common_labels: Vec<FieldSpec>,
    pub labels: Vec<FieldSpec>,
    pub template_labels: Vec<FieldSpec>,
    pub common_annotations: Vec<FieldSpec>,
    pub name_reference: Vec<NameReference>,
    pub var_reference: Vec<FieldSpec>,
    pub images: Vec<FieldSpec>,
    pub replicas: Vec<FieldSpec>,
}

impl Config {
    pub fn builtin() -> &'static Arc<Config> {
        static BUILTIN: OnceLock<Arc<Config>> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let text = include_bytes!("../data/field-specs.yaml");
            let file = "data/field-specs.yaml".into();
            let document = yaml::parse_first(text, Some(&file), 0, Dialect::Sigs, &Budget::standard());
            let document = document.ok().flatten().unwrap_or_default();
            Arc::new(Config::read(&document).expect("the file is committed with this crate and read by its tests"))
        })
    }

    /// Reads a configuration file.
    pub fn read(document: &Node) -> Result<Config, KustomizeError> {
        let mut config = Config::default();
        if document.is_null() {
            return Ok(config);
        }
        fields::read(document, "", |fields| {
            for (name, list) in config.lists() {
                *list = fields.items(name, spec);
                list.sort_by_key(|spec| order(&spec.gvk));
            }
            config.name_reference = fields.items("nameReference", |fields| NameReference {
                gvk: gvk(fields),
                referrers: fields.items("fieldSpecs", spec),
            });
            config.name_reference.sort_by_key(|reference| order(&reference.gvk));
        })?;
        Ok(config)
    }

    fn lists(&mut self) -> [(&'static str, &mut Vec<FieldSpec>); 10] {
        [
            ("namePrefix", &mut self.name_prefix),
            ("nameSuffix", &mut self.name_suffix),
            ("namespace", &mut self.namespace),
            ("commonLabels", &mut self.common_labels),
            ("labels", &mut self.labels),
            ("templateLabels", &mut self.template_labels),
            ("commonAnnotations", &mut self.common_annotations),
            ("varReference", &mut self.var_reference),
            ("images", &mut self.images),
            ("replicas", &mut self.replicas),
        ]
    }

    /// Adds the specs of another configuration.
    pub fn merge(&mut self, other: &Config, at: &Origin) -> Result<(), KustomizeError> {
        let mut other = other.clone();
        for ((name, list), (_, incoming)) in self.lists().into_iter().zip(other.lists()) {
            fieldspec::merge(list, incoming).map_err(|why| KustomizeError::field(at, name, why))?;
            list.sort_by_key(|spec| order(&spec.gvk));
        }
        for incoming in other.name_reference {
            self.refer(incoming).map_err(|why| KustomizeError::field(at, "nameReference", why))?;
        }
        self.name_reference.sort_by_key(|reference| order(&reference.gvk));
        Ok(())
    }

    /// Adds one configuration to another; most kustomizations share the built-in one.
    ///
    /// Adding to nothing is no copy: a spec of one kind sorts before one of all kinds and includes it, which is dropped
    /// then. That is, `namePrefix` with a kind in `configurations` makes that the only kind that gets a prefix.
    pub fn merge_shared(
        config: &mut Option<Arc<Config>>,
        other: &Arc<Config>,
        at: &Origin,
    ) -> Result<(), KustomizeError> {
        match config {
            Some(known) if Arc::ptr_eq(known, other) => {}
            Some(known) => Arc::make_mut(known).merge(other, at)?,
            None if Arc::ptr_eq(other, Config::builtin()) => *config = Some(other.clone()),
            None => {
                let mut merged = Config::default();
                merged.merge(other, at)?;
                *config = Some(Arc::new(merged));
            }
        }
        Ok(())
    }

    pub fn refer(&mut self, incoming: NameReference) -> Result<(), String> {
        match self.name_reference.iter_mut().find(|known| known.gvk == incoming.gvk) {
            Some(known) => fieldspec::merge(&mut known.referrers, &incoming.referrers),
            None => {
                self.name_reference.push(incoming);
                Ok(())
            }
        }
    }
}

/// The order of kustomize's `Gvk.IsLessThan`: well-known kinds first and last, then by text.
fn order(gvk: &Gvk) -> (i32, String) {
    let or = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
    let text = format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"));
    (crate::transform::sort::default_rank(&gvk.kind), text)
}

pub(crate) fn gvk(fields: &mut Fields) -> Gvk {
    Gvk { group: fields.string("group"), version: fields.string("version"), kind: fields.string("kind") }
}

pub(crate) fn spec(fields: &mut Fields) -> FieldSpec {
    let gvk = gvk(fields);
    FieldSpec::new(gvk, &fields.string("path"), fields.bool("create"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_the_builtin_configuration_to_nothing_drops_none_of_it() {
        let mut merged = Config::default();
        let mut builtin = Config::clone(Config::builtin());
        merged.merge(&builtin, &Origin::default()).expect("no conflict");
        for ((name, list), (_, all)) in merged.lists().into_iter().zip(builtin.lists()) {
            assert_eq!(list, all, "{name}");
        }
        let references = |config: &Config| config.name_reference.iter().map(|r| r.gvk.clone()).collect::<Vec<_>>();
        assert_eq!(references(&merged), references(&builtin));
    }
}
