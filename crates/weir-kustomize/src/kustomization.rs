//! The kustomization file: every field, read strictly.

use crate::args::{Generator, Image, Label, Patch, Replica, SortOptions, Var};
use crate::fields::{Fields, Mistakes, wrong};
use crate::generate::GeneratorOptions;
use crate::helm::{self, ChartField};
use crate::loader::Sited;
use crate::replacement::ReplacementField;
use crate::{KustomizeError, Warning, scalar};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, yaml};

const KUSTOMIZATION: (&str, &str) = ("Kustomization", "kustomize.config.k8s.io/v1beta1");
const COMPONENT: (&str, &str) = ("Component", "kustomize.config.k8s.io/v1alpha1");

/// Fields that another one has taken the place of.
const DEPRECATED: [(&str, &str); 6] = [
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    pub file: Arc<str>,
    pub at: Origin,
    pub is_component: bool,
    pub openapi: BTreeMap<String, String>,
    pub openapi_at: Origin,
    pub name_prefix: String,
    pub name_suffix: String,
    pub namespace: String,
    pub common_labels: BTreeMap<String, String>,
    pub labels: Vec<Label>,
    pub common_annotations: BTreeMap<String, String>,
    pub patches_strategic_merge: Vec<Sited>,
    pub patches_json: Vec<Patch>,
    pub patches: Vec<Patch>,
    pub images: Vec<Image>,
    pub replacements: Vec<ReplacementField>,
    pub replicas: Vec<Replica>,
    pub vars: Vec<Var>,
    pub sort_options: Option<SortOptions>,
    pub resources: Vec<Sited>,
    pub components: Vec<Sited>,
    pub crds: Vec<Sited>,
    pub config_maps: Vec<Generator>,
    pub secrets: Vec<Generator>,
    pub generator_options: Option<GeneratorOptions>,
    pub configurations: Vec<Sited>,
    pub generators: Vec<Sited>,
    pub transformers: Vec<Sited>,
    pub validators: Vec<Sited>,
    pub charts: Vec<ChartField>,
    pub build_metadata: Vec<String>,
    pub warnings: Vec<Warning>,
    /// Where the fields are that steps are named after.
    pub places: BTreeMap<&'static str, Origin>,
}

const PLACED: [&str; 7] = [
    "namespace",
    "namePrefix",
    "nameSuffix",
    "commonLabels",
    "commonAnnotations",
    "replacements",
    "patchesStrategicMerge",
];

