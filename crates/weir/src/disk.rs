//! A folder of the disk as a build sees it: no more is read than the build asks for, so that a small overlay in a large
//! working copy is a small build.

use crate::error::CliError;
use crate::folder::link;
use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_base::tree::{Disk, Entry};
use weir_base::{Budget, Tree};

/// All files below a folder whose path has no links, but for `.git`.
pub struct OpenFolder {
    root: PathBuf,
    budget: Budget,
    keeps: Box<dyn Fn(&str) -> bool + Send + Sync>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    entries: HashMap<String, Entry>,
    contents: HashMap<String, Arc<[u8]>>,
    /// The first thing that could not be read.
    failure: Option<String>,
}

impl OpenFolder {
    /// The files whose path passes.
    pub fn new(root: &Path, budget: &Budget, keeps: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { root: root.to_owned(), budget: budget.clone(), keeps: Box::new(keeps), seen: Mutex::default() }
    }

    /// What `build` makes of the folder. An error tells what could not be read, if that was asked for.
    pub fn build<T>(self, build: impl FnOnce(&Tree) -> T) -> Result<T, CliError> {
        let disk = Arc::new(self);
        let built = build(&Tree::over(disk.clone()));
        let failure = disk.seen().failure.take();
        failure.map_or(Ok(built), |why| Err(CliError::new(why)))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, path: &str, error: &dyn fmt::Display) {
        let place = self.root.join(path);
        self.seen().failure.get_or_insert_with(|| format!("{}: {error}", place.display()));
    }

    fn look(&self, path: &str) -> Entry {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        // A tree's paths have none of these, which could lead out.
        let is_normal = !path.starts_with('/') && !matches!(name, "" | "." | "..");
        if !is_normal || name == ".git" || self.entry(folder) != Entry::Folder {
            return Entry::Nothing;
        }
        let place = self.root.join(path);
        match std::fs::symlink_metadata(&place) {
            Ok(known) if known.is_symlink() => Entry::Link(link(&place, &self.root)),
            Ok(known) if known.is_dir() => Entry::Folder,
            Ok(known) if known.is_file() && (self.keeps)(path) => Entry::File,
            Ok(_) => Entry::Nothing,
            Err(error) => {
                if !is_absent(error.kind()) {
                    self.failed(path, &error);
                }
                Entry::Nothing
            }
        }
    }

    fn load(&self, path: &str) -> Option<Arc<[u8]>> {
        let place = self.root.join(path);
        let size = std::fs::metadata(&place).map_err(|error| self.failed(path, &error)).ok()?.len();
        self.budget.take_bytes(size).map_err(|error| self.failed(path, &error)).ok()?;
        std::fs::read(&place).map_err(|error| self.failed(path, &error)).ok().map(Arc::from)
    }
}

/// No file has this name, or none can have it.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::InvalidFilename
    )
}

impl Disk for OpenFolder {
    fn entry(&self, path: &str) -> Entry {
        if path.is_empty() {
            return Entry::Folder;
        }
        if let Some(known) = self.seen().entries.get(path) {
            return known.clone();
        }
        let entry = self.look(path);
        self.seen().entries.insert(path.to_owned(), entry.clone());
        entry
    }

    fn content(&self, path: &str) -> Option<Arc<[u8]>> {
        if self.entry(path) != Entry::File {
            return None;
        }
        if let Some(known) = self.seen().contents.get(path) {
            return Some(known.clone());
        }
        let content = self.load(path)?;
        self.seen().contents.insert(path.to_owned(), content.clone());
        Some(content)
    }

    fn names(&self, folder: &str) -> Vec<(String, bool)> {
        if self.entry(folder) != Entry::Folder {
            return Vec::new();
        }
        let entries = match std::fs::read_dir(self.root.join(folder)).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) => {
                self.failed(folder, &error);
                return Vec::new();
            }
        };
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let names = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter_map(|name| match self.entry(&path(&name)) {
                Entry::File => Some((name, false)),
                Entry::Folder => Some((name, true)),
                Entry::Link(_) | Entry::Nothing => None,
            })
            .collect()
    }
}

