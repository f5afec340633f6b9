use crate::reference::{Wanted, newest};
use crate::{Entry, GitError, Reference, Resolved, Selection, Snapshot};
use gix::objs::tree::EntryKind;
use std::path::{Path, PathBuf};
use weir_base::Budget;

/// Whether a folder is the root of a working tree or a bare repository.
pub fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || (path.join("HEAD").is_file() && path.join("objects").is_dir())
}

/// A repository on the local disk. Its calls block; run them off the async threads.
pub struct Repository {
    inner: gix::Repository,
    path: PathBuf,
}

impl Repository {
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let failed = |message: String| GitError::Open { path: path.display().to_string(), message };
        // Isolated: neither the user's nor the system's configuration can add a filter or a helper.
        let options = gix::open::Options::isolated().open_path_as_is(false);
        let inner = gix::open_opts(path, options).map_err(|error| failed(error.to_string()))?;
        Ok(Self { inner, path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The branch that HEAD names.
    pub fn head_branch(&self) -> Option<String> {
        let name = self.inner.head_name().ok()??;
        Some(name.shorten().to_string())
    }

    /// The URL of the remote `origin`, when there is one.
    pub fn origin_url(&self) -> Option<String> {
        self.inner.config_snapshot().string("remote.origin.url").map(|url| url.to_string())
    }

    /// The commit that a reference names now.
    pub fn resolve(&self, reference: &Reference) -> Result<Resolved, GitError> {
        match reference.wanted() {
            Wanted::Commit { id, branch, shown } => {
                let commit = self.commit(&id, branch.as_deref())?;
                Ok(resolved(&commit, shown.as_deref()))
            }
            Wanted::Named { full, shown } => Ok(resolved(&self.peel(&full)?, Some(&shown))),
            Wanted::Newest { range } => {
                let tags: Vec<String> = self.names("refs/tags/");
                let mut found = Vec::new();
                for tag in newest(&range, tags)? {
                    let commit = self.peel(&format!("refs/tags/{tag}"))?;
                    found.push((committed(&commit)?, tag, commit));
                }
                let latest = found.iter().max_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
                let (_, tag, commit) = latest.ok_or(GitError::NoMatch { range, tags: 0 })?;
                Ok(resolved(commit, Some(tag)))
            }
        }
    }

    fn commit(&self, id: &str, branch: Option<&str>) -> Result<gix::Commit<'_>, GitError> {
        let missing = || GitError::NoCommit { commit: id.to_owned(), branch: branch.map(str::to_owned) };
        let parsed = gix::ObjectId::from_hex(id.as_bytes()).map_err(|_| missing())?;
        let commit = self.inner.find_commit(parsed).map_err(|_| missing())?;
        if let Some(branch) = branch {
            let tip = self.peel(&format!("refs/heads/{branch}"))?;
            let mut walk = tip.ancestors().all().map_err(|error| unreadable(tip.id, &error))?;
            if !walk.any(|info| info.is_ok_and(|info| info.id == parsed)) {
                return Err(missing());
            }
        }
        Ok(commit)
    }

    fn peel(&self, full: &str) -> Result<gix::Commit<'_>, GitError> {
        let found = self.inner.try_find_reference(full).ok().flatten();
        let Some(mut reference) = found else { return Err(self.no_reference(full)) };
        let id = reference
            .peel_to_id()
            .map_err(|error| GitError::Object { id: full.to_owned(), message: error.to_string() })?;
        let id = id.detach();
        self.inner.find_commit(id).map_err(|error| unreadable(id, &error))
    }

    fn no_reference(&self, full: &str) -> GitError {
        let named = |prefix: &'static str| self.names(prefix).into_iter().map(move |name| format!("{prefix}{name}"));
        let mut known: Vec<String> = named("refs/heads/").chain(named("refs/tags/")).collect();
        if known.is_empty() {
            return GitError::Empty;
        }
        known.sort();
        known.truncate(10);
        GitError::NoReference { name: full.to_owned(), known }
    }

    /// What follows a prefix in the names of the references.
    fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.inner.references().ok().and_then(|platform| {
            let all = platform.all().ok()?;
            Some(all.filter_map(Result::ok).map(|found| found.name().as_bstr().to_string()).collect())
        });
        let names: Vec<String> = names.unwrap_or_default();
        names.iter().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    /// The files of a commit that a selection takes.
    pub fn snapshot(self, commit: &str, selection: &Selection, budget: &Budget) -> Result<Snapshot, GitError> {
        let mut listing = Listing::default();
        self.list(commit, ("", 0), selection, budget, &mut listing)?;
        let mut snapshot = Snapshot {
            entries: listing.files,
            links: listing.links,
            repositories: vec![self],
            scratch: Vec::new(),
            file_limit: selection.file_bytes,
        };
        snapshot.sort();
        selection.check(&snapshot)?;
        Ok(snapshot)
    }

