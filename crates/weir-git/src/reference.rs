use crate::GitError;
use weir_base::{Range, version_of};

/// Which commit to take. When several are given, Flux's code decides: commit, name, tag, range, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub branch: Option<String>,
    pub tag: Option<String>,
    /// The newest tag in a range of versions, as Masterminds/semver writes it.
    pub semver: Option<String>,
    pub name: Option<String>,
    pub commit: Option<String>,
}

/// What a reference asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A commit, which the branch has to lead to where one is given.
    Commit {
        id: String,
        branch: Option<String>,
        shown: Option<String>,
    },
    Named {
        full: String,
        shown: String,
    },
    Newest {
        range: String,
    },
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

impl Resolved {
    /// `shown` is what stands before `@` in the revision.
    pub(crate) fn new(shown: Option<&str>, commit: gix::ObjectId, summary: String) -> Self {
        let revision = match shown {
            Some(shown) => format!("{shown}@sha1:{commit}"),
            None => format!("sha1:{commit}"),
        };
        Self { commit: commit.to_string(), revision, summary }
    }
}

impl Reference {
    /// The branch that is followed when nothing is said.
    pub const DEFAULT_BRANCH: &'static str = "master";

    pub(crate) fn wanted(&self) -> Wanted {
        if let Some(id) = &self.commit {
            let shown = self.name.clone().or_else(|| self.branch.clone());
            return Wanted::Commit { id: id.clone(), branch: self.branch.clone(), shown };
        }
        if let Some(name) = &self.name {
            // The suffix names the commit behind an annotated tag, which is what is taken anyway.
            let full = name.strip_suffix("^{}").unwrap_or(name).to_owned();
            return Wanted::Named { full, shown: name.clone() };
        }
        if let Some(tag) = &self.tag {
            return Wanted::Named { full: format!("refs/tags/{tag}"), shown: tag.clone() };
        }
        if let Some(range) = &self.semver {
            return Wanted::Newest { range: range.clone() };
        }
        let branch = self.branch.as_deref().unwrap_or(Self::DEFAULT_BRANCH);
        Wanted::Named { full: format!("refs/heads/{branch}"), shown: branch.to_owned() }
    }
}

/// The tags in a range that are equally the newest: versions that differ in their build only.
pub(crate) fn newest<T: AsRef<str>>(range: &str, tags: impl IntoIterator<Item = T>) -> Result<Vec<T>, GitError> {
    let parsed = Range::parse(range).map_err(|message| GitError::Range { range: range.to_owned(), message })?;
    let mut seen = 0;
    let mut best: Vec<(semver::Version, T)> = Vec::new();
    for tag in tags {
        seen += 1;
        let Some(version) = version_of(tag.as_ref()).filter(|version| parsed.admits(version)) else { continue };
        match best.first().map(|(newest, _)| version.cmp_precedence(newest)) {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => best.push((version, tag)),
            _ => best = vec![(version, tag)],
        }
    }
    if best.is_empty() {
        return Err(GitError::NoMatch { range: range.to_owned(), tags: seen });
    }
    Ok(best.into_iter().map(|(_, tag)| tag).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_and_ties_are_kept() {
        let tags = ["v1.0.0", "v1.2.0+a", "v1.2.0+b", "v1.3.0-rc.1", "v2.0.0", "latest"];
        assert_eq!(newest("1.x", tags).expect("some"), ["v1.2.0+a", "v1.2.0+b"]);
        assert_eq!(newest(">=1.3.0-0 <2", tags).expect("one"), ["v1.3.0-rc.1"]);
        let error = newest("3.x", tags).expect_err("none");
        assert_eq!(error, GitError::NoMatch { range: "3.x".to_owned(), tags: 6 });
        assert!(matches!(newest("a", tags), Err(GitError::Range { .. })));
    }

    #[test]
    fn the_most_exact_field_wins() {
        let some = |text: &str| Some(text.to_owned());
        let all = Reference {
            branch: some("b"),
            tag: some("t"),
            semver: some("1"),
            name: some("refs/pull/1/head"),
            commit: some("c"),
        };
        let expected = [
            Wanted::Commit { id: "c".to_owned(), branch: some("b"), shown: some("refs/pull/1/head") },
            Wanted::Named { full: "refs/pull/1/head".to_owned(), shown: "refs/pull/1/head".to_owned() },
            Wanted::Named { full: "refs/tags/t".to_owned(), shown: "t".to_owned() },
            Wanted::Newest { range: "1".to_owned() },
            Wanted::Named { full: "refs/heads/b".to_owned(), shown: "b".to_owned() },
            Wanted::Named { full: "refs/heads/master".to_owned(), shown: "master".to_owned() },
        ];
        let drop: [fn(&mut Reference); 6] = [
            |_| {},
            |r| r.commit = None,
            |r| r.name = None,
            |r| r.tag = None,
            |r| r.semver = None,
            |r| r.branch = None,
        ];
        let mut reference = all;
        for (change, expected) in drop.into_iter().zip(expected) {
            change(&mut reference);
            assert_eq!(reference.wanted(), expected);
        }
    }
}
