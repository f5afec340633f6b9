//! What may be spoken to, asked with the types of the HTTP client.

use crate::{Access, GitError, Hosts};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use weir_base::redact_url;
use weir_net::{Reach, percent_decoded};

/// Where a URL may lead, by what an administrator said. Each URL is looked at before anything is sent to its host.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    reach: Reach,
    hosts: Hosts,
}

impl Bounds {
    pub fn of(access: &Access) -> Self {
        Self { reach: access.reach, hosts: access.hosts.clone() }
    }

    /// As `check`, of where a server says that something is.
    pub fn check_redirect(&self, to: &Url) -> Result<(), GitError> {
        self.check(to).map_err(|error| match error {
            GitError::Host { .. } => GitError::RedirectHost { to: bare(to) },
            error => error,
        })
    }

    /// Whether the host of a URL may be named; one that is a name is looked at again when it is resolved.
    pub fn check(&self, url: &Url) -> Result<(), GitError> {
        let host = host_of(url).unwrap_or_default();
        if !self.hosts.allows(&host) {
            return Err(GitError::Host { host });
        }
        match self.reach.allows(&host) {
            true => Ok(()),
            false => Err(GitError::Inside { url: redact_url(url.as_str()) }),
        }
    }
}

pub(crate) fn parse(url: &str) -> Result<Url, GitError> {
    Url::parse(url).map_err(|error| GitError::url(url, &error.to_string()))
}

/// A URL for a message: without a login and what follows its path.
pub(crate) fn bare(url: &Url) -> String {
    let text = redact_url(url.as_str());
    text.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The host that is spoken to: without brackets, and, in an ssh URL, decoded.
pub(crate) fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']'))?;
    Some(percent_decoded(host)).filter(|host| !host.is_empty())
}

/// The resolver of a client that must not reach inside, so that no name can lead there either.
pub(crate) struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = Reach::Outside.resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_no_login() {
        let url = Url::parse("https://user:hunter2@[::1]/x").expect("a URL");
        let hosts = Hosts::default();
        let error = Bounds { reach: Reach::Outside, hosts: hosts.clone() }.check(&url).expect_err("inside").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(Bounds { reach: Reach::Anywhere, hosts }.check(&url), Ok(()));
        let hosts = "example.com".parse().expect("a list");
        let error = Bounds { reach: Reach::Anywhere, hosts }.check(&url).expect_err("another host").to_string();
        assert!(error.contains("'::1'") && !error.contains("hunter2"), "{error}");
    }
}
