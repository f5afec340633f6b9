//! ConfigMaps and Secrets from files, lines and literals.

mod hash;
mod pairs;

pub(crate) use hash::{content_hash, write_json};

use crate::KustomizeError;
use crate::args::Generator;
use crate::fields::{Fields, Mistakes};
use crate::loader::{Loader, Sited};
use crate::resource::Resource;
use crate::scalar::{self, Tag};
use base64::Engine;
use std::collections::BTreeMap;
use weir_base::{Budget, Origin};
use weir_doc::{Map, Node};

#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub envs: Vec<Sited>,
    pub literals: Vec<Sited>,
    pub files: Vec<Sited>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratorOptions {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    disable_hash: bool,
    immutable: bool,
}

impl GeneratorOptions {
    pub fn read(fields: &mut Fields) -> Self {
        Self {
            labels: fields.map("labels"),
            annotations: fields.map("annotations"),
            disable_hash: fields.bool("disableNameSuffixHash"),
            immutable: fields.bool("immutable"),
        }
    }

    /// The options of one generator with those for all: its own labels and annotations win.
    fn with(mut self, global: &Self) -> Self {
        for (own, all) in [(&mut self.labels, &global.labels), (&mut self.annotations, &global.annotations)] {
            for (key, value) in all {
                own.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self.disable_hash |= global.disable_hash;
        self.immutable |= global.immutable;
        self
    }
}

/// Looks for the files that a generator names.
pub(crate) fn check_paths(generator: &Generator, loader: &Loader) -> Result<(), KustomizeError> {
    let mistakes = Mistakes::default();
    for path in &generator.sources.envs {
        mistakes.take(loader.load(path, "envs").map(drop));
    }
    for source in &generator.sources.files {
        mistakes.take(pairs::parse_source(source).and_then(|(_, path)| loader.load(&path, "files").map(drop)));
    }
    mistakes.check()
}

/// Makes the object.
pub(crate) fn generate(
    generator: &Generator,
    global: Option<&GeneratorOptions>,
    loader: &Loader,
    budget: &Budget,
) -> Result<Resource, KustomizeError> {
    let kind = if generator.is_secret { "Secret" } else { "ConfigMap" };
    if generator.name.is_empty() {
        return Err(KustomizeError::target(&generator.at, format!("the {kind} generator"), "has no name"));
    }
    let mut options = generator.options.clone().unwrap_or_default();
    if let Some(global) = global {
        options = options.with(global);
    }
    let mut node = Node::map().at(generator.at.clone());
    node.set("apiVersion", "v1");
    node.set("kind", kind);
    let metadata = node.ensure_map(&["metadata"]);
    metadata.insert("name", scalar::new(&generator.name, Tag::None));
    if !generator.namespace.is_empty() {
        metadata.insert("namespace", scalar::new(&generator.namespace, Tag::None));
    }
    if generator.is_secret {
        let ty = if generator.kind.is_empty() { "Opaque" } else { &generator.kind };
        node.set("type", scalar::new(ty, Tag::String));
        node.set("data", Map::new());
    }
    let check = |key: &str, at: &Origin| {
        scalar::check_key(key)
            .map_err(|why| KustomizeError::target(at, format!("the generator of '{}'", generator.name), why))
    };
    for pair in pairs::load(generator, loader, budget)?.values() {
        check(&pair.key, &pair.at)?;
        let text = std::str::from_utf8(&pair.value).ok();
        let (field, value) = match text {
            Some(text) if !generator.is_secret => ("data", text.to_owned()),
            _ if generator.is_secret => ("data", base64_lines(&pair.value)),
            _ => ("binaryData", base64_lines(&pair.value)),
        };
        budget.take_bytes(value.len() as u64)?;
        node.ensure_map(&[field]).insert(pair.key.as_str(), scalar::new_data(&value).at(pair.at.clone()));
    }
    for (field, values) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        for (key, value) in values {
            check(key, &generator.at)?;
            node.ensure_map(&["metadata", field]).insert(key.as_str(), scalar::new(value, Tag::String));
        }
    }
    if options.immutable {
        node.set("immutable", true);
    }
    let mut resource = Resource::new(node);
    resource.history.needs_hash = !options.disable_hash;
    resource.history.behavior = Some(generator.behavior);
    Ok(resource)
}

/// Base64, in lines of 70 when it is longer.
fn base64_lines(bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() < 70 {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 70 + 1);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % 70 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push('\n');
    lines
}
