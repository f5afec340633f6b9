use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weir_base::redact_url;

/// What stands in for a URL on the local disk. Only whoever starts the process can name one: no
/// object can make a controller read a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// The content of a folder is the revision.
    Folder(PathBuf),
    /// The commits of a repository are.
    Repository(PathBuf),
}

impl Local {
    pub fn path(&self) -> &Path {
        match self {
            Local::Folder(path) | Local::Repository(path) => path,
        }
    }
}

/// The URLs that are read from the local disk.
#[derive(Clone, Debug, Default)]
pub struct Locals {
    by_url: BTreeMap<String, Local>,
}

impl Locals {
    pub fn insert(&mut self, url: &str, local: Local) {
        self.by_url.insert(canonical(url), local);
    }

    pub fn get(&self, url: &str) -> Option<&Local> {
        self.by_url.get(&canonical(url))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Local)> {
        self.by_url.iter().map(|(url, local)| (url.as_str(), local))
    }
}

/// One spelling per repository: no credentials, no `.git`, no final slash, and the scp form
/// `git@host:path` as the ssh URL it means.
fn canonical(url: &str) -> String {
    let url = match (url.contains("://"), url.split_once(':')) {
        (false, Some((host, path))) if host.contains('@') => format!("ssh://{host}/{path}"),
        _ => url.to_owned(),
    };
    let url = redact_url(&url);
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository_are_one() {
        let mut locals = Locals::default();
        let local = Local::Folder("/x".into());
        locals.insert("git@github.com:example/fleet.git", local.clone());
        assert_eq!(locals.get("ssh://git@github.com/example/fleet"), Some(&local));
        assert_eq!(locals.get("ssh://git@github.com/example/other"), None);
    }
}
