/// Which commit to take. When several are given, Flux's code decides: commit, name, tag, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub name: Option<String>,
    pub commit: Option<String>,
}

impl Reference {
    /// The branch that is followed when nothing is said.
    pub const DEFAULT_BRANCH: &'static str = "master";

    /// Full name of the reference to look up, and the name that stands in the revision.
    pub(crate) fn names(&self) -> (String, String) {
        match (&self.name, &self.tag, &self.branch) {
            (Some(name), _, _) => (name.clone(), name.clone()),
            (None, Some(tag), _) => (format!("refs/tags/{tag}"), tag.clone()),
            (None, None, branch) => {
                let branch = branch.as_deref().unwrap_or(Self::DEFAULT_BRANCH);
                (format!("refs/heads/{branch}"), branch.to_owned())
            }
        }
    }
}

/// A commit that a reference led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Hexadecimal id of the commit.
    pub commit: String,
    /// `NAME@sha1:COMMIT`, or `sha1:COMMIT` when only the commit was given.
    pub revision: String,
    /// First line of the commit's message.
    pub summary: String,
}
