//! Files and folders as a kustomization may name them.

use crate::{KustomizeError, LoadRestrictor};
use std::sync::Arc;
use weir_base::tree::{Found, join};
use weir_base::{Origin, Tree};

/// The names that a kustomization file may have, in the order in which they are looked for.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How deep bases may lead to bases.
const MAX_BASES: usize = 64;

/// The view from one kustomization: its folder, and the folders that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Loader<'t> {
    tree: &'t Tree,
    restrictor: LoadRestrictor,
    pub root: String,
    ancestors: Vec<String>,
}

/// A path as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sited {
    pub text: String,
    pub at: Origin,
}

impl<'t> Loader<'t> {
    pub fn new(tree: &'t Tree, path: &str, restrictor: LoadRestrictor) -> Result<Self, KustomizeError> {
        let at = Origin::file(path);
        let root = join("", path).map_err(|why| KustomizeError::bad_path(&at, "path", &why))?;
        let loader = Self { tree, restrictor, root, ancestors: Vec::new() };
        match tree.find(&loader.root) {
            Found::Folder => Ok(loader),
            Found::File(_) => Err(missing(&at, "path", path, "is a file, expected a folder with a kustomization")),
            Found::Nothing => Err(missing(&at, "path", path, "does not exist")),
        }
    }

    pub fn find(&self, path: &Sited, field: &str) -> Result<Found<'t>, KustomizeError> {
        refuse_remote(path, field)?;
        let full = join(&self.root, &path.text).map_err(|why| KustomizeError::bad_path(&path.at, field, &why))?;
        Ok(self.tree.find(&full))
    }

    /// The content of a file, and its path from the root of the source.
    pub fn load(&self, path: &Sited, field: &str) -> Result<(&'t Arc<[u8]>, Arc<str>), KustomizeError> {
        refuse_remote(path, field)?;
        let full = join(&self.root, &path.text).map_err(|why| KustomizeError::bad_path(&path.at, field, &why))?;
        if self.restrictor == LoadRestrictor::RootOnly && !is_below(&full, &self.root) {
            let problem = "is not in or below the folder of the kustomization";
            return Err(missing(&path.at, field, &path.text, problem)
                .with_remedy("move the file below it, or build without the load restrictor"));
        }
        match self.tree.read(&full) {
            Some(content) => Ok((content, full.into())),
            None if self.tree.find(&full) == Found::Folder => {
                Err(missing(&path.at, field, &path.text, "is a folder, expected a file"))
            }
            None => Err(self.absent(path, field, &full)),
        }
    }

    fn absent(&self, path: &Sited, field: &str, full: &str) -> KustomizeError {
        match self.tree.link_on(full) {
            Some(link) => {
                let problem = format!("is not read, since '{link}' is a symbolic link");
                missing(&path.at, field, &path.text, &problem).with_remedy("put a copy of the file in its place")
            }
            None => missing(&path.at, field, &path.text, "does not exist"),
        }
    }

    /// The view from a base or component.
    pub fn enter(&self, path: &Sited, field: &str) -> Result<Self, KustomizeError> {
        refuse_remote(path, field)?;
        let root = join(&self.root, &path.text).map_err(|why| KustomizeError::bad_path(&path.at, field, &why))?;
        match self.tree.find(&root) {
            Found::Folder => {}
            Found::File(_) => return Err(missing(&path.at, field, &path.text, "is a file, expected a folder")),
            Found::Nothing => return Err(self.absent(path, field, &root)),
        }
        let visited = self.ancestors.iter().chain([&self.root]).find(|visited| is_below(visited, &root));
        if let Some(visited) = visited {
            return Err(KustomizeError::Cycle {
                at: path.at.clone(),
                path: path.text.clone(),
                visited: if visited.is_empty() { ".".to_owned() } else { visited.clone() },
            });
        }
        if self.ancestors.len() >= MAX_BASES {
            let problem = format!("is nested more than {MAX_BASES} bases deep");
            return Err(missing(&path.at, field, &path.text, &problem));
        }
        let mut ancestors = self.ancestors.clone();
        ancestors.push(self.root.clone());
        Ok(Self { root, ancestors, ..self.clone() })
    }

    /// Whether a file, or a folder that may be entered, is there.
    pub fn check(&self, path: &Sited, field: &str) -> Result<(), KustomizeError> {
        match self.find(path, field)? {
            Found::Folder => self.enter(path, field).map(drop),
            _ => self.load(path, field).map(drop),
        }
    }

    /// The kustomization file of the folder.
    pub fn kustomization(&self, at: &Origin) -> Result<(&'t Arc<[u8]>, Arc<str>), KustomizeError> {
        let shown = if self.root.is_empty() { "." } else { &self.root };
        let paths =
            FILE_NAMES.map(|name| if self.root.is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) });
        let mut found = paths.into_iter().filter_map(|path| self.tree.read(&path).map(|content| (content, path)));
        let at = if at.is_known() { at.clone() } else { Origin::file(shown) };
        let Some((content, path)) = found.next() else {
            let problem = format!("has none of {}", FILE_NAMES.join(", "));
            return Err(missing(&at, "folder", shown, &problem).with_remedy("add a kustomization.yaml to it"));
        };
        if let Some((_, second)) = found.next() {
            let problem = format!("has both {path} and {second}");
            return Err(missing(&at, "folder", shown, &problem).with_remedy("keep one of them"));
        }
        Ok((content, path.into()))
    }
}

fn missing(at: &Origin, field: &str, path: &str, problem: &str) -> KustomizeError {
    KustomizeError::Path {
        at: at.clone(),
        field: field.to_owned(),
        path: path.to_owned(),
        problem: problem.to_owned(),
        remedy: None,
    }
}

/// Whether `path` is `folder` or stands in or below it.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses what kustomize would fetch: URLs and Git repositories.
fn refuse_remote(path: &Sited, field: &str) -> Result<(), KustomizeError> {
    let text = path.text.as_str();
    if text.is_empty() {
        return Err(KustomizeError::field(&path.at, field, "a path is empty, expected a file or folder"));
    }
    let host = text.split('/').next().unwrap_or(text);
    let remote = text.contains("://")
        || text.starts_with("git::")
        || (host.contains('@') && text.contains(':'))
        || ["github.com", "gh:", "git@"].iter().any(|prefix| text.starts_with(prefix))
        || text.contains("/_git/");
    if !remote {
        return Ok(());
    }
    let what = format!("{field}: the remote path '{}'", weir_base::redact_url(text));
    Err(KustomizeError::unsupported(&path.at, what, "keep a copy of it in the source and name that"))
}
