//! Files of the disk: a folder is read for an engine, as large as the build needs it; a file is replaced whole.

use crate::error::CliError;
use std::path::{Path, PathBuf};
use weir_base::{Budget, Tree};

/// Folders above the one that was named which a build may reach into, outside of a Git repository.
const LEVELS: usize = 5;

/// The folder itself, then those above it: up to the root of the Git repository, else five.
pub fn roots(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let folder = std::fs::canonicalize(folder)
        .map_err(|error| CliError::new(format!("{} cannot be opened: {error}", folder.display())))?;
    if !folder.is_dir() {
        return Err(CliError::new(format!("{} is not a folder", folder.display())));
    }
    let mut roots = Vec::new();
    let in_repository = folder.ancestors().any(weir_git::is_repository);
    for root in folder.ancestors() {
        roots.push(root.to_owned());
        let is_last = if in_repository { weir_git::is_repository(root) } else { roots.len() > LEVELS };
        if is_last || root.parent().is_none_or(|parent| parent.parent().is_none()) {
            break;
        }
    }
    Ok(roots)
}

/// Puts a text in the place of a file at once, with its mode; a new file is for the owner only.
pub fn replace(path: &Path, text: &[u8]) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new(format!("{} cannot be written: {error}", path.display()));
    // A link stays one.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut written = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut written, text).map_err(failed)?;
    if let Ok(known) = std::fs::metadata(path) {
        written.as_file().set_permissions(known.permissions()).map_err(failed)?;
    }
    written.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// All files below a folder, but for `.git`; symbolic links are noted and not followed.
pub fn read(root: &Path, budget: &Budget) -> Result<Tree, CliError> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| CliError::new(format!("{}: {error}", path.display()));
    let mut tree = Tree::new();
    let walk = ignore::WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry.map_err(|error| failed(root, &error))?;
        let path = entry.path();
        let relative = || path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            if entry.path_is_symlink() {
                tree.note_link(&relative());
            }
            continue;
        }
        let size = entry.metadata().map_err(|error| failed(path, &error))?.len();
        budget.take_bytes(size).map_err(|error| failed(root, &error))?;
        let content = std::fs::read(path).map_err(|error| failed(path, &error))?;
        tree.insert(&relative(), content).map_err(|error| failed(path, &error))?;
    }
    Ok(tree)
}

/// `folder` as seen from `root`.
pub fn relative(folder: &Path, root: &Path) -> String {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy().into_owned()
}
