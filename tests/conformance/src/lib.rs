//! Conformance: the same bytes or verdict as the original programs, from outputs that are committed.
//!
//! A case is a folder `GROUP/CASE` with `input/`, perhaps `path` (the folder to build, `.` without it),
//! and what the original made of it: `expect.yaml`, or `expect.err` when it failed. The file `VERSION`
//! beside the groups names the original; the binary `rerun` writes the expectations anew.

pub mod remote;
pub mod sops;

use anyhow::Context;
use std::path::{Path, PathBuf};
use weir_base::Tree;
use weir_base::tree::Link;
use weir_doc::{Node, Value};

/// A case of kustomize.
pub struct Case {
    /// `GROUP/CASE`.
    pub name: String,
    pub folder: PathBuf,
    /// The folder to build, from `input/`.
    pub path: String,
}

/// A change of a kustomization file.
#[derive(serde::Deserialize, serde::Serialize)]
pub struct EditCase {
    /// Behind `kustomize edit`.
    pub args: Vec<String>,
    /// Further files, which have a line each.
    pub files: Vec<String>,
    pub before: String,
    /// What the file holds then; none where the command failed.
    pub after: Option<String>,
}

impl EditCase {
    /// A new folder as the case has it.
    pub fn folder(&self) -> anyhow::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for name in &self.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            std::fs::write(path, if name.ends_with("kustomization.yaml") { "namePrefix: a-\n" } else { "a=b\n" })?;
        }
        std::fs::write(Self::file(&folder), &self.before)?;
        Ok(folder)
    }

    pub fn file(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("kustomization.yaml")
    }
}

/// The folder of all cases of one original.
pub fn root(original: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(original)
}

/// Every case, sorted by name.
pub fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for group in folders(root)? {
        for folder in folders(&group)? {
            let name = folder.strip_prefix(root)?.to_string_lossy().into_owned();
            let path = match std::fs::read_to_string(folder.join("path")) {
                Ok(text) => text.trim().to_owned(),
                Err(_) => ".".to_owned(),
            };
            cases.push(Case { name, folder, path });
        }
    }
    Ok(cases)
}

fn folders(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The files below a folder, and where its links lead.
pub fn tree(folder: &Path) -> anyhow::Result<Tree> {
    let folder = &folder.canonicalize()?;
    let mut tree = Tree::new();
    let mut queue = vec![folder.to_path_buf()];
    while let Some(next) = queue.pop() {
        queue.extend(folders(&next)?);
        for entry in std::fs::read_dir(&next)? {
            let entry = entry?;
            let path = entry.path();
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            if entry.file_type()?.is_file() {
                tree.insert(&name, std::fs::read(&path)?)?;
            } else if entry.file_type()?.is_symlink() {
                let target =
                    path.canonicalize().ok().and_then(|target| Some(target.strip_prefix(folder).ok()?.to_owned()));
                let to = target.map_or(Link::Nowhere, |target| Link::To(target.to_string_lossy().into_owned()));
                tree.link(&name, to);
            }
        }
    }
    Ok(tree)
}

/// The lines that differ, with two lines around them.
pub fn diff(expected: &str, found: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    for line in &a[start.saturating_sub(2)..start] {
        out += &format!("    {line}\n");
    }
    for line in &a[start..a.len() - end] {
        out += &format!("  - {line}\n");
    }
    for line in &b[start..b.len() - end] {
        out += &format!("  + {line}\n");
    }
    for line in a[a.len() - end..].iter().take(2) {
        out += &format!("    {line}\n");
    }
    out
}

/// A merge patch (RFC 7386). A patch of a patch keeps its nulls, which are to remove something later.
pub fn merge(base: &mut Node, patch: &Node, keep_nulls: bool) {
    let Some(fields) = patch.as_map() else {
        *base = patch.clone();
        return;
    };
    if base.as_map().is_none() {
        *base = Node::map();
    }
    let Value::Map(map) = &mut base.value else { return };
    for (key, value) in fields.iter() {
        if value.is_null() && !keep_nulls {
            map.remove(key.as_str());
        } else {
            merge(map.entry_or_null(key.as_str()), value, keep_nulls);
        }
    }
}
