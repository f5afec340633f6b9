//! The kustomization file: every field, read strictly.

use crate::KustomizeError;
use crate::args::{Generator, Image, Label, Patch, Replica, SortOptions, Var};
use crate::fields::{Fields, wrong};
use crate::generate::GeneratorOptions;
use crate::loader::Sited;
use crate::replacement::ReplacementField;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, yaml};

const KUSTOMIZATION: (&str, &str) = ("Kustomization", "kustomize.config.k8s.io/v1beta1");
const COMPONENT: (&str, &str) = ("Component", "kustomize.config.k8s.io/v1alpha1");

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
    pub build_metadata: Vec<String>,
}

impl Kustomization {
    pub fn read(text: &[u8], file: &Arc<str>, budget: &Budget) -> Result<Self, KustomizeError> {
        let documents = yaml::parse_all(text, Some(file), Dialect::Sigs, budget)?;
        let document = documents.into_iter().next().unwrap_or_default();
        let at = Origin::file(file.clone());
        let is_set = |node: &Node| !node.is_null() && node.as_str() != Some("");
        let empty = document.as_map().is_some_and(|map| {
            map.iter().all(|(key, value)| matches!(key.as_str(), "apiVersion" | "kind") || !is_set(value))
        });
        if document.is_null() || empty {
            return Err(KustomizeError::field(&at, "kustomization", "the file is empty")
                .with_remedy("add resources, generators or transformers to it"));
        }
        let mut fields = Fields::of(&document, "")?;
        let is_component = read_kind(&mut fields)?;
        fields.nested("metadata", read_metadata)?;
        refuse_helm(&mut fields)?;
        let mut resources = fields.strings("resources")?;
        resources.extend(fields.strings("bases")?);
        let mut images = fields.list("images", Image::read)?;
        images.extend(fields.list("imageTags", Image::read)?);
        let kustomization = Self {
            file: file.clone(),
            is_component,
            openapi: fields.map("openapi")?,
            openapi_at: fields.node("openapi").map(|node| node.meta.at.clone()).unwrap_or_else(|| at.clone()),
            at,
            name_prefix: fields.string("namePrefix")?,
            name_suffix: fields.string("nameSuffix")?,
            namespace: fields.string("namespace")?,
            common_labels: fields.map("commonLabels")?,
            labels: fields.list("labels", Label::read)?,
            common_annotations: fields.map("commonAnnotations")?,
            patches_strategic_merge: fields.strings("patchesStrategicMerge")?,
            patches_json: fields.list("patchesJson6902", Patch::read)?,
            patches: fields.list("patches", Patch::read)?,
            images,
            replacements: fields.list("replacements", ReplacementField::read)?,
            replicas: fields.list("replicas", Replica::read)?,
            vars: fields.list("vars", Var::read)?,
            sort_options: fields.nested("sortOptions", SortOptions::read)?,
            resources,
            components: fields.strings("components")?,
            crds: fields.strings("crds")?,
            config_maps: fields.list("configMapGenerator", |node, path| Generator::read(node, path, false))?,
            secrets: fields.list("secretGenerator", |node, path| Generator::read(node, path, true))?,
            generator_options: fields.nested("generatorOptions", GeneratorOptions::read)?,
            configurations: fields.strings("configurations")?,
            generators: fields.strings("generators")?,
            transformers: fields.strings("transformers")?,
            validators: fields.strings("validators")?,
            build_metadata: fields.strings("buildMetadata")?.into_iter().map(|sited| sited.text).collect(),
        };
        fields.finish()?;
        Ok(kustomization)
    }
}

/// Whether the file is a component's.
fn read_kind(fields: &mut Fields) -> Result<bool, KustomizeError> {
    let (api_version, kind) = (fields.sited("apiVersion")?, fields.sited("kind")?);
    let (known, version) = if kind.text == COMPONENT.0 { COMPONENT } else { KUSTOMIZATION };
    if !kind.text.is_empty() && kind.text != known {
        let problem = format!("'{}' is not Kustomization or Component", kind.text);
        return Err(KustomizeError::field(&kind.at, "kind", problem));
    }
    if !api_version.text.is_empty() && api_version.text != version {
        let problem = format!("'{}' is not {version}, the apiVersion of a {known}", api_version.text);
        return Err(KustomizeError::field(&api_version.at, "apiVersion", problem));
    }
    Ok(kind.text == COMPONENT.0)
}

fn read_metadata(mut fields: Fields) -> Result<(), KustomizeError> {
    for name in ["name", "namespace"] {
        fields.string(name)?;
    }
    for name in ["labels", "annotations"] {
        fields.map(name)?;
    }
    fields.finish()
}

fn refuse_helm(fields: &mut Fields) -> Result<(), KustomizeError> {
    for name in ["helmCharts", "helmChartInflationGenerator", "helmGlobals"] {
        let Some(node) = fields.node(name) else { continue };
        match node.as_seq() {
            Some(items) if items.is_empty() => {}
            None if name != "helmGlobals" => return Err(wrong(node, name, "a list")),
            _ => {
                let remedy = "deploy the chart with a HelmRelease, or commit what it renders";
                return Err(KustomizeError::unsupported(&node.meta.at, format!("the field {name}"), remedy));
            }
        }
    }
    Ok(())
}
