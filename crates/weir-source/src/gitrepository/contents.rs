//! The files of an artifact in the making, wherever they come from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_artifact::{ArtifactError, Draft, Packer, ignore};
use weir_base::Tree;
use weir_base::tree::{Found, walk_order};
use weir_git::{Entry, GitError, Snapshot};

pub(super) struct Contents {
    snapshot: Snapshot,
    files: BTreeMap<String, File>,
}

enum File {
    /// An entry of the snapshot, read when its turn comes.
    Entry(Entry),
    Bytes {
        content: Arc<[u8]>,
        is_executable: bool,
    },
}

/// Why the files were not packed.
pub(super) enum PackError {
    Git(GitError),
    Artifact(ArtifactError),
}

impl From<Snapshot> for Contents {
    fn from(snapshot: Snapshot) -> Self {
        let entries = snapshot.entries().iter();
        let files = entries.map(|entry| (entry.path.clone(), File::Entry(entry.clone()))).collect();
        Self { snapshot, files }
    }
}

impl From<Tree> for Contents {
    fn from(tree: Tree) -> Self {
        let files = tree.iter().map(|(path, content)| (path.to_string(), bytes(&tree, path, content))).collect();
        Self { snapshot: Snapshot::default(), files }
    }
}

impl Contents {
    /// Copies the file or folder at a path of another tree to a path of this one. As Flux moves a
    /// folder, the place must not be taken; a file replaces a file.
    pub fn include(&mut self, tree: &Tree, from: &str, to: &str) -> Result<(), String> {
        let under_file = to.match_indices('/').map(|(at, _)| &to[..at]).find(|folder| self.files.contains_key(*folder));
        if let Some(file) = under_file {
            return Err(format!("'{file}' is a file in the repository"));
        }
        let below = format!("{to}/");
        let is_folder = self.files.keys().any(|path| to.is_empty() || path.starts_with(&below));
        let is_file = self.files.contains_key(to);
        match tree.find(from) {
            Found::Nothing => Err("there is no such file or folder".to_owned()),
            Found::File if is_folder => Err(format!("'{to}' is a folder in the repository")),
            Found::Folder if is_folder || is_file => Err(format!("'{to}' exists in the repository")),
            Found::File => {
                if let Some(content) = tree.read(from) {
                    self.files.insert(to.to_owned(), bytes(tree, from, &content));
                }
                Ok(())
            }
            Found::Folder => {
                let start = if from.is_empty() { String::new() } else { format!("{from}/") };
                for (path, content) in tree.iter() {
                    let Some(rest) = path.strip_prefix(start.as_str()) else { continue };
                    let place = if to.is_empty() { rest.to_owned() } else { format!("{below}{rest}") };
                    self.files.insert(place, bytes(tree, path, content));
                }
                Ok(())
            }
        }
    }

    /// Writes the archive of the files that the rules keep.
    pub fn pack(&self, spec_ignore: Option<&str>, draft: Draft) -> Result<Draft, PackError> {
        let rules: Vec<(&str, String)> = self
            .files
            .iter()
            .filter(|(path, _)| ignore::is_rules(path))
            .map(|(path, file)| Ok((path.as_str(), String::from_utf8_lossy(&self.read(file)?).into_owned())))
            .collect::<Result<_, GitError>>()?;
        let rules = ignore::Rules::new(rules.iter().map(|(path, text)| (*path, text.as_str())), spec_ignore);
        let mut kept: Vec<(&str, &File)> =
            self.files.iter().map(|(path, file)| (path.as_str(), file)).filter(|(path, _)| rules.keeps(path)).collect();
        kept.sort_by(|(one, _), (other, _)| walk_order(one, other));
        let mut packer = Packer::new(draft)?;
        for (path, file) in kept {
            packer.file(path, file.is_executable(), &self.read(file)?)?;
        }
        Ok(packer.finish()?)
    }

    fn read<'f>(&self, file: &'f File) -> Result<Cow<'f, [u8]>, GitError> {
        match file {
            File::Bytes { content, .. } => Ok(Cow::Borrowed(content)),
            File::Entry(entry) => self.snapshot.read(entry).map(Cow::Owned),
        }
    }
}

impl File {
    fn is_executable(&self) -> bool {
        match self {
            File::Bytes { is_executable, .. } => *is_executable,
            File::Entry(entry) => entry.is_executable,
        }
    }
}

fn bytes(tree: &Tree, path: &str, content: &Arc<[u8]>) -> File {
    File::Bytes { content: content.clone(), is_executable: tree.is_executable(path) }
}

impl From<GitError> for PackError {
    fn from(error: GitError) -> Self {
        PackError::Git(error)
    }
}

impl From<ArtifactError> for PackError {
    fn from(error: ArtifactError) -> Self {
        PackError::Artifact(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for path in paths {
            tree.insert(path, path.as_bytes().to_vec()).expect("a good path");
        }
        tree
    }

    fn paths(contents: &Contents) -> Vec<&str> {
        contents.files.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_folder_or_a_file_is_copied_to_a_free_place() {
        let other = tree(&["a/b", "a/c/d", "e"]);
        let mut contents = Contents::from(tree(&["own/x", "file"]));
        contents.include(&other, "a", "lib").expect("is free");
        contents.include(&other, "", "lib/all").expect("is free");
        contents.include(&other, "e", "file").expect("a file replaces a file");
        assert_eq!(
            paths(&contents),
            ["file", "lib/all/a/b", "lib/all/a/c/d", "lib/all/e", "lib/b", "lib/c/d", "own/x"]
        );
        let refused = [
            ("nothing", "y", "there is no such file or folder"),
            ("a", "own", "'own' exists in the repository"),
            ("a", "", "'' exists in the repository"),
            ("e", "own", "'own' is a folder in the repository"),
            ("a", "file/x", "'file' is a file in the repository"),
        ];
        for (from, to, expected) in refused {
            assert_eq!(contents.include(&other, from, to), Err(expected.to_owned()));
        }
    }
}
