//! The hosts that an operator binds repositories to.

use crate::GitError;
use crate::reach::{host_of, parse};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Hosts that may be spoken to: every one, or those that are named. Ports, users and paths are no part of it.
///
/// A name means this host alone, `*.DOMAIN` every host below the domain, at any depth, and not the domain itself. Names are
/// compared without regard to case and to a dot at their end, addresses by their value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Option<Arc<[Pattern]>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Name(String),
    Address(IpAddr),
    /// Begins with the dot.
    Below(String),
}

impl Hosts {
    /// Whether every host may be spoken to.
    pub fn is_any(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a host may be spoken to; an IPv6 address may stand in brackets.
    pub fn allows(&self, host: &str) -> bool {
        let Some(patterns) = &self.0 else { return true };
        let host = normal(host);
        let address: Option<IpAddr> = host.parse().ok();
        patterns.iter().any(|pattern| match pattern {
            Pattern::Name(name) => *name == host,
            Pattern::Address(allowed) => Some(*allowed) == address,
            // The numbers of an address are no domains.
            Pattern::Below(suffix) => {
                address.is_none() && host.strip_suffix(suffix.as_str()).is_some_and(|below| !below.is_empty())
            }
        })
    }

    /// Looks at the host of an http, https or ssh URL, as the transports read it.
    ///
    /// # Errors
    /// [`GitError::Host`]; [`GitError::Url`] where there is a list and the URL has no host.
    pub fn check(&self, url: &str) -> Result<(), GitError> {
        if self.is_any() {
            return Ok(());
        }
        let parsed = parse(url)?;
        match host_of(&parsed) {
            Some(host) if self.allows(&host) => Ok(()),
            Some(host) => Err(GitError::Host { host }),
            None => Err(GitError::url(url, "it names no host")),
        }
    }
}

impl FromStr for Hosts {
    type Err = String;

    /// Reads a comma list; an empty one is of every host.
    fn from_str(text: &str) -> Result<Self, String> {
        let patterns: Result<Vec<Pattern>, String> =
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(pattern).collect();
        patterns.map(|patterns| Self((!patterns.is_empty()).then(|| patterns.into())))
    }
}

/// As it can be read again.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, pattern) in self.0.iter().flat_map(|patterns| patterns.iter()).enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match pattern {
                Pattern::Name(name) => write!(f, "{comma}{name}")?,
                Pattern::Address(address) => write!(f, "{comma}{address}")?,
                Pattern::Below(suffix) => write!(f, "{comma}*{suffix}")?,
            }
        }
        Ok(())
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    let name = normal(text);
    if let Ok(address) = name.parse() {
        return Ok(Pattern::Address(address));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (below, domain) = name.strip_prefix("*.").map_or((false, name.as_str()), |domain| (true, domain));
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return Err(format!(
            "'{text}' is neither a host nor *.DOMAIN: write it without scheme, port and path, other alphabets as xn--"
        ));
    }
    Ok(if below { Pattern::Below(format!(".{domain}")) } else { Pattern::Name(domain.to_owned()) })
}

fn normal(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Hosts {
        text.parse().expect("a list")
    }

    #[test]
    fn a_name_is_one_host_and_a_star_is_what_is_below() {
        let some = hosts("Git.Example.com, *.corp.example,10.0.0.1,[fd00::1]");
        for host in
            ["git.example.com", "GIT.example.com.", "a.corp.example", "a.b.corp.example", "10.0.0.1", "fd00:0::1"]
        {
            assert!(some.allows(host), "{host}");
        }
        for host in [
            "example.com",
            "x.git.example.com",
            "git.example.com.evil.example",
            "evilgit.example.com",
            "corp.example",
            ".corp.example",
            "acorp.example",
            "10.0.0.10",
            "[fd00::2]",
            "",
        ] {
            assert!(!some.allows(host), "{host}");
        }
        assert_eq!(some.to_string(), "git.example.com,*.corp.example,10.0.0.1,fd00::1");
        assert!(hosts(" ").is_any() && hosts("").allows("any.example"));
        assert!(!hosts("*.0.0.1").allows("127.0.0.1"), "an address is below nothing");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "https://git.example.com",
            "git.example.com:443",
            "git.example.com/a",
            "*",
            "*.",
            "a.*.b",
            "b\u{fc}cher.example",
            "a..b",
            "-a",
        ] {
            let error = text.parse::<Hosts>().expect_err(text);
            assert!(error.starts_with(&format!("'{text}' is neither a host nor *.DOMAIN")), "{error}");
        }
    }

    #[test]
    fn urls_are_read_as_the_transports_read_them() {
        let one = hosts("git.example.com");
        for url in [
            "https://git.example.com/a",
            "https://git.example.com:8443/a",
            "HTTPS://me:pw@GIT.example.com/a",
            "ssh://git@git.example.com:22/a",
            "ssh://git%2eexample.com/a",
            "http://git%2Eexample.com/a",
        ] {
            assert_eq!(one.check(url), Ok(()), "{url}");
        }
        for (url, host) in [
            ("https://git.example.com@evil.example/a", "evil.example"),
            ("https://evil.example/git.example.com", "evil.example"),
            ("https://evil.example\\@git.example.com/a", "evil.example"),
            ("https://evil.example#@git.example.com/a", "evil.example"),
            ("ssh://git.example.com@evil.example/a", "evil.example"),
            ("ssh://[::1]/a", "::1"),
            ("https://0x7f.1/a", "127.0.0.1"),
        ] {
            assert_eq!(one.check(url), Err(GitError::Host { host: host.to_owned() }), "{url}");
        }
        let error = one.check("https://me:hunter2@/a").expect_err("no host").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(Hosts::default().check("no URL"), Ok(()), "there is nothing to look at");
    }
}
