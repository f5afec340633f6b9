//! Remote bases: repositories and files that a kustomization names by a URL.

use crate::ssh_keys;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use weir_base::{Budget, Diagnose, Tree};
use weir_git::{Access, Download, GitError, Hosts, Limits, Reach, Reference, Remote, Repository, Selection, download};
use weir_render::remote::{Answer, Fetch, Need, RepoSpec};

/// The longest that one repository may take, whatever its URL says.
const LONGEST: Duration = Duration::from_secs(300);
/// As kustomize's default for repositories; it has none for files.
const FILE_WITHIN: Duration = Duration::from_secs(27);
/// What a repository may bring: it is held in memory.
const BYTES: u64 = 256 << 20;
const FILE_BYTES: u64 = 32 << 20;

/// Fetches over https and http with the login of a URL, and for the user's own command over ssh with the user's keys.
#[derive(Debug)]
pub struct Fetcher {
    reach: Reach,
    hosts: Hosts,
    /// `file://` repositories and the user's keys of this machine.
    with_local: bool,
}

impl Fetcher {
    /// For URLs that others wrote, or for anything but this machine's files.
    pub fn shared(reach: Reach, hosts: Hosts) -> Arc<dyn Fetch> {
        Arc::new(Self { reach, hosts, with_local: false })
    }

    /// For what a cluster's objects name.
    pub fn outside() -> Self {
        Self { reach: Reach::Outside, hosts: Hosts::default(), with_local: false }
    }

    /// For the user's own command.
    pub fn with_local() -> Self {
        Self { reach: Reach::Anywhere, hosts: Hosts::default(), with_local: true }
    }

    fn access(&self) -> Access {
        Access { reach: self.reach, hosts: self.hosts.clone(), ..Access::default() }
    }

    fn repository(&self, spec: &RepoSpec, budget: &Budget) -> Result<Tree, GitError> {
        let url = spec.url();
        let selection = Selection { submodules: spec.submodules, file_bytes: FILE_BYTES, ..Selection::default() };
        if let Some(path) = url.strip_prefix("file://").filter(|_| self.with_local) {
            return local(Path::new(path), spec, &selection, budget);
        }
        let limits =
            Limits { bytes: BYTES, file_bytes: FILE_BYTES, time: spec.timeout.min(LONGEST), ..Limits::default() };
        let url = as_url(&url);
        let ssh = (self.with_local && url.starts_with("ssh://")).then(ssh_keys::own).transpose()?;
        let access = Access { ssh, ..self.access() };
        let remote = Remote::new(&url, access, limits, Arc::new(AtomicBool::new(false)))?;
        let mut last = None;
        for reference in references(spec) {
            match remote.fetch(&reference, &selection, budget) {
                Ok((_, snapshot)) => return snapshot.tree_with_links(),
                Err(error @ GitError::NoReference { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or(GitError::Empty))
    }
}

impl Fetch for Fetcher {
    /// On a thread of its own, since a client that blocks must not be called from an async one.
    fn fetch(&self, need: &Need, budget: &Budget) -> Answer {
        let fetched = std::thread::scope(|scope| scope.spawn(|| self.answer(need, budget)).join());
        fetched.unwrap_or_else(|_| Answer::Failed("the transfer ended; this is a mistake in weir".to_owned()))
    }
}

impl Fetcher {
    fn answer(&self, need: &Need, budget: &Budget) -> Answer {
        let told = |error: GitError| Answer::Failed(error.report().to_string());
        match need {
            Need::Repository(spec) => self.repository(spec, budget).map_or_else(told, Answer::Repository),
            Need::File(url) => {
                let limits = Limits { file_bytes: FILE_BYTES, time: FILE_WITHIN, ..Limits::default() };
                match download(url, &self.access(), limits) {
                    Ok(Download::File(content)) => Answer::File(content.into()),
                    Ok(Download::Status(status)) => Answer::NoFile(status),
                    Err(error) => told(error),
                }
            }
            // No build is given someone who renders charts.
            Need::Chart(_) => Answer::Failed("charts of Helm are not fetched".to_owned()),
        }
    }
}

/// `git@host:path` as the URL that it stands for.
fn as_url(url: &str) -> String {
    match url.split_once(':') {
        Some((host, path)) if !url.contains("://") => format!("ssh://{host}/{path}"),
        _ => url.to_owned(),
    }
}

/// What a reference may mean, in the order in which git looks.
fn references(spec: &RepoSpec) -> Vec<Reference> {
    let named = |name: String| Reference { name: Some(name), ..Reference::default() };
    let Some(text) = &spec.reference else { return vec![named("HEAD".to_owned())] };
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return vec![Reference { commit: Some(text.clone()), ..Reference::default() }];
    }
    if text == "HEAD" || text.starts_with("refs/") {
        return vec![named(text.clone())];
    }
    ["refs/", "refs/tags/", "refs/heads/"].map(|start| named(format!("{start}{text}"))).into()
}

fn local(path: &Path, spec: &RepoSpec, selection: &Selection, budget: &Budget) -> Result<Tree, GitError> {
    let repository = Repository::open(path)?;
    let mut last = None;
    for reference in references(spec) {
        match repository.resolve(&reference) {
            Ok(resolved) => return repository.snapshot(&resolved.commit, selection, budget)?.tree_with_links(),
            Err(error @ (GitError::NoReference { .. } | GitError::NoCommit { .. })) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or(GitError::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_looked_for_as_git_does() {
        let spec = |url: &str| RepoSpec::parse(url).expect("a repository");
        let names = |url: &str| -> Vec<String> {
            references(&spec(url)).into_iter().filter_map(|reference| reference.name.or(reference.commit)).collect()
        };
        assert_eq!(names("https://a.example/b/c"), ["HEAD"]);
        assert_eq!(names("https://a.example/b/c?ref=v1"), ["refs/v1", "refs/tags/v1", "refs/heads/v1"]);
        assert_eq!(names("https://a.example/b/c?ref=refs/pull/1/head"), ["refs/pull/1/head"]);
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(names(&format!("https://a.example/b/c?ref={commit}")), [commit]);
        assert_eq!(as_url(&spec("git@github.com:a/b.git//c").url()), "ssh://git@github.com/a/b.git");
        assert_eq!(as_url(&spec("https://a.example:8443/b/c").url()), "https://a.example:8443/b/c");
    }
}
