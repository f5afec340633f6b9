use crate::{Local, Locals};
use std::time::Duration;
use weir_api::object::DEFAULT_SOURCE_TIMEOUT;
use weir_api::source::{GitProvider, GitRepositoryInclude, GitRepositoryRef, GitRepositorySpec};
use weir_api::{FluxObject, GitRepository};
use weir_base::Diagnose;
use weir_git::{GitError, Hosts, Reference, Selection};
use weir_runtime::Failure;

/// What is to be fetched; made from the spec alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub place: Place,
    pub reference: Reference,
    pub selection: Selection,
    pub ignore: Option<String>,
    pub includes: Vec<GitRepositoryInclude>,
    /// Names of the Secrets, in the object's own namespace, with credentials and with a proxy.
    pub secret: Option<String>,
    pub proxy_secret: Option<String>,
    /// Limit of one operation over the network.
    pub timeout: Duration,
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Local(Local),
    /// An http, https or ssh URL.
    Network(String),
}

impl Plan {
    /// Whether the URL is on a host that may be fetched from. What is no URL is told of by whoever fetches it.
    pub fn check(&self, hosts: &Hosts) -> Result<(), Failure> {
        let Place::Network(url) = &self.place else { return Ok(()) };
        match hosts.check(url) {
            Err(error @ GitError::Host { .. }) => {
                let report = error.report();
                Err(Failure::stalled(report.reason, format!("spec.url: {report}")))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn plan(object: &GitRepository, locals: &Locals) -> Result<Plan, Failure> {
    // Without `..`: a new field has to be thought about here.
    let GitRepositorySpec {
        url,
        secret_ref,
        provider,
        service_account_name,
        proxy_secret_ref,
        interval: _,
        timeout: _,
        suspend: _,
        reference,
        verify,
        ignore,
        recurse_submodules,
        include,
        sparse_checkout,
    } = &object.spec;
    let local = locals.get(url);
    let missing = [
        (verify.is_some(), "spec.verify"),
        (
            *recurse_submodules && matches!(local, Some(Local::Repository(_))),
            "spec.recurseSubmodules of a repository on the local disk",
        ),
        // A local source needs no cloud identity.
        (local.is_none() && service_account_name.is_some(), "spec.serviceAccountName"),
        (local.is_none() && provider.is_some_and(|p| p != GitProvider::Generic), "spec.provider"),
    ];
    if let Some((_, what)) = missing.iter().find(|(is_asked, _)| *is_asked) {
        return Err(Failure::not_implemented(what));
    }
    Ok(Plan {
        place: local.map_or_else(|| Place::Network(url.clone()), |local| Place::Local(local.clone())),
        reference: reference.as_ref().map_or_else(Reference::default, reference_of),
        selection: Selection {
            sparse: sparse_checkout.clone(),
            submodules: *recurse_submodules,
            ..Selection::default()
        },
        ignore: ignore.clone(),
        includes: include.clone(),
        // A local source needs neither credentials nor a way through the network.
        secret: secret_ref.as_ref().filter(|_| local.is_none()).map(|reference| reference.name.clone()),
        proxy_secret: proxy_secret_ref.as_ref().filter(|_| local.is_none()).map(|reference| reference.name.clone()),
        timeout: object.timeout().unwrap_or(DEFAULT_SOURCE_TIMEOUT),
    })
}

/// Why an object that is fetched over the network would be Stalled, by its spec alone.
pub fn refusal(object: &GitRepository) -> Option<String> {
    plan(object, &Locals::default()).err().map(|failure| failure.message().to_owned())
}

fn reference_of(reference: &GitRepositoryRef) -> Reference {
    let GitRepositoryRef { branch, tag, semver, name, commit } = reference.clone();
    // What is empty says nothing, as in Flux.
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Reference {
        branch: given(branch),
        tag: given(tag),
        semver: given(semver),
        name: given(name),
        commit: given(commit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &str) -> GitRepository {
        let text = format!(r#"{{"metadata":{{"name":"a","namespace":"b"}},"spec":{spec}}}"#);
        serde_json::from_str(&text).expect("a GitRepository")
    }

    #[test]
    fn what_cannot_be_done_yet_is_said() {
        let mut locals = Locals::default();
        locals.insert("https://example.com/a", Local::Folder("/a".into()));
        locals.insert("https://example.com/c", Local::Repository("/c".into()));
        let cases = [
            (r#"{"url":"https://example.com/b","provider":"github"}"#, "spec.provider"),
            (
                r#"{"url":"https://example.com/c","recurseSubmodules":true}"#,
                "spec.recurseSubmodules of a repository on the local disk",
            ),
            (r#"{"url":"https://example.com/a","verify":{"secretRef":{"name":"k"}}}"#, "spec.verify"),
        ];
        for (spec, what) in cases {
            let message = format!("{what} is not implemented in this version of weir");
            let expect = Failure::Stalled { reason: "NotImplemented", message };
            assert_eq!(plan(&object(spec), &locals), Err(expect), "{spec}");
        }
    }

    #[test]
    fn a_host_that_is_not_allowed_is_refused_by_the_spec_alone() {
        let mut locals = Locals::default();
        locals.insert("https://example.com/a", Local::Folder("/a".into()));
        let hosts = "git.example.com,*.corp.example".parse().expect("a list");
        let check = |url: &str, hosts: &Hosts| {
            plan(&object(&format!(r#"{{"url":"{url}"}}"#)), &locals).expect("a plan").check(hosts)
        };
        for url in [
            "https://git.example.com/b",
            "ssh://git@a.corp.example:7999/b",
            // This one is a folder of the operator's.
            "https://example.com/a",
        ] {
            assert_eq!(check(url, &hosts), Ok(()), "{url}");
        }
        for (url, host) in [
            ("https://me:pw@example.com/b", "example.com"),
            ("https://git.example.com.evil.example/b", "git.example.com.evil.example"),
            ("ssh://git@corp.example/b", "corp.example"),
        ] {
            let message = format!(
                "spec.url: the host '{host}' is not among those that this controller may fetch from (the list is the \
                 administrator's: ask for the host to be added to it)"
            );
            assert_eq!(check(url, &hosts), Err(Failure::stalled("AccessDenied", message)), "{url}");
            assert_eq!(check(url, &Hosts::default()), Ok(()), "without a list every host is allowed");
        }
    }

    #[test]
    fn local_sources_need_no_credentials() {
        let mut locals = Locals::default();
        locals.insert("ssh://git@example.com/a", Local::Folder("/a".into()));
        let spec = r#"{"url":"ssh://git@example.com/a.git","ref":{"branch":"main"},"secretRef":{"name":"k"}}"#;
        let local = plan(&object(spec), &locals).expect("ok");
        assert_eq!(local.place, Place::Local(Local::Folder("/a".into())));
        assert_eq!(local.reference.branch.as_deref(), Some("main"));
        assert_eq!(local.secret, None);
        let network = plan(&object(r#"{"url":"https://example.com/b"}"#), &locals).expect("ok");
        assert_eq!(network.place, Place::Network("https://example.com/b".to_owned()));
    }
}