    /// Adds the files of a commit below a folder of the snapshot, as those of its `at`th repository.
    pub(crate) fn list(
        &self,
        commit: &str,
        (prefix, at): (&str, usize),
        selection: &Selection,
        budget: &Budget,
        out: &mut Listing,
    ) -> Result<(), GitError> {
        let id = gix::ObjectId::from_hex(commit.as_bytes())
            .map_err(|_| GitError::NoCommit { commit: commit.to_owned(), branch: None })?;
        let commit = self.inner.find_commit(id).map_err(|error| unreadable(id, &error))?;
        let root = commit.tree().map_err(|error| unreadable(id, &error))?;
        let modules = root.iter().filter_map(Result::ok).find(|entry| entry.filename() == ".gitmodules");
        if let Some(modules) = modules.filter(|entry| selection.submodules && entry.mode().is_blob()) {
            let size = self.inner.find_header(modules.object_id()).map_err(|error| unreadable(id, &error))?.size();
            budget.take_bytes(size)?;
            if size > selection.file_bytes {
                return Err(GitError::LargeFile {
                    path: format!("{prefix}.gitmodules"),
                    size,
                    limit: selection.file_bytes,
                });
            }
            out.modules = self.blob(modules.object_id())?;
        }
        self.walk(&root, prefix, at, (selection, budget), out)
    }

    fn walk(
        &self,
        from: &gix::Tree<'_>,
        prefix: &str,
        at: usize,
        (selection, budget): (&Selection, &Budget),
        out: &mut Listing,
    ) -> Result<(), GitError> {
        for entry in from.iter() {
            let entry = entry.map_err(|error| unreadable(from.id, &error))?;
            let name = entry.filename();
            let path = format!("{prefix}{name}");
            let name = std::str::from_utf8(name).map_err(|_| GitError::NotUnicode { path: path.clone() })?;
            if is_unsafe(name) {
                return Err(GitError::UnsafePath { path });
            }
            budget.spend(1)?;
            let id = entry.object_id();
            match entry.mode().kind() {
                EntryKind::Tree => {
                    let below = self.inner.find_tree(id).map_err(|error| unreadable(id, &error))?;
                    self.walk(&below, &format!("{path}/"), at, (selection, &budget.deeper()?), out)?;
                }
                kind @ (EntryKind::Blob | EntryKind::BlobExecutable) => {
                    if !selection.takes(&path) {
                        continue;
                    }
                    let size = self.inner.find_header(id).map_err(|error| unreadable(id, &error))?.size();
                    budget.take_bytes(size)?;
                    let is_executable = kind == EntryKind::BlobExecutable;
                    out.files.push(Entry { path, size, is_executable, id, repository: at });
                }
                EntryKind::Commit if selection.takes(&path) => out.submodules.push((path, id.to_string())),
                EntryKind::Link if selection.takes(&path) => {
                    let size = self.inner.find_header(id).map_err(|error| unreadable(id, &error))?.size();
                    out.links.push(Entry { path, size, is_executable: false, id, repository: at });
                }
                EntryKind::Link | EntryKind::Commit => {}
            }
        }
        Ok(())
    }

