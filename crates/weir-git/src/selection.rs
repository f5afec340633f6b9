use crate::{GitError, Snapshot};

/// Which files of a commit are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Beginnings of paths; none: everything. As in Flux they are compared as text, so that `apps`
    /// takes `apps/a.yaml` and `apps.yaml`.
    pub sparse: Vec<String>,
    /// Files of submodules too.
    pub submodules: bool,
    /// Bytes that one file may have.
    pub file_bytes: u64,
}

impl Default for Selection {
    fn default() -> Self {
        Self { sparse: Vec::new(), submodules: false, file_bytes: crate::Limits::default().file_bytes }
    }
}

impl Selection {
    pub(crate) fn takes(&self, path: &str) -> bool {
        self.sparse.is_empty()
            || self.sparse.iter().any(|start| path.starts_with(start.strip_prefix("./").unwrap_or(start)))
    }

    /// Each beginning has to be a folder or file that was found.
    pub(crate) fn check(&self, found: &Snapshot) -> Result<(), GitError> {
        let missing = self.sparse.iter().find(|wanted| {
            let wanted = clean(wanted);
            let is_there = |path: &str| match path.strip_prefix(wanted.as_str()) {
                Some(rest) => rest.is_empty() || wanted.is_empty() || rest.starts_with('/'),
                None => false,
            };
            !wanted.is_empty() && !found.entries().iter().any(|entry| is_there(&entry.path))
        });
        match missing {
            Some(path) => Err(GitError::NoFolder { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// A path within the root: `..` leads no further up than that.
fn clean(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_compared_as_text() {
        let selection = Selection { sparse: vec!["./apps".to_owned(), "infra/".to_owned()], ..Selection::default() };
        for (path, taken) in
            [("apps/a", true), ("apps.yaml", true), ("x/apps", false), ("infra/a", true), ("infra", false)]
        {
            assert_eq!(selection.takes(path), taken, "{path}");
        }
    }

    #[test]
    fn paths_stay_within_the_root() {
        assert_eq!(clean("../../a/./b/../c/"), "a/c");
    }
}
