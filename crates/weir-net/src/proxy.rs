//! Which proxy a request goes through: the rules of Go's `ProxyFromEnvironment`.

use crate::{NetError, percent_decoded};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use weir_base::{Secret, redact_url};

/// The proxies of one client; the default has none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    except: Arc<[Except]>,
}

/// A proxy of http, https, socks5 or socks5h.
pub(crate) struct Proxy {
    /// Without its login.
    pub uri: Uri,
    pub login: Option<Secret<(String, String)>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// An entry of NO_PROXY.
#[derive(Debug)]
enum Except {
    All,
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    /// With a dot in front; `apex` also stands for the name without it.
    Domain {
        suffix: String,
        apex: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// From the values of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`; an empty text is none.
    pub fn new(http: &str, https: &str, except: &str) -> Result<Self, NetError> {
        Ok(Self {
            http: proxy(http)?,
            https: proxy(https)?,
            except: except.split(',').filter_map(Except::read).collect(),
        })
    }

    /// From an environment: upper case goes before lower case. In a CGI program, where a client sets
    /// `HTTP_PROXY` by a header, that one is not looked at.
    pub fn of(env: impl Fn(&str) -> Option<String>) -> Result<Self, NetError> {
        let first = |upper: &str, lower: &str| {
            env(upper).filter(|value| !value.is_empty()).or_else(|| env(lower)).unwrap_or_default()
        };
        let is_cgi = env("REQUEST_METHOD").is_some_and(|method| !method.is_empty());
        let http = if is_cgi { String::new() } else { first("HTTP_PROXY", "http_proxy") };
        Self::new(&http, &first("HTTPS_PROXY", "https_proxy"), &first("NO_PROXY", "no_proxy"))
    }

    /// The proxy for an address, if it has one.
    pub(crate) fn for_uri(&self, uri: &Uri) -> Option<&Arc<Proxy>> {
        let (proxy, port) = match uri.scheme_str()? {
            "https" => (self.https.as_ref()?, 443),
            "http" => (self.http.as_ref()?, 80),
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(port);
        let excepted = self.except.iter().any(|except| except.holds(&host, address, port));
        (!excepted).then_some(proxy)
    }
}

impl Proxy {
    pub fn basic(&self) -> Option<HeaderValue> {
        let (username, password) = self.login.as_ref()?.expose();
        let text = format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// `HOST:PORT` alone is an http proxy.
fn proxy(text: &str) -> Result<Option<Arc<Proxy>>, NetError> {
    if text.is_empty() {
        return Ok(None);
    }
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let bad = |message: &str| NetError::Url { url: redact_url(&full), message: format!("as a proxy: {message}") };
    let (scheme, rest) = full.split_once("://").unwrap_or_default();
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        "socks5" | "socks5h" => 1080,
        _ => return Err(bad("it is none of http, https, socks5 and socks5h")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let uri: Uri = format!("{scheme}://{host}/").parse().map_err(|_| bad("it is not HOST:PORT"))?;
    let name = uri.host().filter(|name| !name.is_empty()).ok_or_else(|| bad("the host is missing"))?;
    let uri = format!("{scheme}://{name}:{}/", uri.port_u16().unwrap_or(port));
    let uri = uri.parse().map_err(|_| bad("it is not HOST:PORT"))?;
    let login = login.map(|login| {
        let (username, password) = login.split_once(':').unwrap_or((login, ""));
        Secret::new((percent_decoded(username), percent_decoded(password)))
    });
    Ok(Some(Arc::new(Proxy { uri, login })))
}

impl Except {
    fn read(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_lowercase();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Except::All);
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
        {
            return Some(Except::Network(address, bits));
        }
        let (host, port) = match entry.rsplit_once(':') {
            // Colons of an IPv6 address without brackets are its own.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            return Some(Except::Address(address, port));
        }
        if host.is_empty() {
            return None;
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let apex = !host.starts_with('.');
        let suffix = if apex { format!(".{host}") } else { host.to_owned() };
        Some(Except::Domain { suffix, apex, port })
    }

    fn holds(&self, host: &str, address: Option<IpAddr>, to: u16) -> bool {
        let fits = |port: &Option<u16>| port.is_none_or(|port| port == to);
        match self {
            Except::All => true,
            Except::Network(network, bits) => address.is_some_and(|address| is_within(address, *network, *bits)),
            Except::Address(own, port) => address == Some(*own) && fits(port),
            Except::Domain { suffix, apex, port } => {
                (host.ends_with(suffix) || (*apex && *host == suffix[1..])) && fits(port)
            }
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.for_uri(&url.parse().expect("a URL")).map(|proxy| proxy.uri.to_string())
    }

    /// The rows are those of golang.org/x/net/http/httpproxy's documentation and tests.
    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let rows = [
            ("", "http://example.com", true),
            ("", "http://localhost", false),
            ("", "http://127.0.0.1:8080", false),
            ("", "http://[::1]:80", false),
            ("*", "http://example.com", false),
            ("example.com", "http://example.com", false),
            ("example.com", "http://a.example.com", false),
            ("example.com", "http://notexample.com", true),
            (".example.com", "http://example.com", true),
            (".example.com", "http://a.example.com", false),
            ("*.example.com", "http://example.com", true),
            ("*.example.com", "http://a.example.com", false),
            ("ample.com", "http://example.com", true),
            ("example.com:80", "http://example.com", false),
            ("example.com:81", "http://example.com", true),
            ("a.b, EXAMPLE.com ,,", "http://example.com", false),
            ("10.0.0.0/8", "http://10.1.2.3", false),
            ("10.0.0.0/8", "http://11.1.2.3", true),
            ("10.1.2.3:80", "http://10.1.2.3", false),
            ("10.1.2.3:80", "http://10.1.2.3:81", true),
            ("fd00::/8", "http://[fd12::1]", false),
            ("[fd12::1]:80", "http://[fd12::1]", false),
            ("fd12::1", "http://[fd12::1]:99", false),
            ("0.0.0.0/0", "http://11.1.2.3", false),
        ];
        for (except, url, is_proxied) in rows {
            let proxies = Proxies::new("http://proxy:3128", "", except).expect("proxies");
            assert_eq!(asked(&proxies, url).is_some(), is_proxied, "{except} {url}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy_and_upper_case_goes_first() {
        let env = |name: &str| match name {
            "HTTPS_PROXY" => Some("secure:1".to_owned()),
            "https_proxy" => Some("other:1".to_owned()),
            "http_proxy" => Some("socks5://plain".to_owned()),
            _ => None,
        };
        let proxies = Proxies::of(env).expect("proxies");
        assert_eq!(asked(&proxies, "https://a.b").as_deref(), Some("http://secure:1/"));
        assert_eq!(asked(&proxies, "http://a.b").as_deref(), Some("socks5://plain:1080/"));
        let cgi = |name: &str| (name == "REQUEST_METHOD").then(|| "GET".to_owned()).or_else(|| env(name));
        assert_eq!(asked(&Proxies::of(cgi).expect("proxies"), "http://a.b"), None);
    }

    #[test]
    fn a_login_is_used_and_not_shown() {
        let proxies = Proxies::new("", "http://us%40er:hunter%3A2@proxy:3128", "").expect("proxies");
        let uri = "https://a.b".parse().expect("a URL");
        let proxy = proxies.for_uri(&uri).expect("a proxy");
        assert_eq!(proxy.basic().expect("a login"), "Basic dXNAZXI6aHVudGVyOjI=");
        assert!(!format!("{proxies:?}").contains("hunter"), "{proxies:?}");
        let error = Proxies::new("ftp://user:hunter2@proxy", "", "").expect_err("refused").to_string();
        assert!(error.contains("socks5") && !error.contains("hunter2"), "{error}");
    }
}
