use crate::limits::Guard;
use crate::reach::{Bounds, Outside};
use crate::{Access, GitError, Login};
use reqwest::blocking::{ClientBuilder, Response};
use reqwest::header::{AUTHORIZATION, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Identity, Method, StatusCode, Url};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use weir_net::Reach;

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;

/// Makes the requests to one repository.
pub(super) struct Client {
    /// Shows our certificate: for the URL's own host.
    own: reqwest::blocking::Client,
    /// For wherever a redirect leads.
    stranger: reqwest::blocking::Client,
    origin: Url,
    login: Option<Login>,
    guard: Arc<Guard>,
    moved_to: Mutex<Option<String>>,
    bounds: Bounds,
}

impl Client {
    /// The client, and the URL without the user that it may name.
    pub fn new(url: &str, access: &Access, guard: Arc<Guard>) -> Result<(Self, String), GitError> {
        let mut origin = Url::parse(url).map_err(|error| GitError::url(url, &error.to_string()))?;
        if origin.host_str().is_none_or(str::is_empty) {
            return Err(GitError::url(url, "it names no host"));
        }
        let bounds = Bounds::of(access);
        bounds.check(&origin)?;
        let login = access.login.clone().or_else(|| login_of(&origin));
        // Neither fails for http and https.
        let _ = origin.set_username("");
        let _ = origin.set_password(None);
        let stranger = stranger(access)?;
        let own = match &access.certificate {
            None => stranger.clone(),
            Some(pair) => {
                let mut pem = pair.certificate.expose().clone();
                pem.push(b'\n');
                pem.extend_from_slice(pair.key.expose());
                // The error could quote what it read.
                let identity = Identity::from_pem(&pem).map_err(|_| {
                    GitError::Credentials("the client certificate or its key is not valid PEM".to_owned())
                })?;
                builder(access)?.identity(identity).build().map_err(|_| {
                    GitError::Credentials("the client certificate and its key do not belong together".to_owned())
                })?
            }
        };
        let url = origin.to_string();
        let moved_to = Mutex::new(None);
        Ok((Self { own, stranger, origin, login, guard, moved_to, bounds }, url))
    }

    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The base URL after a redirect.
    pub fn moved_to(&self) -> Option<String> {
        self.moved_to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request. A redirect is followed for the first look only, whose base URL is known.
    pub fn send(
        &self,
        method: &Method,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
        base: Option<&str>,
    ) -> io::Result<Response> {
        let fail = |error| self.guard.fail(error);
        let mut url = Url::parse(url).map_err(|error| fail(GitError::url(url, &error.to_string())))?;
        let tail = base.and_then(|base| url.as_str().strip_prefix(base)).map(str::to_owned);
        for _ in 0..=REDIRECTS {
            let response = self.once(method, &url, headers.clone(), body.clone())?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let (Some(tail), Some(location), true) = (&tail, location, status.is_redirection()) else {
                return Err(self.refused(&url, &response));
            };
            let next = self.redirected(&url, location, tail).map_err(fail)?;
            let base = next.as_str().strip_suffix(tail.as_str()).unwrap_or(next.as_str()).to_owned();
            *self.moved_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
            url = next;
        }
        Err(fail(GitError::Redirect { to: shown(&url), why: "there were too many before it" }))
    }

    fn once(&self, method: &Method, url: &Url, headers: HeaderMap, body: Vec<u8>) -> io::Result<Response> {
        let is_own = same_host(&self.origin, url);
        let client = if is_own { &self.own } else { &self.stranger };
        let mut request = client.request(method.clone(), url.clone()).headers(headers).timeout(self.guard.left()?);
        if *method == Method::POST {
            request = request.body(body);
        }
        request = match (&self.login, is_own) {
            (Some(Login::Basic { username, password }), true) => {
                request.basic_auth(username.expose(), Some(password.expose()))
            }
            (Some(Login::Bearer(token)), true) => request.bearer_auth(token.expose()),
            _ => request,
        };
        let mut request = request.build().map_err(|error| self.guard.fail(setup(&error)))?;
        if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        client.execute(request).map_err(|error| {
            let failed = if error.is_timeout() && self.guard.left().is_err() {
                self.guard.timed_out()
            } else {
                GitError::Remote { url: shown(url), message: causes(&error.without_url()) }
            };
            self.guard.fail(failed)
        })
    }

    fn redirected(&self, from: &Url, location: &str, tail: &str) -> Result<Url, GitError> {
        let to = from.join(location).map_err(|_| GitError::url(location, "a redirect names it"))?;
        let refuse = |why| Err(GitError::Redirect { to: shown(&to), why });
        if !matches!(to.scheme(), "http" | "https") || (from.scheme() == "https" && to.scheme() == "http") {
            return refuse("it would leave https");
        }
        if !to.as_str().ends_with(tail) {
            return refuse("it does not lead to a Git repository");
        }
        if !same_host(from, &to) && weir_net::is_metadata(to.host_str().unwrap_or_default()) {
            return refuse("the address is for metadata services");
        }
        self.bounds.check_redirect(&to)?;
        let mut to = to;
        // A server does not choose what we log in as.
        let _ = to.set_username("");
        let _ = to.set_password(None);
        Ok(to)
    }

    fn refused(&self, url: &Url, response: &Response) -> io::Error {
        let status = response.status();
        let is_stranger = !same_host(&self.origin, url);
        self.guard.fail(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => GitError::Unauthorized {
                url: shown(url),
                status: status.as_u16(),
                remedy: match (&self.login, is_stranger) {
                    (_, true) => {
                        "credentials are not sent along a redirect to another host; name that host in spec.url"
                    }
                    (None, _) => "name a Secret with credentials in spec.secretRef",
                    (Some(_), _) => "check the credentials and their rights",
                },
            },
            _ => GitError::Status {
                url: shown(url),
                status: status.as_u16(),
                retry_after: retry_after(response.headers()),
            },
        })
    }
}