impl Kustomization {
    /// Reads the file; an error only where it is no YAML, all else is added to the mistakes. Charts are one, unless
    /// there is someone who renders them.
    pub fn read(
        text: &[u8],
        file: &Arc<str>,
        has_charts: bool,
        mistakes: &Mistakes,
        budget: &Budget,
    ) -> Result<Self, KustomizeError> {
        let mut document = yaml::parse_first(text, Some(file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
        scalar::fold_next_lines(&mut document);
        let at = Origin::file(file.clone());
        let is_set = |node: &Node| !node.is_null() && node.as_str() != Some("");
        let empty = document.as_map().is_some_and(|map| {
            map.iter().all(|(key, value)| matches!(key.as_str(), "apiVersion" | "kind") || !is_set(value))
        });
        if document.is_null() || empty {
            return Err(KustomizeError::field(&at, "kustomization", "the file is empty")
                .with_remedy("add resources, generators or transformers to it"));
        }
        let mut fields = Fields::of(&document, "", mistakes);
        let fields = &mut fields;
        let is_component = read_kind(fields);
        fields.nested("metadata", read_metadata);
        let charts = match has_charts {
            true => helm::read(fields),
            false => refuse_helm(fields),
        };
        let warnings = warnings(fields);
        let places = PLACED.into_iter().filter_map(|name| Some((name, fields.node(name)?.meta.at.clone()))).collect();
        let mut resources = fields.strings("resources");
        resources.extend(fields.strings("bases"));
        let mut images = fields.items("images", Image::read);
        images.extend(fields.items("imageTags", Image::read));
        let kustomization = Self {
            file: file.clone(),
            is_component,
            openapi: fields.map("openapi"),
            openapi_at: fields.node("openapi").map(|node| node.meta.at.clone()).unwrap_or_else(|| at.clone()),
            at,
            name_prefix: fields.string("namePrefix"),
            name_suffix: fields.string("nameSuffix"),
            namespace: fields.string("namespace"),
            common_labels: fields.map("commonLabels"),
            labels: fields.items("labels", Label::read),
            common_annotations: fields.map("commonAnnotations"),
            patches_strategic_merge: fields.strings("patchesStrategicMerge"),
            patches_json: fields.items("patchesJson6902", Patch::read),
            patches: fields.items("patches", Patch::read),
            images,
            replacements: fields.items("replacements", |fields| ReplacementField::read(fields).unless_empty()),
            replicas: fields.items("replicas", Replica::read),
            vars: fields.items("vars", Var::read),
            sort_options: fields.nested("sortOptions", SortOptions::read),
            resources,
            components: fields.strings("components"),
            crds: fields.strings("crds"),
            config_maps: fields.items("configMapGenerator", |fields| Generator::read(fields, false)),
            secrets: fields.items("secretGenerator", |fields| Generator::read(fields, true)),
            generator_options: fields.nested("generatorOptions", GeneratorOptions::read),
            configurations: fields.strings("configurations"),
            generators: fields.strings("generators"),
            transformers: fields.strings("transformers"),
            validators: fields.strings("validators"),
            charts,
            build_metadata: fields.strings("buildMetadata").into_iter().map(|sited| sited.text).collect(),
            warnings,
            places,
        };
        fields.finish();
        Ok(kustomization)
    }
}

impl Kustomization {
    /// Where a field is.
    pub fn place(&self, field: &str) -> &Origin {
        self.places.get(field).unwrap_or(&self.at)
    }
}

/// Whether the file is a component's.
fn read_kind(fields: &mut Fields) -> bool {
    let (api_version, kind) = (fields.sited("apiVersion"), fields.sited("kind"));
    let (known, version) = if kind.text == COMPONENT.0 { COMPONENT } else { KUSTOMIZATION };
    let mistakes = fields.mistakes();
    if !kind.text.is_empty() && kind.text != known {
        let problem = format!("'{}' is not Kustomization or Component", kind.text);
        mistakes.add(KustomizeError::field(&kind.at, "kind", problem));
    }
    if !api_version.text.is_empty() && api_version.text != version {
        let problem = format!("'{}' is not {version}, the apiVersion of a {known}", api_version.text);
        mistakes.add(KustomizeError::field(&api_version.at, "apiVersion", problem));
    }
    kind.text == COMPONENT.0
}

fn read_metadata(fields: &mut Fields) {
    for name in ["name", "namespace"] {
        fields.string(name);
    }
    for name in ["labels", "annotations"] {
        fields.map(name);
    }
}

fn warnings(fields: &mut Fields) -> Vec<Warning> {
    let mut found = Vec::new();
    for (name, instead) in DEPRECATED {
        if let Some(node) = fields.node(name) {
            let message = format!("'{name}' is deprecated, use '{instead}' instead");
            found.push(Warning { at: node.meta.at.clone(), field: name.to_owned(), message });
        }
    }
    found
}

/// Without charts, what holds for all of them does nothing.
fn refuse_helm(fields: &mut Fields) -> Vec<ChartField> {
    fields.nested("helmGlobals", helm::Globals::read);
    for name in ["helmCharts", "helmChartInflationGenerator"] {
        let Some(node) = fields.node(name) else { continue };
        match node.as_seq() {
            Some(items) if items.is_empty() => {}
            None => fields.mistakes().add(wrong(node, name, "a list")),
            Some(_) => {
                let remedy = "deploy the chart with a HelmRelease, or commit what it renders";
                fields.mistakes().add(KustomizeError::unsupported(&node.meta.at, format!("the field {name}"), remedy));
            }
        }
    }
    Vec::new()
}
