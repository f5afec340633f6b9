//! One file, by its URL.

use super::client::{builder, causes, login_of, same_host, setup, shown};
use crate::reach::Bounds;
use crate::{Access, GitError, Limits, Login};
use reqwest::Url;
use reqwest::header::LOCATION;
use std::io::Read;
use std::time::Instant;

/// As many as Go's client follows.
const REDIRECTS: usize = 10;

/// What a server has at a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Download {
    File(Vec<u8>),
    /// No file, by the status of the answer.
    Status(u16),
}

/// Downloads a file of at most `limits.file_bytes`; redirects are followed. The login is shown to the URL's own host.
pub fn download(url: &str, access: &Access, limits: Limits) -> Result<Download, GitError> {
    let began = Instant::now();
    let left = || limits.time.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
    let timed_out = || GitError::TimedOut { seconds: limits.time.as_secs() };
    let parsed = Url::parse(url).map_err(|error| GitError::url(url, &error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(GitError::url(url, "it is not of http or https"));
    }
    let origin = parsed.clone();
    let login = access.login.clone().or_else(|| login_of(&parsed));
    let bounds = Bounds::of(access);
    bounds.check(&parsed)?;
    let client = builder(access)?.build().map_err(|error| setup(&error))?;
    let mut next = parsed;
    for _ in 0..=REDIRECTS {
        let _ = next.set_username("");
        let _ = next.set_password(None);
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => timed_out(),
            false => GitError::Remote { url: shown(&next), message: causes(&error.without_url()) },
        };
        let mut request = client.get(next.clone()).timeout(left().ok_or_else(timed_out)?);
        request = match &login {
            Some(Login::Basic { username, password }) if same_host(&origin, &next) => {
                request.basic_auth(username.expose(), Some(password.expose()))
            }
            Some(Login::Bearer(token)) if same_host(&origin, &next) => request.bearer_auth(token.expose()),
            _ => request,
        };
        let response = request.send().map_err(failed)?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        if let (true, Some(location)) = (response.status().is_redirection(), location) {
            let to = next.join(location).map_err(|_| GitError::url(location, "a redirect names it"))?;
            if !matches!(to.scheme(), "http" | "https") || (next.scheme() == "https" && to.scheme() == "http") {
                return Err(GitError::Redirect { to: shown(&to), why: "it would leave https" });
            }
            bounds.check_redirect(&to)?;
            next = to;
            continue;
        }
        if !response.status().is_success() {
            return Ok(Download::Status(response.status().as_u16()));
        }
        let mut content = Vec::new();
        let read = response.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut content);
        read.map_err(|error| GitError::Remote { url: shown(&next), message: error.to_string() })?;
        if content.len() as u64 > limits.file_bytes {
            return Err(GitError::TooLarge { what: "file", limit: limits.file_bytes });
        }
        return Ok(Download::File(content));
    }
    Err(GitError::Redirect { to: shown(&next), why: "there were too many before it" })
}
