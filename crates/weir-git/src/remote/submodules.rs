//! Submodules: where `.gitmodules` says they are, fetched to the commit that the tree names.
//!
//! Credentials are shown to the host of the repository's own URL only; an ssh identity to any host
//! in its known_hosts, since it shows nothing of itself.

use super::{Remote, scratch};
use crate::hosts;
use crate::limits::Guard;
use crate::local::Listing;
use crate::{Access, GitError, Repository, Selection, Snapshot};
use gix::ObjectId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use weir_base::tree::join;
use weir_base::{Budget, redact_url};

/// Levels of submodules in submodules, as in Flux.
const DEPTH: usize = 10;

/// What a repository says of its submodules.
pub(super) struct Found {
    /// Paths in the snapshot, and commits.
    pub links: Vec<(String, String)>,
    /// Its `.gitmodules`.
    pub modules: Vec<u8>,
}

/// Adds the files of the submodules, and of theirs.
pub(super) fn add(
    remote: &Remote,
    guard: &Arc<Guard>,
    (selection, budget): (&Selection, &Budget),
    found: &Found,
    snapshot: &mut Snapshot,
) -> Result<(), GitError> {
    let whole = Selection { sparse: Vec::new(), ..selection.clone() };
    add_level(remote, guard, (&whole, budget), ("", found), snapshot, DEPTH)
}

fn add_level(
    remote: &Remote,
    guard: &Arc<Guard>,
    (selection, budget): (&Selection, &Budget),
    (prefix, found): (&str, &Found),
    snapshot: &mut Snapshot,
    depth: usize,
) -> Result<(), GitError> {
    if depth == 0 {
        return Err(GitError::SubmoduleDepth { limit: DEPTH });
    }
    let urls = urls(prefix, &found.modules)?;
    for (path, commit) in &found.links {
        // As in git, a link without an entry is an empty folder.
        let Some(url) = urls.get(path.strip_prefix(prefix).unwrap_or(path)) else { continue };
        let within = |error| match error {
            error @ (GitError::SubmoduleDepth { .. } | GitError::InSubmodule { .. } | GitError::Submodule { .. }) => {
                error
            }
            error => GitError::InSubmodule { path: path.clone(), error: Box::new(error) },
        };
        let refused = |why| GitError::Submodule { path: path.clone(), url: redact_url(url), why };
        let url = resolve(&remote.url, url).map_err(refused)?;
        let access = access(&remote.url, &url, &remote.access);
        let module = Remote { access, url, limits: remote.limits, stop: remote.stop.clone() };
        budget.spend(1)?;
        let scratch = scratch().map_err(within)?;
        bring(&module, guard, commit, scratch.path()).map_err(within)?;
        let repository = Repository::open(scratch.path()).map_err(within)?;
        let mut listing = Listing::default();
        let below = format!("{path}/");
        let at = snapshot.repositories.len();
        repository.list(commit, (&below, at), selection, budget, &mut listing).map_err(within)?;
        snapshot.entries.extend(listing.files);
        snapshot.links.extend(listing.links);
        snapshot.repositories.push(repository);
        snapshot.scratch.push(scratch);
        if !listing.submodules.is_empty() {
            let deeper = Found { links: listing.submodules, modules: listing.modules };
            add_level(&module, guard, (selection, budget), (&below, &deeper), snapshot, depth - 1)?;
        }
    }
    Ok(())
}

/// The commit alone, or, from a server that gives no commit by its id, all branches and tags.
fn bring(module: &Remote, guard: &Arc<Guard>, commit: &str, into: &Path) -> Result<(), GitError> {
    let id = super::commit_id(commit, None)?;
    let mut session = module.session(guard)?;
    match module.receive(&mut session, &[id], true, into) {
        Err(GitError::Remote { .. }) => {}
        done => return done,
    }
    let mut session = module.session(guard)?;
    let refs = module.list(&mut session, &["refs/heads/", "refs/tags/"])?;
    let mut wants: Vec<ObjectId> = refs.into_iter().map(|found| found.commit).collect();
    wants.sort();
    wants.dedup();
    if wants.is_empty() {
        return Err(GitError::Empty);
    }
    module.receive(&mut session, &wants, false, into)
}

