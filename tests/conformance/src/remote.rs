//! The cases of remote bases.

use crate::root;
use std::path::PathBuf;

/// Stands in the files of a case for the folder that has its repositories.
pub const REPOSITORIES: &str = "/REPOSITORIES";

/// A URL, and how the original takes it apart.
#[derive(serde::Deserialize, serde::Serialize)]
pub struct RepoCase {
    pub url: String,
    /// None where it is no repository.
    pub split: Option<Split>,
}

#[derive(Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Split {
    pub url: String,
    pub reference: String,
    pub folder: String,
    pub submodules: bool,
}

pub fn specs_file() -> PathBuf {
    root("kustomize-remote").join("urls.json")
}

/// The folders of the builds: `input`, `repositories/NAME`, and what the original made of them.
pub fn cases() -> anyhow::Result<Vec<PathBuf>> {
    crate::folders(&root("kustomize-remote"))
}