/// Seconds that the server wants to be left alone; its other form, a date, is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// A client that shows no certificate. Where nothing but the URL says how a server is reached it is
/// one for all repositories: reading the system's authorities takes longer than a look. A login is a header of each
/// request and so is in no client.
fn stranger(access: &Access) -> Result<reqwest::blocking::Client, GitError> {
    static PLAIN: OnceLock<reqwest::blocking::Client> = OnceLock::new();
    let made = || builder(access)?.build().map_err(|error| setup(&error));
    if access.authorities.is_some() || access.proxy.is_some() || access.reach != Reach::Anywhere {
        return made();
    }
    match PLAIN.get() {
        Some(client) => Ok(client.clone()),
        None => made().map(|client| PLAIN.get_or_init(|| client).clone()),
    }
}

pub(super) fn builder(access: &Access) -> Result<ClientBuilder, GitError> {
    let mut builder = reqwest::blocking::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .timeout(None)
        .referer(false)
        .redirect(reqwest::redirect::Policy::none());
    if access.reach == Reach::Outside {
        builder = builder.dns_resolver(Arc::new(Outside));
    }
    if let Some(pem) = &access.authorities {
        let invalid = || GitError::Credentials("the certificate authority is not valid PEM".to_owned());
        let certificates = Certificate::from_pem_bundle(pem.expose()).map_err(|_| invalid())?;
        if certificates.is_empty() {
            return Err(invalid());
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(proxy) = &access.proxy {
        let invalid = |_| GitError::Credentials("the proxy's address is not a URL".to_owned());
        // As in Go, names are looked up where the proxy is.
        let address = proxy.address.replacen("socks5://", "socks5h://", 1);
        let mut all = reqwest::Proxy::all(&address).map_err(invalid)?;
        if let Some((username, password)) = &proxy.login {
            all = all.basic_auth(username.expose(), password.expose());
        }
        builder = builder.proxy(all);
    }
    Ok(builder)
}

pub(super) fn login_of(url: &Url) -> Option<Login> {
    let decoded = |text: &str| weir_net::percent_decoded(text).into();
    let username = url.username();
    let password = url.password();
    (!username.is_empty() || password.is_some())
        .then(|| Login::Basic { username: decoded(username), password: decoded(password.unwrap_or_default()) })
}

pub(super) fn same_host(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

pub(super) fn shown(url: &Url) -> String {
    crate::reach::bare(url).trim_end_matches("/info/refs").to_owned()
}

pub(super) fn setup(error: &reqwest::Error) -> GitError {
    GitError::Credentials(format!("no client can be made: {}", causes(error)))
}

pub(super) fn causes(error: &dyn std::error::Error) -> String {
    crate::error::with_causes(error)
}
