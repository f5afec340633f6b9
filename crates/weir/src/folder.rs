//! Files of the disk: how far up a build reads; a folder that is read as a whole; a file that is replaced as a whole.

use crate::error::CliError;
use std::path::Path;
use weir_base::tree::Link;
use weir_base::{Budget, Tree};

/// What `build` makes of a folder (the second argument, seen from the first) within the folder itself, or else within the
/// smallest one above that has all that is named; in a Git repository that is within the repository. `leads_out` says
/// how many folders above the first argument something lies.
pub fn within<T, E>(
    folder: &Path,
    mut build: impl FnMut(&Path, &str) -> Result<Result<T, E>, CliError>,
    leads_out: impl Fn(&E) -> Option<usize>,
) -> Result<T, CliError>
where
    CliError: From<E>,
{
    let folder = std::fs::canonicalize(folder)
        .map_err(|error| CliError::new(format!("{} cannot be opened: {error}", folder.display())))?;
    if !folder.is_dir() {
        return Err(CliError::new(format!("{} is not a folder", folder.display())));
    }
    let repository = folder.ancestors().find(|above| weir_git::is_repository(above));
    // Never all that there is.
    let is_allowed =
        |root: &Path| root.parent().is_some() && repository.is_none_or(|repository| root.starts_with(repository));
    let mut root = folder.as_path();
    loop {
        let error = match build(root, &folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy())? {
            Ok(built) => return Ok(built),
            Err(error) => error,
        };
        match leads_out(&error).and_then(|levels| root.ancestors().nth(levels)).filter(|root| is_allowed(root)) {
            Some(above) if above != root => root = above,
            _ => return Err(error.into()),
        }
    }
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

/// Where a symbolic link leads, seen from a folder above it.
pub fn link(path: &Path, root: &Path) -> Link {
    let Ok(target) = std::fs::canonicalize(path) else { return Link::Nowhere };
    match root.ancestors().enumerate().find(|(_, above)| target.starts_with(above)) {
        Some((0, _)) => Link::To(target.strip_prefix(root).unwrap_or(&target).to_string_lossy().into_owned()),
        Some((levels, _)) => Link::Above(levels),
        None => Link::Nowhere,
    }
}

/// All files below a folder whose path has no links, but for `.git`; where symbolic links lead is noted.
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
                tree.link(&relative(), link(path, root));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How often the build was tried, and what it made of the folder or said.
    fn tried(folder: &Path, levels: usize) -> (usize, Result<(String, String), String>) {
        let mut tries = 0;
        let build = |root: &Path, path: &str| {
            tries += 1;
            let depth = Path::new(path).components().count();
            let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(if depth >= levels { Ok((name, path.to_owned())) } else { Err(CliError::new("it leads out")) })
        };
        let made = within(folder, build, |_| Some(levels)).map_err(|error| error.to_string());
        (tries, made)
    }

    #[test]
    fn links_lead_within_or_out() {
        let home = tempfile::tempdir().expect("a folder");
        let root = home.path().canonicalize().expect("a folder").join("a/b");
        std::fs::create_dir_all(root.join("c")).expect("folders");
        std::fs::write(root.join("c/f"), "x").expect("a file");
        let links = [("to-f", "c/f"), ("c/up", ".."), ("to-a", "../../a"), ("to-none", "none"), ("c/etc", "/etc")];
        for (link, target) in links {
            std::os::unix::fs::symlink(target, root.join(link)).expect("a link");
        }
        let tree = read(&root, &Budget::standard()).expect("readable");
        assert_eq!(tree.len(), 1);
        let to = |path: &str| tree.link_on(path).map(|(_, to)| to);
        assert_eq!((to("to-f"), to("c/up")), (Some(Link::To("c/f".to_owned())), Some(Link::To(String::new()))));
        assert_eq!((to("to-a"), to("to-none")), (Some(Link::Above(1)), Some(Link::Nowhere)));
        let depth = root.ancestors().count() - 1;
        assert_eq!(to("c/etc"), Some(Link::Above(depth)));
    }

    #[test]
    fn a_build_reads_as_far_up_as_its_files_lead() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("top/a/b/c/d/e/f/g/h");
        std::fs::create_dir_all(&folder).expect("folders");
        let made = |name: &str, path: &str| Ok((name.to_owned(), path.to_owned()));
        assert_eq!(tried(&folder, 0), (1, made("h", "")));
        assert_eq!(tried(&folder, 8), (2, made("top", "a/b/c/d/e/f/g/h")));
        let (tries, failed) = tried(&folder, 99);
        assert!(
            tries == 1 && failed.is_err_and(|why| why.contains("it leads out")),
            "the root of the disk is not read"
        );
        std::fs::create_dir_all(home.path().join("top/a/.git")).expect("a folder");
        std::fs::write(home.path().join("top/a/.git/HEAD"), "ref: refs/heads/main\n").expect("a file");
        assert_eq!(tried(&folder, 7), (2, made("a", "b/c/d/e/f/g/h")));
        assert!(tried(&folder, 8).1.is_err(), "the repository is not left");
    }
}
