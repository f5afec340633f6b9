use super::origins::LocalSources;
use std::path::PathBuf;

/// Which Kustomization is built from which folder, and how: what `build` and `diff` have in common.
#[derive(clap::Args)]
pub(super) struct FromFolder {
    /// Name of the Kustomization.
    pub name: String,
    /// Folder that its spec.path leads to in the source.
    #[arg(long, value_name = "FOLDER")]
    pub path: PathBuf,
    /// Take the Kustomization from this file instead of the cluster.
    #[arg(long, value_name = "FILE")]
    pub kustomization_file: Option<PathBuf>,
    /// Paths that are left out, in the format of .gitignore, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PATHS")]
    pub ignore_paths: Vec<String>,
    /// Fail when a variable is not set and has no default.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub strict_substitute: bool,
    /// Follow the Kustomizations among the objects, into the folders of --local-sources.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub recursive: bool,
    #[command(flatten)]
    pub sources: LocalSources,
    /// Accepted: builds are always in memory.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    in_memory_build: bool,
}
