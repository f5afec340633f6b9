use ::ignore::WalkBuilder;
use std::path::{Path, PathBuf};
use weir_base::{Budget, Class, Diagnose, Exhausted, Tree, tree::PathError};

/// Why a folder gave no tree.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FolderError {
    #[error("'{path}' cannot be read: {message}")]
    Read { path: String, message: String },
    #[error("'{path}' is not valid UTF-8")]
    NotUnicode { path: String },
    #[error("{0}")]
    Path(#[from] PathError),
    #[error("the folder is too large: {0}")]
    Exhausted(#[from] Exhausted),
}

impl Diagnose for FolderError {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        "ReadOperationFailed"
    }
}

/// The files of a folder, without what its `.gitignore` files leave out, `.git` and links. Blocks.
pub fn read(root: &Path, budget: &Budget) -> Result<Tree, FolderError> {
    let unreadable = |path: &Path, message: String| FolderError::Read { path: path.display().to_string(), message };
    if !root.is_dir() {
        return Err(unreadable(root, "it is not a folder".to_owned()));
    }
    let mut tree = Tree::new();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .parents(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry.map_err(|error| unreadable(root, error.to_string()))?;
        budget.spend(1)?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let relative: PathBuf = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
        let Some(name) = relative.to_str() else {
            return Err(FolderError::NotUnicode { path: relative.display().to_string() });
        };
        let metadata = entry.metadata().map_err(|error| unreadable(&relative, error.to_string()))?;
        budget.take_bytes(metadata.len())?;
        match std::fs::read(entry.path()) {
            Ok(content) => tree.insert(name, content)?,
            // An editor replaced it while we looked; the next look finds the new one.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&relative, error.to_string())),
        }
        if is_executable(&metadata) {
            tree.set_executable(name);
        }
    }
    Ok(tree)
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files_and_links_are_left_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
            std::fs::write(path, text).expect("writes");
        };
        write("a/b.yaml", "x");
        write(".gitignore", "target/\n");
        write("target/big", "x");
        write(".git/config", "x");
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).expect("links");
        let tree = read(dir.path(), &Budget::standard()).expect("reads");
        let paths: Vec<&str> = tree.iter().map(|(path, _)| &**path).collect();
        assert_eq!(paths, [".gitignore", "a/b.yaml"]);
        let error = read(&dir.path().join("nothing"), &Budget::standard()).expect_err("no folder");
        assert!(error.to_string().ends_with("it is not a folder"));
    }
}