/// The URLs that a `.gitmodules` gives to paths in its repository.
fn urls(prefix: &str, text: &[u8]) -> Result<BTreeMap<String, String>, GitError> {
    let metadata = gix::config::file::Metadata::api();
    let file =
        gix::config::File::from_bytes_no_includes(text, metadata, gix::config::file::init::Options::default())
            .map_err(|error| GitError::Modules { path: format!("{prefix}.gitmodules"), message: error.to_string() })?;
    let mut urls = BTreeMap::new();
    for section in file.sections_by_name("submodule").into_iter().flatten() {
        let value = |key: &str| section.value(key).map(|value| value.to_string());
        if let (Some(path), Some(url)) = (value("path"), value("url")) {
            urls.insert(path.trim_matches('/').to_owned(), url);
        }
    }
    Ok(urls)
}

/// The URL of a submodule as seen from its parent's. Only what a GitRepository may name itself.
fn resolve(parent: &str, url: &str) -> Result<String, &'static str> {
    let is_helper = url.split_once("::").is_some_and(|(helper, _)| helper.bytes().all(|b| b.is_ascii_alphanumeric()));
    if is_helper {
        return Err("only http, https and ssh URLs are fetched");
    }
    let url = if url.starts_with("./") || url.starts_with("../") {
        relative(parent, url).ok_or("it leads out of the server")?
    } else {
        match (url.contains("://"), url.split_once(':')) {
            (true, _) => url.to_owned(),
            // The scp form.
            (false, Some((host, path))) if !host.contains('/') && !host.is_empty() => {
                format!("ssh://{host}/{}", path.trim_start_matches('/'))
            }
            _ => return Err("a path on this machine is not read"),
        }
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    if !matches!(scheme, "http" | "https" | "ssh") {
        return Err("only http, https and ssh URLs are fetched");
    }
    if weir_net::is_metadata(hosts::host_of(rest)) && hosts::authority(&url) != hosts::authority(parent) {
        return Err("the address is for metadata services");
    }
    if parent.starts_with("https://") && scheme == "http" {
        return Err("it would leave https");
    }
    Ok(url)
}

fn relative(parent: &str, url: &str) -> Option<String> {
    let (scheme, rest) = parent.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some(format!("{scheme}://{host}/{}", join(path, url).ok()?))
}

/// What a submodule's server may be shown.
fn access(parent: &str, url: &str, access: &Access) -> Access {
    let is_same = hosts::authority(parent).is_some() && hosts::authority(parent) == hosts::authority(url);
    Access {
        login: access.login.clone().filter(|_| is_same),
        certificate: access.certificate.clone().filter(|_| is_same),
        ..access.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_seen_from_the_parent() {
        let parent = "https://git.example/team/fleet.git";
        let cases = [
            ("../lib.git", Ok("https://git.example/team/lib.git")),
            ("../../other/lib", Ok("https://git.example/other/lib")),
            ("./sub", Ok("https://git.example/team/fleet.git/sub")),
            ("git@other.example:team/lib.git", Ok("ssh://git@other.example/team/lib.git")),
            ("https://other.example/lib", Ok("https://other.example/lib")),
            ("../../../../etc", Err("it leads out of the server")),
            ("/etc/passwd", Err("a path on this machine is not read")),
            ("file:///etc", Err("only http, https and ssh URLs are fetched")),
            ("ext::sh -c id", Err("only http, https and ssh URLs are fetched")),
            ("http://git.example/lib", Err("it would leave https")),
            ("https://169.254.169.254/latest", Err("the address is for metadata services")),
            ("https://me@[fe80::1]:443/latest", Err("the address is for metadata services")),
        ];
        for (url, expected) in cases {
            assert_eq!(resolve(parent, url).as_deref(), expected.as_ref().map(|url| *url), "{url}");
        }
    }

    #[test]
    fn only_the_own_host_is_shown_the_login() {
        let login = crate::Login::Bearer("t".to_owned().into());
        let all = Access { login: Some(login), authorities: Some(b"ca".to_vec().into()), ..Access::default() };
        assert_eq!(access("https://a.example/x", "https://me@a.example:443/y", &all), all);
        for other in ["https://b.example/y", "https://a.example:8443/y", "http://a.example/y", "ssh://a.example/y"] {
            let shown = access("https://a.example/x", other, &all);
            assert_eq!((shown.login, shown.authorities.is_some()), (None, true), "{other}");
        }
    }
}
