//! Overlays: what `kustomize build` makes of a folder.
//!
//! Contract: a pure function of a [`Tree`], a path and [`Options`]: no I/O, no clock, no randomness.
//! The verdict and the output are those of kustomize 5.8.1; the messages are our own and name file,
//! line, field and remedy, and tell all mistakes of the kustomization files at once. Every path goes through [`weir_base::tree::join`], so that nothing outside
//! the tree can be read. Each object knows the file and line it comes from.
//!
//! The road: [`target`] reads a kustomization and what it names (resources, generators, components),
//! then runs its transformers ([`transform`]) on what came together; the outermost one adds content
//! hashes, follows changed names into references, resolves vars, and sorts.
//!
//! What is remote is asked for, never fetched: [`remote`].
//!
//! Charts are rendered by whom the caller names: [`helm`].
//!
//! Limits: generators or transformers that are not built in are refused by name, as are charts without a generator. Comments never change how a field is merged. Regular expressions are bounded in size,
//! nesting by [`weir_base::MAX_DEPTH`], bases of bases by 64, work and memory by the budget.

mod annotated;
mod args;
mod config;
mod crds;
pub mod edit;
mod error;
mod fields;
mod fieldspec;
mod generate;
pub mod helm;
mod iam;
mod id;
mod kustomization;
mod labels;
mod loader;
mod merge;
mod origin;
mod path;
mod picker;
mod plugins;
mod provenance;
mod read;
pub mod remote;
mod replacement;
mod resource;
mod resources;
mod scalar;
pub mod schema;
mod selector;
mod shared;
pub mod substitute;
mod target;
#[cfg(test)]
mod tests;
mod timestamp;
mod transform;
mod validate;

pub use annotated::{origin_of, set_by, to_yaml_with_origins};
pub use error::KustomizeError;
pub use loader::FILE_NAMES;
pub use picker::Picker;
use remote::Remotes;

use std::collections::BTreeSet;
use std::fmt;
use weir_base::{Budget, Origin, Tree};
use weir_doc::{Node, emit};

/// The version of kustomize whose behaviour this is.
pub const KUSTOMIZE_VERSION: &str = "v5.8.1";

/// What a build may read and how it orders its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub load_restrictor: LoadRestrictor,
    /// Where the kustomization has no `sortOptions`.
    pub order: Order,
    /// Label the objects `app.kubernetes.io/managed-by`, whatever the kustomization's `buildMetadata` says.
    pub managed_by_label: bool,
    /// Note on each field that a step changed which one it was ([`set_by`]).
    pub provenance: bool,
}

/// Which files a kustomization may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadRestrictor {
    /// Files in and below its own folder: the default of the command.
    #[default]
    RootOnly,
    /// Any file of the tree: what Flux uses.
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Namespaces first, webhooks last: the default of the command.
    #[default]
    Legacy,
    /// As they were read: what Flux uses.
    None,
}

/// What a build made.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// In the order of the output; `meta.at` is where each comes from.
    pub objects: Vec<Node>,
    /// What works, but should be changed.
    pub warnings: Vec<Warning>,
}

/// A field that is deprecated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub at: Origin,
    pub field: String,
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Builds the kustomization in the folder `path` of a tree, which has nothing remote.
pub fn build(tree: &Tree, path: &str, options: &Options, budget: &Budget) -> Result<Built, KustomizeError> {
    build_with(tree, &Remotes::default(), path, options, budget)
}

/// Builds with what was fetched so far; [`remote::resolved`] calls it as often as needed. Charts of Helm are refused.
pub fn build_with(
    tree: &Tree,
    remotes: &Remotes,
    path: &str,
    options: &Options,
    budget: &Budget,
) -> Result<Built, KustomizeError> {
    target::build(tree, (remotes, None), path, options, budget)
}

/// Builds a folder of a repository, by a URL as `resources` may have it. Files in and below the folder may be named,
/// whatever the options say.
pub fn build_url(remotes: &Remotes, url: &str, options: &Options, budget: &Budget) -> Result<Built, KustomizeError> {
    let tree = Tree::new();
    let at = Origin::file(weir_base::redact_url(url));
    let url = loader::Sited { text: url.to_owned(), at };
    let outside = loader::Loader::new(&tree, (remotes, None), "", options.load_restrictor)?;
    target::build_from(outside.enter(&url, "path")?, options, budget)
}

/// The same, with someone who renders the charts of Helm.
pub fn build_with_charts(
    tree: &Tree,
    remotes: &Remotes,
    charts: &dyn helm::Generator,
    path: &str,
    options: &Options,
    budget: &Budget,
) -> Result<Built, KustomizeError> {
    target::build(tree, (remotes, Some(charts)), path, options, budget)
}

/// The objects as kustomize prints them: documents joined by `---`.
pub fn to_yaml(objects: &[Node]) -> String {
    let documents: Vec<String> = objects.iter().map(emit::to_yaml).collect();
    documents.join("---\n")
}

/// The name of the file that each object gets where each gets one: with its namespace in front when there are several.
pub fn file_names(objects: &[Node]) -> Vec<String> {
    let schemas = schema::Schemas::default();
    let text = |object: &Node, path: &[&str]| object.str_at(path).unwrap_or_default().to_owned();
    let id = |object: &Node| {
        let gvk = id::Gvk::parse(&text(object, &["apiVersion"]), &text(object, &["kind"]));
        id::Id::scoped(gvk, text(object, &["metadata", "name"]), text(object, &["metadata", "namespace"]), &schemas)
    };
    let ids: Vec<id::Id> = objects.iter().map(id).collect();
    let spaces: BTreeSet<String> =
        ids.iter().filter(|id| !id.cluster_wide).map(|id| id.effective_namespace().to_owned()).collect();
    let named = ids.iter().map(|id| {
        let id::Gvk { group, version, kind } = &id.gvk;
        let gvk = [group, version, kind].into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
        let name = format!("{}_{}.yaml", gvk.join("_"), id.name).to_lowercase();
        match spaces.len() > 1 && !id.cluster_wide {
            true => format!("{}_{name}", id.effective_namespace().to_lowercase()),
            false => name,
        }
    });
    named.collect()
}
