mod session;
mod submodules;

use crate::limits::Guard;
use crate::local::Listing;
use crate::reference::{Wanted, newest};
use crate::{Access, GitError, Limits, Reference, Repository, Resolved, Selection, Snapshot, http, ssh};
use gix::ObjectId;
use gix::protocol::transport::client::blocking_io::Transport;
use session::{Advertised, Session};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;
use weir_base::{Budget, redact_url};

/// Names that an error tells of those that there are.
const SHOWN: usize = 10;

/// What gix says of an object beyond the limit for one allocation.
const NOT_ALLOCATED: &str = "too large to fit in memory";

/// A repository behind a URL. Its calls block, and end by themselves within the limits.
pub struct Remote {
    url: String,
    access: Access,
    limits: Limits,
    /// Ends a transfer under way.
    stop: Arc<AtomicBool>,
}

/// A commit that is to be brought here.
struct Target {
    /// Commits to ask for; more than one where their times decide.
    candidates: Vec<Candidate>,
    /// Whether they are enough without their history.
    alone: bool,
}

struct Candidate {
    /// What stands before `@` in the revision.
    shown: Option<String>,
    want: ObjectId,
    commit: ObjectId,
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
        let mut session = self.session(&self.guard())?;
        let refs = self.list(&mut session, &["HEAD"])?;
        let target = refs.into_iter().find(|found| found.name == "HEAD").and_then(|head| head.target);
        Ok(target.and_then(|target| target.strip_prefix("refs/heads/").map(str::to_owned)))
    }

    /// The commit that a reference names now, without fetching it: the cheap look. The summary is
    /// empty, since the server does not tell it. `None` where only a fetch can answer.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<Resolved>, GitError> {
        let mut session = self.session(&self.guard())?;
        if let Wanted::Commit { id, branch: None, shown } = reference.wanted() {
            // It cannot move; the look shows that the repository is there for us.
            self.list(&mut session, &["HEAD"])?;
            let id = commit_id(&id, None)?;
            return Ok(Some(Resolved::new(shown.as_deref(), id, String::new())));
        }
        let target = self.target(&mut session, reference)?;
        match target.candidates.as_slice() {
            [one] if target.alone => Ok(Some(Resolved::new(one.shown.as_deref(), one.commit, String::new()))),
            _ => Ok(None),
        }
    }

    /// Fetches the commit that a reference names, shallowly where that is enough, and lists its files.
    pub fn fetch(
        &self,
        reference: &Reference,
        selection: &Selection,
        budget: &Budget,
    ) -> Result<(Resolved, Snapshot), GitError> {
        let guard = self.guard();
        let scratch = scratch()?;
        let mut session = self.session(&guard)?;
        let target = self.target(&mut session, reference)?;
        let wants: Vec<ObjectId> = target.candidates.iter().map(|candidate| candidate.want).collect();
        self.receive(&mut session, &wants, target.alone, scratch.path())?;
        drop(session);
        let repository = Repository::open(scratch.path())?;
        let resolved = self.choose(&repository, reference, &target)?;
        let mut listing = Listing::default();
        repository.list(&resolved.commit, ("", 0), selection, budget, &mut listing)?;
        let mut snapshot = Snapshot {
            entries: listing.files,
            links: listing.links,
            repositories: vec![repository],
            scratch: vec![scratch],
            file_limit: selection.file_bytes,
        };
        if selection.submodules && !listing.submodules.is_empty() {
            let found = submodules::Found { links: listing.submodules, modules: listing.modules };
            submodules::add(self, &guard, (selection, budget), &found, &mut snapshot)?;
        }
        snapshot.sort();
        selection.check(&snapshot)?;
        Ok((resolved, snapshot))
    }

    /// What to ask the server for.
    fn target(&self, session: &mut Session, reference: &Reference) -> Result<Target, GitError> {
        match reference.wanted() {
            Wanted::Named { full, shown } => {
                let refs = self.list(session, &[&full])?;
                let Some(found) = refs.into_iter().find(|found| found.name == full) else {
                    return Err(self.missing(session, &full));
                };
                Ok(Target { candidates: vec![candidate(Some(shown), &found)], alone: true })
            }
            Wanted::Newest { range } => {
                let prefix = "refs/tags/";
                let refs = self.list(session, &[prefix])?;
                let tags = refs.iter().filter_map(|found| Some(Tag(found.name.strip_prefix(prefix)?, found)));
                let best = newest(&range, tags)?;
                let candidates =
                    best.iter().map(|Tag(name, found)| candidate(Some((*name).to_owned()), found)).collect();
                Ok(Target { candidates, alone: true })
            }
            Wanted::Commit { id, branch, shown } => {
                let commit = commit_id(&id, branch.as_deref())?;
                let full = branch.as_ref().map(|branch| format!("refs/heads/{branch}"));
                let prefixes = full.as_ref().map_or(vec!["refs/heads/"], |full| vec![full.as_str()]);
                let mut refs = self.list(session, &prefixes)?;
                if let Some(full) = &full {
                    refs.retain(|found| found.name == *full);
                    if refs.is_empty() {
                        return Err(self.missing(session, full));
                    }
                }
                if refs.is_empty() {
                    return Err(GitError::Empty);
                }
                let is_tip = refs.iter().any(|found| found.commit == commit);
                // Whether a reference leads to it can only be seen with the history.
                let tips = refs.iter().filter(|found| !is_tip || found.commit == commit);
                let mut candidates: Vec<Candidate> =
                    tips.map(|found| Candidate { shown: shown.clone(), want: found.commit, commit }).collect();
                candidates.sort_by_key(|candidate| candidate.want);
                candidates.dedup_by_key(|candidate| candidate.want);
                Ok(Target { candidates, alone: is_tip })
            }
        }
    }

    /// Which of the commits that came is the one.
    fn choose(&self, repository: &Repository, reference: &Reference, target: &Target) -> Result<Resolved, GitError> {
        if let Wanted::Commit { id, branch, shown } = reference.wanted() {
            let commit = commit_id(&id, branch.as_deref())?;
            let summary =
                repository.summary(commit).map_err(|_| GitError::NoCommit { commit: id, branch: branch.clone() })?;
            return Ok(Resolved::new(shown.as_deref(), commit, summary));
        }
        let mut latest: Option<(i64, &Candidate)> = None;
        for candidate in &target.candidates {
            let time = repository.committed(candidate.commit)?;
            let newer = |(best, other): (i64, &Candidate)| (time, &candidate.shown) > (best, &other.shown);
            if latest.is_none_or(newer) {
                latest = Some((time, candidate));
            }
        }
        let (_, candidate) = latest.ok_or(GitError::Empty)?;
        Ok(Resolved::new(candidate.shown.as_deref(), candidate.commit, repository.summary(candidate.commit)?))
    }

    fn guard(&self) -> Arc<Guard> {
        Arc::new(Guard::new(self.stop.clone(), self.limits))
    }

    fn session(&self, guard: &Arc<Guard>) -> Result<Session, GitError> {
        let transport = self.transport(guard)?;
        Session::open(transport, guard.clone(), self.limits, self.stop.clone(), |error| self.failed(error))
    }

    fn transport(&self, guard: &Arc<Guard>) -> Result<Box<dyn Transport + Send>, GitError> {
        match self.url.starts_with("ssh://") {
            true => Ok(Box::new(ssh::connect(&self.url, &self.access, guard.clone())?)),
            false => Ok(Box::new(http::connect(&self.url, &self.access, guard.clone())?)),
        }
    }

    fn list(&self, session: &mut Session, prefixes: &[&str]) -> Result<Vec<Advertised>, GitError> {
        session.list(prefixes).map_err(|error| self.told(session, &error))
    }

    fn receive(&self, session: &mut Session, wants: &[ObjectId], alone: bool, into: &Path) -> Result<(), GitError> {
        session.receive(wants, alone, into).map_err(|error| self.told(session, &error))
    }

    /// What stopped an exchange on our side is told rather than what became of it on the way.
    fn told(&self, session: &Session, error: &gix::Error) -> GitError {
        session.failure().unwrap_or_else(|| match crate::error::with_causes(error).contains(NOT_ALLOCATED) {
            true => GitError::LargeObject { limit: self.limits.file_bytes },
            false => self.failed(error),
        })
    }

    fn missing(&self, session: &mut Session, full: &str) -> GitError {
        // Only to say more: that it cannot be had is no error of its own.
        match session.list(&["refs/heads/", "refs/tags/"]) {
            Ok(refs) if refs.is_empty() => GitError::Empty,
            Ok(refs) => {
                let mut known: Vec<String> = refs.into_iter().map(|found| found.name).collect();
                known.sort();
                known.truncate(SHOWN);
                GitError::NoReference { name: full.to_owned(), known }
            }
            Err(_) => GitError::NoReference { name: full.to_owned(), known: Vec::new() },
        }
    }

    fn failed(&self, error: &gix::Error) -> GitError {
        let message = crate::error::with_causes(error);
        // Libraries quote the URL, which may hold a password.
        let message = message.replace(&self.url, &redact_url(&self.url));
        GitError::Remote { url: redact_url(&self.url), message }
    }
}

/// A tag's short name, and where it leads.
struct Tag<'a>(&'a str, &'a Advertised);

impl AsRef<str> for Tag<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

fn candidate(shown: Option<String>, found: &Advertised) -> Candidate {
    Candidate { shown, want: found.id, commit: found.commit }
}

fn commit_id(id: &str, branch: Option<&str>) -> Result<ObjectId, GitError> {
    ObjectId::from_hex(id.as_bytes())
        .map_err(|_| GitError::NoCommit { commit: id.to_owned(), branch: branch.map(str::to_owned) })
}

fn scratch() -> Result<TempDir, GitError> {
    let failed = |error: &dyn std::fmt::Display| GitError::Scratch(error.to_string());
    let dir = tempfile::Builder::new().prefix("weir-git-").tempdir().map_err(|error| failed(&error))?;
    // An empty repository that sees no configuration but ours.
    let options = gix::open::Options::isolated();
    gix::ThreadSafeRepository::init_opts(dir.path(), gix::create::Kind::Bare, gix::create::Options::default(), options)
        .map_err(|error| failed(&error))?;
    Ok(dir)
}
