//! `crds`: OpenAPI definitions of custom kinds, from whose extensions field specs are taken.

use crate::KustomizeError;
use crate::config::{Config, NameReference};
use crate::fieldspec::{self, FieldSpec};
use crate::id::Gvk;
use crate::loader::{Loader, Sited};
use weir_base::Budget;
use weir_doc::{Dialect, Map, Node, yaml};

pub(crate) fn load(paths: &[Sited], loader: &Loader, budget: &Budget) -> Result<Config, KustomizeError> {
    let mut config = Config::default();
    for path in paths {
        let (content, file) = loader.load(path, "crds")?;
        let document = yaml::parse_first(&content, Some(&file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
        let empty = Map::new();
        let Some(types) = document.as_map().or_else(|| document.is_null().then_some(&empty)) else {
            return Err(KustomizeError::field(
                &path.at,
                "crds",
                format!("'{}' is no mapping of definitions", path.text),
            ));
        };
        for (name, definition) in types.iter() {
            if definition.as_map().is_none() && !definition.is_null() {
                let problem = format!("expected an OpenAPI definition, found {}", definition.kind_name());
                return Err(KustomizeError::field(&definition.meta.at, name.as_str(), problem));
            }
            let fields = properties(definition);
            if !["kind", "apiVersion", "metadata"].iter().all(|field| fields.contains(field)) {
                continue;
            }
            let kind = name.as_str().rsplit('.').next().unwrap_or_default();
            let gvk = Gvk { kind: kind.to_owned(), ..Gvk::default() };
            let mut reader = Reader { types, gvk, config: &mut config, budget };
            reader.definition(name.as_str(), &[], budget).map_err(|why| match why {
                Why::Exhausted(why) => why.into(),
                Why::Conflict(why) => KustomizeError::field(&path.at, "crds", why),
            })?;
        }
    }
    Ok(config)
}

fn properties(definition: &Node) -> Map {
    let schema = definition.as_map().and_then(|map| {
        map.iter().find(|(key, _)| key.as_str().eq_ignore_ascii_case("schema")).map(|(_, value)| value)
    });
    schema.and_then(|schema| schema.get("properties")).and_then(Node::as_map).cloned().unwrap_or_default()
}

enum Why {
    Exhausted(weir_base::Exhausted),
    Conflict(String),
}

struct Reader<'r> {
    types: &'r Map,
    gvk: Gvk,
    config: &'r mut Config,
    budget: &'r Budget,
}

impl Reader<'_> {
    fn definition(&mut self, name: &str, path: &[String], depth: &Budget) -> Result<(), Why> {
        let Some(definition) = self.types.get(name) else { return Ok(()) };
        let depth = depth.deeper().map_err(Why::Exhausted)?;
        for (field, property) in properties(definition).iter() {
            self.budget.spend(1).map_err(Why::Exhausted)?;
            let mut path = path.to_vec();
            path.push(field.as_str().to_owned());
            let spec = |path: &[String]| FieldSpec::new(self.gvk.clone(), &path.join("/"), false);
            let has = |extension: &str| property.get(extension).is_some_and(|value| value.as_str().is_some());
            let text = |extension: &str| property.get(extension).and_then(Node::as_str);
            for (extension, list) in [
                ("x-kubernetes-annotation", &mut self.config.common_annotations),
                ("x-kubernetes-label-selector", &mut self.config.common_labels),
                ("x-kubernetes-identity", &mut self.config.name_prefix),
            ] {
                if has(extension) {
                    fieldspec::merge(list, &[spec(&path)]).map_err(Why::Conflict)?;
                }
            }
            let version = text("x-kubernetes-object-ref-api-version");
            if let (Some(version), Some(kind)) = (version, text("x-kubernetes-object-ref-kind")) {
                let mut path = path.clone();
                path.push(text("x-kubernetes-object-ref-name-key").unwrap_or("name").to_owned());
                let gvk = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
                let referrers = vec![spec(&path)];
                self.config.refer(NameReference { gvk, referrers }).map_err(Why::Conflict)?;
            }
            if let Some(target) = text("$ref") {
                self.definition(target, &path, &depth)?;
            }
        }
        Ok(())
    }
}
