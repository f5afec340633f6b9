use crate::{GitError, Repository};
use tempfile::TempDir;
use weir_base::Tree;
use weir_base::tree::{Link, join, walk_order};

/// Of where a symbolic link leads, in bytes, as on Linux.
const LONGEST_PATH: u64 = 4096;

/// The files of a commit, and of its submodules where they were asked for. Contents are read one at
/// a time.
#[derive(Default)]
pub struct Snapshot {
    pub(crate) entries: Vec<Entry>,
    /// Symbolic links, whose content is where they lead.
    pub(crate) links: Vec<Entry>,
    pub(crate) repositories: Vec<Repository>,
    /// Gone with the snapshot.
    pub(crate) scratch: Vec<TempDir>,
    pub(crate) file_limit: u64,
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    pub is_executable: bool,
    pub(crate) id: gix::ObjectId,
    /// Index of the repository that has it.
    pub(crate) repository: usize,
}

impl Snapshot {
    /// In the order of a walk: by name within a folder, a folder where its name stands.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, GitError> {
        if entry.size > self.file_limit {
            return Err(GitError::LargeFile { path: entry.path.clone(), size: entry.size, limit: self.file_limit });
        }
        match self.repositories.get(entry.repository) {
            Some(repository) => repository.blob(entry.id),
            None => Err(GitError::Object { id: entry.id.to_string(), message: "its repository is gone".to_owned() }),
        }
    }

    /// All files, in memory; symbolic links are left out, as Flux leaves them out of an artifact.
    pub fn tree(&self) -> Result<Tree, GitError> {
        let mut tree = Tree::new();
        for entry in &self.entries {
            let content = self.read(entry)?;
            tree.insert(&entry.path, content).map_err(|_| GitError::UnsafePath { path: entry.path.clone() })?;
            if entry.is_executable {
                tree.set_executable(&entry.path);
            }
        }
        Ok(tree)
    }

    /// All files, and the symbolic links that lead to paths within, as a checkout has them.
    pub fn tree_with_links(&self) -> Result<Tree, GitError> {
        let mut tree = self.tree()?;
        for link in &self.links {
            if link.size > LONGEST_PATH {
                tree.link(&link.path, Link::Nowhere);
                continue;
            }
            let content = self.read(link)?;
            let folder = link.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let target = std::str::from_utf8(&content).ok().and_then(|target| join(folder, target).ok());
            tree.link(&link.path, target.map_or(Link::Nowhere, Link::To));
        }
        Ok(tree)
    }

    pub(crate) fn sort(&mut self) {
        self.entries.sort_by(|one, other| walk_order(&one.path, &other.path));
    }
}
