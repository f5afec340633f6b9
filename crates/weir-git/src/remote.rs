use crate::{GitError, Reference, Repository, Resolved};
use gix::bstr::ByteSlice;
use gix::protocol::handshake::Ref;
use gix::remote::{Direction, fetch, ref_map};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use weir_base::{Budget, Tree, redact_url};

/// Where a fetched commit is kept in the scratch repository.
const TARGET: &str = "refs/heads/weir-target";

/// A repository behind an http or https URL, read without credentials. Its calls block.
pub struct Remote<'a> {
    url: &'a str,
    /// Ends a transfer under way.
    stop: &'a AtomicBool,
}

impl<'a> Remote<'a> {
    pub fn new(url: &'a str, stop: &'a AtomicBool) -> Result<Self, GitError> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(GitError::Scheme { url: redact_url(url) });
        }
        Ok(Self { url, stop })
    }

    /// The branch that HEAD names.
    pub fn head_branch(&self) -> Result<Option<String>, GitError> {
        let scratch = scratch()?;
        let refs = self.list(&open_scratch(scratch.path())?, "HEAD")?;
        Ok(refs.into_iter().find_map(|reference| match reference {
            Ref::Symbolic { full_ref_name, target, .. } if full_ref_name == "HEAD" => {
                target.to_str().ok()?.strip_prefix("refs/heads/").map(str::to_owned)
            }
            _ => None,
        }))
    }

    /// The commit that a reference names now, without fetching it: the cheap look. The summary is
    /// empty, since the server does not tell it. `None` where only a fetch can answer.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<Resolved>, GitError> {
        if reference.commit.is_some() {
            return Ok(None);
        }
        let (full, short) = reference.names();
        let scratch = scratch()?;
        let refs = self.list(&open_scratch(scratch.path())?, &full)?;
        let found = refs.iter().find_map(|reference| match reference {
            Ref::Peeled { full_ref_name, object, .. } | Ref::Direct { full_ref_name, object }
                if *full_ref_name == full =>
            {
                Some(object.to_string())
            }
            Ref::Symbolic { full_ref_name, object, .. } if *full_ref_name == full => Some(object.to_string()),
            _ => None,
        });
        match found {
            Some(commit) => {
                let revision = format!("{short}@sha1:{commit}");
                Ok(Some(Resolved { commit, revision, summary: String::new() }))
            }
            None => Err(self.missing(&full)),
        }
    }

    /// Fetches the commit that a reference names, shallowly where that is enough, and its files.
    pub fn fetch(&self, reference: &Reference, budget: &Budget) -> Result<(Resolved, Tree), GitError> {
        let scratch = scratch()?;
        let repo = open_scratch(scratch.path())?;
        let (full, _) = reference.names();
        let specs = match (&reference.commit, &reference.branch) {
            (None, _) => vec![format!("+{full}:{TARGET}")],
            // Reachability can only be seen with the history.
            (Some(_), Some(branch)) => vec![format!("+refs/heads/{branch}:refs/heads/{branch}")],
            (Some(_), None) => vec!["+refs/heads/*:refs/heads/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()],
        };
        let failed = |error: &dyn std::error::Error| self.failed(error);
        let remote = repo
            .remote_at(self.url)
            .and_then(|remote| remote.with_refspecs(specs.iter().map(String::as_str), Direction::Fetch))
            .map_err(|error| failed(&error))?
            .with_fetch_tags(fetch::Tags::None);
        let connection = remote.connect(Direction::Fetch).map_err(|error| failed(&error))?;
        let mut prepared = connection
            .prepare_fetch(gix::progress::Discard, ref_map::Options::default())
            .map_err(|error| if is_no_match(&error) { self.missing(&full) } else { failed(&error) })?;
        if reference.commit.is_none() {
            prepared = prepared.with_shallow(fetch::Shallow::DepthAtRemote(NonZeroU32::MIN));
        }
        prepared.receive(gix::progress::Discard, self.stop).map_err(|error| failed(&error))?;
        let repository = Repository::open(scratch.path())?;
        let (wanted, revision) = match &reference.commit {
            Some(_) => (reference.clone(), None),
            None => {
                let named = Reference { name: Some(TARGET.to_owned()), ..Reference::default() };
                let (_, short) = reference.names();
                (named, Some(short))
            }
        };
        let mut resolved = repository.resolve(&wanted).map_err(|error| match error {
            GitError::Empty | GitError::NoReference { .. } => self.missing(&full),
            error => error,
        })?;
        if let Some(short) = revision {
            resolved.revision = format!("{short}@sha1:{}", resolved.commit);
        }
        let tree = repository.checkout(&resolved.commit, budget)?;
        Ok((resolved, tree))
    }

    /// The server's references below the namespace of `full`.
    fn list(&self, repo: &gix::Repository, full: &str) -> Result<Vec<Ref>, GitError> {
        let failed = |error: &dyn std::error::Error| self.failed(error);
        let spec = format!("+{full}:{TARGET}");
        let remote = repo
            .remote_at(self.url)
            .and_then(|remote| remote.with_refspecs([spec.as_str()], Direction::Fetch))
            .map_err(|error| failed(&error))?
            .with_fetch_tags(fetch::Tags::None);
        let connection = remote.connect(Direction::Fetch).map_err(|error| failed(&error))?;
        let (map, _) =
            connection.ref_map(gix::progress::Discard, ref_map::Options::default()).map_err(|error| failed(&error))?;
        Ok(map.remote_refs)
    }

    fn missing(&self, full: &str) -> GitError {
        GitError::NoReference { name: full.to_owned(), known: Vec::new() }
    }

    fn failed(&self, error: &dyn std::error::Error) -> GitError {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = inner.source();
        }
        // Libraries quote the URL, which may hold a password.
        GitError::Remote { url: redact_url(self.url), message: message.replace(self.url, &redact_url(self.url)) }
    }
}

fn is_no_match(error: &dyn std::error::Error) -> bool {
    error.to_string().contains("None of the refspec")
}

fn scratch() -> Result<tempfile::TempDir, GitError> {
    tempfile::Builder::new().prefix("weir-git-").tempdir().map_err(|error| GitError::Scratch(error.to_string()))
}

/// An empty repository that sees no configuration but ours: connections end after 10 s without an
/// answer, transfers after 30 s below 1 kB/s.
fn open_scratch(path: &Path) -> Result<gix::Repository, GitError> {
    let settings = ["gitoxide.http.connectTimeout=10000", "http.lowSpeedLimit=1000", "http.lowSpeedTime=30"];
    let options = gix::open::Options::isolated().config_overrides(settings);
    gix::ThreadSafeRepository::init_opts(path, gix::create::Kind::Bare, gix::create::Options::default(), options)
        .map(Into::into)
        .map_err(|error| GitError::Scratch(error.to_string()))
}
