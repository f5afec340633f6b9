use crate::limits::Guard;
use crate::{Access, GitError, Limits, Reference, Repository, Resolved, http, ssh};
use gix::bstr::ByteSlice;
use gix::protocol::handshake::Ref;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::remote::{Direction, fetch, ref_map};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_base::{Budget, Tree, redact_url};

/// Where a fetched commit is kept in the scratch repository.
const TARGET: &str = "refs/heads/weir-target";

type Connection<'a, 'r> = gix::remote::Connection<'a, 'a, 'r, Box<dyn Transport + Send>>;

/// A repository behind a URL. Its calls block, and end by themselves within the limits.
pub struct Remote {
    url: String,
    access: Access,
    limits: Limits,
    /// Ends a transfer under way.
    stop: Arc<AtomicBool>,
}

impl Remote {
    pub fn new(url: &str, access: Access, limits: Limits, stop: Arc<AtomicBool>) -> Result<Self, GitError> {
        let known = ["https://", "http://", "ssh://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(GitError::Scheme { url: redact_url(url) });
        }
        Ok(Self { url: url.to_owned(), access, limits, stop })
    }

    /// The branch that HEAD names.
    pub fn head_branch(&self) -> Result<Option<String>, GitError> {
        let refs = self.list("HEAD")?;
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
        let refs = self.list(&full)?;
        let found = refs.iter().find_map(|reference| {
            let (name, commit) = named(reference)?;
            (name == full).then_some(commit)
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
        self.receive(&repo, &specs, reference.commit.is_none()).map_err(|error| match error {
            GitError::NoReference { .. } => self.missing(&full),
            error => error,
        })?;
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

    /// Brings what the refspecs name into the scratch repository.
    fn receive(&self, repo: &gix::Repository, specs: &[String], shallow: bool) -> Result<(), GitError> {
        self.connected(repo, specs, |connection| {
            let mut prepared = connection.prepare_fetch(gix::progress::Discard, ref_map::Options::default())?;
            if shallow {
                prepared = prepared.with_shallow(fetch::Shallow::DepthAtRemote(NonZeroU32::MIN));
            }
            prepared.receive(gix::progress::Discard, &self.stop).map(drop)
        })
    }

    /// The server's references that match a name, which may end in `*`.
    fn list(&self, full: &str) -> Result<Vec<Ref>, GitError> {
        let scratch = scratch()?;
        let repo = open_scratch(scratch.path())?;
        let target = if full.ends_with('*') { full } else { TARGET };
        self.connected(&repo, &[format!("+{full}:{target}")], |connection| {
            connection.ref_map(gix::progress::Discard, ref_map::Options::default()).map(|(map, _)| map.remote_refs)
        })
    }

    /// Runs one exchange with the server; what stopped it on our side is told rather than what
    /// became of it on the way.
    fn connected<T>(
        &self,
        repo: &gix::Repository,
        specs: &[String],
        work: impl FnOnce(Connection<'_, '_>) -> gix::Result<T>,
    ) -> Result<T, GitError> {
        let guard = Arc::new(Guard::new(self.stop.clone(), self.limits));
        let transport = self.transport(&guard)?;
        let told = |error: gix::Error| match guard.failure() {
            Some(failure) => failure,
            None => self.failed(&error),
        };
        // The transport is what reaches the server; this URL is only a name.
        let remote = repo
            .remote_at("https://remote.invalid/")
            .and_then(|remote| remote.with_refspecs(specs.iter().map(String::as_str), Direction::Fetch))
            .map_err(|error| self.failed(&error))?
            .with_fetch_tags(fetch::Tags::None);
        // Never asks a helper or a terminal.
        let connection = remote.to_connection_with_transport(transport).with_credentials(|_| Ok(None));
        work(connection).map_err(told)
    }

    fn transport(&self, guard: &Arc<Guard>) -> Result<Box<dyn Transport + Send>, GitError> {
        match self.url.starts_with("ssh://") {
            true => Ok(Box::new(ssh::connect(&self.url, &self.access, guard.clone())?)),
            false => Ok(Box::new(http::connect(&self.url, &self.access, guard.clone())?)),
        }
    }

    fn missing(&self, full: &str) -> GitError {
        GitError::NoReference { name: full.to_owned(), known: Vec::new() }
    }

    fn failed(&self, error: &gix::Error) -> GitError {
        let message = crate::error::with_causes(error);
        if message.contains("None of the refspec") {
            return self.missing("");
        }
        // Libraries quote the URL, which may hold a password.
        let message = message.replace(&self.url, &redact_url(&self.url));
        GitError::Remote { url: redact_url(&self.url), message }
    }
}

/// Name and commit of an advertised reference.
fn named(reference: &Ref) -> Option<(&str, String)> {
    match reference {
        Ref::Peeled { full_ref_name, object, .. }
        | Ref::Direct { full_ref_name, object }
        | Ref::Symbolic { full_ref_name, object, .. } => Some((full_ref_name.to_str().ok()?, object.to_string())),
        Ref::Unborn { .. } => None,
    }
}

fn scratch() -> Result<tempfile::TempDir, GitError> {
    tempfile::Builder::new().prefix("weir-git-").tempdir().map_err(|error| GitError::Scratch(error.to_string()))
}

/// An empty repository that sees no configuration but ours.
fn open_scratch(path: &Path) -> Result<gix::Repository, GitError> {
    let options = gix::open::Options::isolated();
    gix::ThreadSafeRepository::init_opts(path, gix::create::Kind::Bare, gix::create::Options::default(), options)
        .map(Into::into)
        .map_err(|error| GitError::Scratch(error.to_string()))
}
