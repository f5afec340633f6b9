//! How what may be spoken to is asked with the types of the HTTP client.

use crate::GitError;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use weir_base::redact_url;
use weir_net::Reach;

/// Whether the host of a URL may be named; one that is a name is looked at again when it is resolved.
pub(crate) fn check(reach: Reach, url: &Url) -> Result<(), GitError> {
    match reach.allows(url.host_str().unwrap_or_default()) {
        true => Ok(()),
        false => Err(GitError::Inside { url: redact_url(url.as_str()) }),
    }
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
        let error = check(Reach::Outside, &url).expect_err("inside").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(check(Reach::Anywhere, &url), Ok(()));
    }
}