    /// The content of a file.
    pub(crate) fn blob(&self, id: gix::ObjectId) -> Result<Vec<u8>, GitError> {
        let mut blob = self.inner.find_blob(id).map_err(|error| unreadable(id, &error))?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// First line of a commit's message.
    pub(crate) fn summary(&self, id: gix::ObjectId) -> Result<String, GitError> {
        let commit = self.inner.find_commit(id).map_err(|error| unreadable(id, &error))?;
        Ok(summary(&commit))
    }

    /// When a commit was made, in seconds since 1970.
    pub(crate) fn committed(&self, id: gix::ObjectId) -> Result<i64, GitError> {
        committed(&self.inner.find_commit(id).map_err(|error| unreadable(id, &error))?)
    }
}

/// What a walk found.
#[derive(Default)]
pub(crate) struct Listing {
    pub files: Vec<Entry>,
    pub links: Vec<Entry>,
    /// Paths and commits of submodules.
    pub submodules: Vec<(String, String)>,
    /// The repository's `.gitmodules`.
    pub modules: Vec<u8>,
}

fn resolved(commit: &gix::Commit<'_>, shown: Option<&str>) -> Resolved {
    Resolved::new(shown, commit.id, summary(commit))
}

/// First line of the message.
fn summary(commit: &gix::Commit<'_>) -> String {
    commit.message_raw_sloppy().to_string().lines().next().unwrap_or_default().to_owned()
}

fn committed(commit: &gix::Commit<'_>) -> Result<i64, GitError> {
    commit.time().map(|time| time.seconds).map_err(|error| unreadable(commit.id, &error))
}

/// Names that git itself refuses to check out.
fn is_unsafe(name: &str) -> bool {
    name.is_empty() || name == "." || name == ".." || name.contains('/') || name.eq_ignore_ascii_case(".git")
}

fn unreadable(id: gix::ObjectId, error: &dyn std::fmt::Display) -> GitError {
    GitError::Object { id: id.to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use weir_base::Diagnose;

    /// A repository made by the real git.
    fn repository(script: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let setup = "set -e; git init -q -b main .; git config user.name a; git config user.email a@b.c; ";
        let status = Command::new("sh")
            .args(["-c", &format!("{setup}{script}")])
            .current_dir(dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .expect("git is installed");
        assert!(status.success());
        dir
    }

    fn by(branch: Option<&str>, tag: Option<&str>) -> Reference {
        Reference { branch: branch.map(str::to_owned), tag: tag.map(str::to_owned), ..Reference::default() }
    }

    fn nowhere(link: &str) -> Option<(&str, weir_base::tree::Link)> {
        Some((link, weir_base::tree::Link::Nowhere))
    }

    #[test]
    fn resolves_and_checks_out() {
        let dir = repository(
            "mkdir -p a/b; echo 1 > a/b/f; echo 2 > run; chmod +x run; ln -s run link; ln -s ../a/b a/to-b; ln -s ../.. a/out; ln -s /etc/hosts host; git add .; \
             git commit -qm 'first line\n\nbody'; git tag -a v1 -m tag; echo 3 > new; git add .; git commit -qm second",
        );
        let repo = Repository::open(dir.path()).expect("opens");
        assert_eq!(repo.head_branch().as_deref(), Some("main"));
        let tagged = repo.resolve(&by(None, Some("v1"))).expect("tag");
        assert_eq!(tagged.summary, "first line");
        assert_eq!(tagged.revision, format!("v1@sha1:{}", tagged.commit));
        let again = Repository::open(dir.path()).expect("opens");
        let snapshot = again.snapshot(&tagged.commit, &Selection::default(), &Budget::standard()).expect("files");
        let tree = snapshot.tree().expect("tree");
        let paths: Vec<&str> = tree.iter().map(|(path, _)| &**path).collect();
        assert_eq!(paths, ["a/b/f", "run"]);
        assert!(tree.is_executable("run") && !tree.is_executable("a/b/f"));
        assert_eq!(tree.resolved("link"), "link");
        let tree = snapshot.tree_with_links().expect("tree");
        assert_eq!((tree.resolved("link"), tree.resolved("a/to-b/f"), tree.len()), ("run".into(), "a/b/f".into(), 2));
        assert_eq!((tree.link_on("a/out/x"), tree.link_on("host")), (nowhere("a/out"), nowhere("host")));
        let head = repo.resolve(&by(Some("main"), None)).expect("branch");
        assert_ne!(head.commit, tagged.commit);
        let pinned = Reference { commit: Some(tagged.commit.clone()), ..by(Some("main"), None) };
        let expect = format!("main@sha1:{}", tagged.commit);
        assert_eq!(repo.resolve(&pinned).map(|r| r.revision).expect("an ancestor"), expect);
    }

    #[test]
    fn says_what_is_missing() {
        let dir = repository("echo 1 > f; git add .; git commit -qm one");
        let repo = Repository::open(dir.path()).expect("opens");
        let error = repo.resolve(&Reference::default()).expect_err("no master");
        assert_eq!(
            error.report().to_string(),
            "couldn't find remote ref \"refs/heads/master\" (the repository has refs/heads/main)"
        );
        let empty = repository(":");
        let error = Repository::open(empty.path()).and_then(|r| r.resolve(&Reference::default())).expect_err("empty");
        assert_eq!(error.reason(), "EmptyGitRepository");
        assert!(Repository::open(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_tree_with_a_git_folder_is_refused() {
        let dir = repository(
            "blob=$(echo x | git hash-object -w --stdin); \
             inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree); \
             tree=$(printf '040000 tree %s\\t.GIT\\n' $inner | git mktree --missing); \
             git update-ref refs/heads/main $(git commit-tree $tree -m evil)",
        );
        let repo = Repository::open(dir.path()).expect("opens");
        let head = repo.resolve(&by(Some("main"), None)).expect("resolves");
        let taken = repo.snapshot(&head.commit, &Selection::default(), &Budget::standard());
        let error = taken.map(drop).expect_err("unsafe");
        assert!(matches!(error, GitError::UnsafePath { path } if path == ".GIT"));
    }

    #[test]
    fn a_checkout_is_bounded() {
        let dir = repository("head -c 100000 /dev/zero > big; git add .; git commit -qm one");
        let repo = Repository::open(dir.path()).expect("opens");
        let head = repo.resolve(&by(Some("main"), None)).expect("resolves");
        let taken = repo.snapshot(&head.commit, &Selection::default(), &Budget::new(1000, 50_000));
        let error = taken.map(drop).expect_err("too large");
        assert_eq!(error.to_string(), "the checkout stopped: the work needed more than 50000 bytes");
    }
}