impl fmt::Debug for OpenFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFolder").field("root", &self.root).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use weir_base::tree::{Found, Link};

    /// A folder with files of one byte; one behind a link, one in `.git`.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("a folder");
        let root = home.path().canonicalize().expect("a folder").join("root");
        for file in ["a/b/f", "a/g", "a/.git/config", "h"] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, "x").expect("a file");
        }
        std::fs::create_dir(root.join("empty")).expect("a folder");
        for (link, target) in [("to-a", "a"), ("a/out", "../.."), ("a/none", "none")] {
            symlink(target, root.join(link)).expect("a link");
        }
        (home, root)
    }

    #[test]
    fn a_tree_over_a_folder_has_what_the_folder_has() {
        let (_home, root) = folder();
        let look = |tree: &Tree| {
            assert_eq!(
                (tree.find("a"), tree.find("empty"), tree.find("a/b/f")),
                (Found::Folder, Found::Folder, Found::File)
            );
            for nothing in
                ["to-a", "to-a/g", "a/.git", "a/.git/config", "a/x", "h/x", "a/none", "a\0b", &"n".repeat(999)]
            {
                assert_eq!((tree.find(nothing), tree.read(nothing)), (Found::Nothing, None), "{nothing}");
            }
            let outside = root.parent().expect("a folder").join("outside");
            std::fs::write(&outside, "x").expect("a file");
            for out in
                ["../outside", "a/../../outside", "..", ".", "a/.", "a//g", "/a/g", "a/", &outside.to_string_lossy()]
            {
                assert_eq!((tree.find(out), tree.read(out), tree.list(out)), (Found::Nothing, None, vec![]), "{out}");
            }
            assert_eq!(tree.read("a/g").as_deref(), Some(&b"x"[..]));
            assert_eq!(tree.list("a"), [("b".to_owned(), true), ("g".to_owned(), false)]);
            assert_eq!((tree.list("to-a"), tree.list("a/g"), tree.list("x")), (vec![], vec![], vec![]));
            assert_eq!((tree.resolved("to-a/b/f"), tree.resolved("a/g")), ("a/b/f".into(), "a/g".into()));
            assert_eq!(tree.link_on("a/out/x"), Some(("a/out", Link::Above(1))));
            assert_eq!(tree.link_on("a/none"), Some(("a/none", Link::Nowhere)));
        };
        OpenFolder::new(&root, &Budget::standard(), |_| true).build(look).expect("nothing failed");
    }

    #[test]
    fn files_that_are_inserted_stand_before_those_of_the_folder() {
        let (_home, root) = folder();
        let look = |tree: &Tree| {
            let mut tree = tree.clone();
            tree.insert("a/g", *b"new").expect("a path");
            tree.insert("a/made", *b"new").expect("a path");
            assert_eq!((tree.read("a/g").as_deref(), tree.read("h").as_deref()), (Some(&b"new"[..]), Some(&b"x"[..])));
            let names: Vec<String> = tree.list("a").into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["b", "g", "made"]);
        };
        OpenFolder::new(&root, &Budget::standard(), |_| true).build(look).expect("nothing failed");
    }

    #[test]
    fn files_that_are_left_out_are_not_there() {
        let (_home, root) = folder();
        let look = |tree: &Tree| (tree.find("a/g"), tree.list("a").len(), tree.find("a/b/f"));
        let looked = OpenFolder::new(&root, &Budget::standard(), |path| path != "a/g").build(look);
        assert_eq!(looked.expect("nothing failed"), (Found::Nothing, 1, Found::File));
    }

    #[test]
    fn only_what_is_asked_for_is_read_and_paid() {
        let (_home, root) = folder();
        std::fs::write(root.join("large"), vec![0; 2000]).expect("a file");
        let budget = Budget::new(1000, 1000);
        let looked = OpenFolder::new(&root, &budget, |_| true).build(|tree| {
            (0..2000).filter_map(|_| tree.read("a/g")).count() + tree.list("").len() + tree.list("a").len()
        });
        assert_eq!(looked.expect("a file is paid once"), 2000 + 4 + 2);
        let looked = OpenFolder::new(&root, &budget, |_| true).build(|tree| (tree.read("large"), tree.read("a/g")));
        let why = looked.expect_err("too large").to_string();
        assert!(
            why.starts_with(&format!("{}: the work needed more than 1000 bytes", root.join("large").display())),
            "{why}"
        );
    }
}
