use std::fmt;

/// A value that cannot be printed: `Debug` shows `<secret>`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; each call is a place to look at in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// What a panic says, if it is a text of the program's own: one that was put together may have anything in it.
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &'static str {
    let hidden = "what it says is not shown, since there may be a secret in it";
    payload.downcast_ref::<&'static str>().copied().unwrap_or(hidden)
}

/// The URL without what may be a credential: user information is dropped but for the conventional
/// `git@`, and the values of query parameters are hidden.
pub fn redact_url(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once('@') {
        Some(("git", host)) => format!("git@{host}"),
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let query = query.map(|query| {
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, _)) => format!("{key}=*****"),
                None => "*****".to_owned(),
            })
            .collect();
        format!("?{}", shown.join("&"))
    });
    let scheme = scheme.map(|s| format!("{s}://")).unwrap_or_default();
    format!("{scheme}{host}{path}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_shows_only_what_stands_in_the_program() {
        let said = |work: fn()| panic_text(&*std::panic::catch_unwind(work).expect_err("panics"));
        assert_eq!(said(|| assert!(std::env::args().count() == usize::MAX, "a rule of ours")), "a rule of ours");
        let hidden = said(|| {
            let number: u8 = "hunter2".parse().expect("is read");
            assert_eq!(number, 0);
        });
        assert!(hidden.starts_with("what it says is not shown"), "{hidden}");
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "<secret>");
    }

    #[test]
    fn urls_lose_their_credentials() {
        let cases = [
            ("https://user:pw@example.com/a/b", "https://example.com/a/b"),
            ("https://ghp_token@example.com/a?token=x&b", "https://example.com/a?token=*****&*****"),
            ("ssh://git@example.com:22/a", "ssh://git@example.com:22/a"),
            ("https://us@er:pw@example.com", "https://example.com"),
            ("/local/path", "/local/path"),
        ];
        for (url, shown) in cases {
            assert_eq!(redact_url(url), shown);
        }
    }
}
