//! The entries of `helmCharts`, and what older spellings say.

use crate::KustomizeError;
use crate::fields::{Fields, wrong};
use crate::loader::Sited;
use weir_base::Origin;
use weir_doc::Node;

/// Where charts are kept, unless it is said.
const HOME: &str = "charts";

/// What is said for all charts of a kustomization.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globals {
    pub chart_home: Sited,
    pub config_home: String,
}

impl Globals {
    pub fn read(fields: &mut Fields) -> Self {
        Self { chart_home: fields.sited("chartHome"), config_home: fields.string("configHome") }
    }
}

/// What becomes of the inline values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ValuesMerge {
    /// They win over the file.
    #[default]
    Override,
    /// The file wins over them.
    Merge,
    /// The file is not read.
    Replace,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ChartField {
    pub at: Origin,
    /// The path of the entry, for messages.
    pub field: String,
    pub name: String,
    pub version: String,
    pub repo: String,
    pub release_name: String,
    pub namespace: String,
    pub name_template: String,
    pub values_file: Sited,
    pub additional_values: Vec<Sited>,
    pub values_inline: Option<Node>,
    pub values_merge: ValuesMerge,
    pub include_crds: bool,
    pub skip_hooks: bool,
    pub skip_tests: bool,
    pub api_versions: Vec<String>,
    pub kube_version: String,
    pub devel: bool,
    pub debug: bool,
    pub globals: Globals,
}

impl ChartField {
    /// An entry of `helmCharts`, or the configuration of the built-in generator.
    pub fn read(fields: &mut Fields) -> Self {
        Self {
            version: fields.string("version"),
            repo: fields.string("repo"),
            release_name: fields.string("releaseName"),
            namespace: fields.string("namespace"),
            name_template: fields.string("nameTemplate"),
            values_file: fields.sited("valuesFile"),
            additional_values: fields.strings("additionalValuesFiles"),
            values_inline: inline(fields, "valuesInline"),
            values_merge: merge(fields),
            include_crds: fields.bool("includeCRDs"),
            skip_hooks: fields.bool("skipHooks"),
            skip_tests: fields.bool("skipTests"),
            api_versions: fields.strings("apiVersions").into_iter().map(|sited| sited.text).collect(),
            kube_version: fields.string("kubeVersion"),
            devel: fields.bool("devel"),
            debug: fields.bool("debug"),
            ..Self::begin(fields, "name")
        }
    }

    /// An entry of `helmChartInflationGenerator`. kustomize reads its other fields and does nothing with them.
    pub fn read_old(fields: &mut Fields) -> Self {
        for unused in ["chartRepoName", "helmBin", "releaseNamespace"] {
            fields.string(unused);
        }
        fields.strings("extraArgs");
        Self {
            version: fields.string("chartVersion"),
            repo: fields.string("chartRepoUrl"),
            release_name: fields.string("releaseName"),
            values_file: fields.sited("values"),
            values_inline: inline(fields, "valuesLocal"),
            values_merge: merge(fields),
            globals: Globals { chart_home: fields.sited("chartHome"), config_home: fields.string("helmHome") },
            ..Self::begin(fields, "chartName")
        }
    }

    fn begin(fields: &mut Fields, name: &'static str) -> Self {
        let found = fields.sited(name);
        if found.text.is_empty() {
            let error = KustomizeError::field(fields.at, fields.path_of(name), "is missing, expected a chart");
            fields.mistakes().add(error);
        }
        if found.text.contains('/') {
            let problem = format!("'{}' is a path, expected the name of a chart", found.text);
            let error = KustomizeError::field(&found.at, fields.path_of(name), problem);
            fields.mistakes().add(error.with_remedy("put the folder into helmGlobals.chartHome, or into repo"));
        }
        Self { at: fields.at.clone(), field: fields.path().to_owned(), name: found.text, ..Self::default() }
    }

    /// The path of a field of the entry.
    pub fn path_of(&self, name: &str) -> String {
        if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) }
    }

    /// Where the chart is, from the folder of the kustomization.
    pub fn folder(&self) -> Sited {
        let Globals { chart_home: home, .. } = &self.globals;
        let (home, at) = if home.text.is_empty() { (HOME, &self.at) } else { (home.text.as_str(), &home.at) };
        let text = match self.version.is_empty() || self.repo.is_empty() {
            true => format!("{home}/{}", self.name),
            // Each version that is pulled has a folder of its own.
            false => format!("{home}/{0}-{1}/{0}", self.name, self.version),
        };
        Sited { text, at: at.clone() }
    }
}

/// All charts of a kustomization.
pub(crate) fn read(fields: &mut Fields) -> Vec<ChartField> {
    let globals = fields.nested("helmGlobals", Globals::read);
    let mut charts = fields.items("helmCharts", ChartField::read);
    let old = fields.items("helmChartInflationGenerator", ChartField::read_old);
    let globals = globals.unwrap_or_else(|| {
        // The last one that is set counts, for all.
        let mut all = Globals::default();
        for Globals { chart_home, config_home } in old.iter().map(|chart| chart.globals.clone()) {
            if !chart_home.text.is_empty() {
                all.chart_home = chart_home;
            }
            if !config_home.is_empty() {
                all.config_home = config_home;
            }
        }
        all
    });
    charts.extend(old);
    charts.iter_mut().for_each(|chart| chart.globals = globals.clone());
    charts
}

fn inline(fields: &mut Fields, name: &'static str) -> Option<Node> {
    let node = fields.node(name)?;
    match node.as_map() {
        Some(map) => Some(node.clone()).filter(|_| !map.is_empty()),
        None => {
            fields.mistakes().add(wrong(node, &fields.path_of(name), "a mapping"));
            None
        }
    }
}

fn merge(fields: &mut Fields) -> ValuesMerge {
    let found = fields.sited("valuesMerge");
    match found.text.as_str() {
        "" | "override" => ValuesMerge::Override,
        "merge" => ValuesMerge::Merge,
        "replace" => ValuesMerge::Replace,
        other => {
            let problem = format!("'{other}' is not merge, override or replace");
            fields.mistakes().add(KustomizeError::field(&found.at, fields.path_of("valuesMerge"), problem));
            ValuesMerge::Override
        }
    }
}
