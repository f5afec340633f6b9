use crate::GitError;
use reqwest::Url;
use weir_base::redact_url;
use weir_net::percent_decoded;

const DEFAULT_USER: &str = "git";
pub(super) const DEFAULT_PORT: u16 = 22;

/// Where a repository is, and as whom it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The URL for messages.
    pub shown: String,
    pub user: String,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl Address {
    pub fn parse(url: &str) -> Result<Self, GitError> {
        let bad = |message: &str| GitError::url(url, message);
        let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        let host = parsed.host_str().unwrap_or_default();
        let host = percent_decoded(host.trim_start_matches('[').trim_end_matches(']'));
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let mut path = percent_decoded(parsed.path());
        // Git takes all of it for the path.
        for (mark, rest) in [('?', parsed.query()), ('#', parsed.fragment())] {
            if let Some(rest) = rest {
                path.push(mark);
                path.push_str(rest);
            }
        }
        // A home folder is written as /~user.
        let path = if path.starts_with("/~") { path.split_off(1) } else { path };
        if path.trim_matches('/').is_empty() {
            return Err(bad("it names no repository"));
        }
        let user = match parsed.username() {
            "" => DEFAULT_USER.to_owned(),
            user => percent_decoded(user),
        };
        if [&path, &host, &user].iter().any(|part| part.chars().any(char::is_control)) {
            return Err(bad("it has a control character"));
        }
        Ok(Self { shown: redact_url(url), user, host, port: parsed.port().unwrap_or(DEFAULT_PORT), path })
    }

    /// What the server's shell is told.
    pub fn command(&self) -> String {
        // As Git quotes; the exclamation mark is for the C shells.
        let quoted = self.path.replace('\'', r"'\''").replace('!', r"'\!'");
        format!("git-upload-pack '{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, String, u16, String) {
        let address = Address::parse(url).expect("an address");
        let command = address.command();
        (address.user, address.host, address.port, command)
    }

    fn expected(user: &str, host: &str, port: u16, path: &str) -> (String, String, u16, String) {
        (user.to_owned(), host.to_owned(), port, format!("git-upload-pack '{path}'"))
    }

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            ("ssh://example.com/a/b.git", expected("git", "example.com", 22, "/a/b.git")),
            ("ssh://me@example.com:2222/a", expected("me", "example.com", 2222, "/a")),
            ("ssh://m%40e:pw@[::1]:22/a%20b", expected("m@e", "::1", 22, "/a b")),
            ("ssh://git@example.com/~me/a", expected("git", "example.com", 22, "~me/a")),
            ("ssh://example.com/a?b#c", expected("git", "example.com", 22, "/a?b#c")),
            ("ssh://example.com/it's!", expected("git", "example.com", 22, r"/it'\''s'\!'")),
        ];
        for (url, expect) in cases {
            assert_eq!(parsed(url), expect, "{url}");
        }
        assert_eq!(Address::parse("ssh://me:pw@example.com/a").expect("is fine").shown, "ssh://example.com/a");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, why) in [
            ("ssh:///a", "it names no host"),
            ("ssh://example.com", "it names no repository"),
            ("ssh://example.com//", "it names no repository"),
            ("ssh://example.com/a%0ab", "it has a control character"),
            ("ssh://example.com:port/a", "invalid port number"),
        ] {
            let error = Address::parse(url).expect_err(url);
            assert!(error.to_string().ends_with(&format!("is not a usable URL: {why}")), "{error}");
        }
    }
}
