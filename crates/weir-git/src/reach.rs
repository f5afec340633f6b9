//! Which addresses may be spoken to.

use crate::GitError;
use crate::hosts::is_metadata;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use weir_base::redact_url;

/// Where a URL that a stranger wrote may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the URL is the user's own, or an administrator's.
    #[default]
    Anywhere,
    /// Not to this machine and not to what only it sees: loopback, link-local and metadata addresses.
    Outside,
}

impl Reach {
    /// Whether a host may be named; one that is a name is looked at again when it is resolved.
    pub(crate) fn check(self, url: &Url) -> Result<(), GitError> {
        let host = url.host_str().unwrap_or_default();
        if self == Reach::Anywhere || !is_inside(host) {
            return Ok(());
        }
        Err(GitError::Inside { url: redact_url(url.as_str()) })
    }

    /// The addresses of a host that may be used.
    pub(crate) async fn resolve(self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let is_allowed = |found: &SocketAddr| self == Reach::Anywhere || !is_inside_address(found.ip());
        match found.iter().all(is_allowed) {
            true => Ok(found),
            false => Err(std::io::Error::other(format!("{host} {INSIDE}"))),
        }
    }
}

pub(crate) const INSIDE: &str = "leads to a loopback, link-local or metadata address, which is not allowed here";

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

fn is_inside(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let is_local = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_local || is_metadata(host) || host.parse().is_ok_and(is_inside_address)
}

fn is_inside_address(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        v4 => v4,
    };
    address.is_loopback() || address.is_unspecified() || address.is_multicast() || is_metadata(&address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_known_by_name_and_address() {
        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "169.254.169.254",
            "[fe80::1]",
            "localhost",
            "a.localhost.",
            "metadata.google.internal",
        ] {
            let url = Url::parse(&format!("https://user:hunter2@{host}/x")).expect("a URL");
            let error = Reach::Outside.check(&url).expect_err(host).to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(Reach::Anywhere.check(&url), Ok(()), "{host}");
        }
        for host in ["10.0.0.1", "192.168.1.1", "example.com", "[fd00::1]", "8.8.8.8"] {
            let url = Url::parse(&format!("https://{host}/x")).expect("a URL");
            assert_eq!(Reach::Outside.check(&url), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_leads_inside_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let refused = runtime.block_on(Reach::Outside.resolve("localhost", 80)).expect_err("inside");
        assert!(refused.to_string().contains("loopback"), "{refused}");
        assert!(runtime.block_on(Reach::Anywhere.resolve("localhost", 80)).is_ok());
    }
}
