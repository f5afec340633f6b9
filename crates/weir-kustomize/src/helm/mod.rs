//! Charts of Helm: what a kustomization says of one, and who renders it.
//!
//! The engine reads `helmCharts` (and its older spellings), finds the chart and its values, merges the values as
//! kustomize does, and takes the objects in. Rendering is a [`Generator`]'s, which is a pure function of a [`Chart`]. A
//! chart that is not in the tree is asked for as [`crate::remote::Need::Chart`]. Without a generator charts are refused,
//! as Flux does.
//!
//! Limits: `helm` is no program here, so its own settings (`configHome`) are passed on only. What it prints that is no
//! object is an error; kustomize would try once more without what stands before the first `---`.

mod field;
mod inflate;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use field::{ChartField, Globals, read};
pub(crate) use inflate::{check, inflate};

use std::fmt;
use std::sync::Arc;
use weir_base::{Budget, Origin, Tree};
use weir_doc::LineMap;

/// The kind of the built-in generator.
pub(crate) const KIND: &str = "HelmChartInflationGenerator";

/// Who renders charts. The same chart gives the same text.
pub trait Generator: fmt::Debug + Send + Sync {
    fn generate(&self, chart: &Chart, budget: &Budget) -> Result<Rendered, Failed>;
}

/// What a generator is given: what `helm template` would be.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The entry of the kustomization.
    pub at: Origin,
    /// The name of the chart, perhaps with folders before it.
    pub name: String,
    /// What was asked for, where it was: the chart in `files` may be another version.
    pub version: Option<String>,
    /// Where it would be pulled from; a URL that may hold a password.
    pub repo: Option<String>,
    /// The folder of the chart in the source.
    pub folder: String,
    /// All files of the chart.
    pub files: Tree,
    /// Without one the release has a generated name.
    pub release_name: Option<String>,
    pub name_template: Option<String>,
    /// The namespace of the release: its own, or that of the kustomization or of one above it.
    pub namespace: Option<String>,
    /// From the least to the most important. The first is the values file, merged with the inline values.
    pub values: Vec<Values>,
    pub api_versions: Vec<String>,
    pub kube_version: Option<String>,
    pub include_crds: bool,
    pub skip_hooks: bool,
    pub skip_tests: bool,
    pub devel: bool,
    pub debug: bool,
    /// `helm`'s own folder of settings, as it stands in the kustomization.
    pub config_home: Option<String>,
}

/// A file of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// Where the text is from.
    pub file: Arc<str>,
    pub text: Arc<[u8]>,
}

/// What a generator made.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The objects, as YAML.
    pub text: Vec<u8>,
    /// Where the lines come from; objects of others are placed at the entry of the kustomization.
    pub lines: LineMap,
}

/// Why a chart cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The place in the chart, if there is one.
    pub at: Option<Origin>,
    pub problem: String,
    pub remedy: Option<String>,
}
