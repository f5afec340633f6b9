use crate::connect::Connector;
use crate::proxy::Proxies;
use crate::reach::Reach;
use crate::tls::Roots;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;
use weir_base::{Diagnose, redact_url};
use zeroize::Zeroizing;

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetError {
    #[error("'{url}' is not a URL of http or https: {message}")]
    Url { url: String, message: String },
    #[error("{url} cannot be reached: {message}")]
    Unreachable { url: String, message: String },
    #[error("{url} did not answer within {} s", .within.as_secs_f32())]
    Slow { url: String, within: Duration },
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge { url: String, limit: usize },
    #[error("the certificates of the authority cannot be read: {message}")]
    Certificates { message: String },
}

impl Diagnose for NetError {
    fn reason(&self) -> &'static str {
        "ReconciliationFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            NetError::Url { .. } => Some("write it as http://HOST[:PORT]/PATH".to_owned()),
            NetError::Certificates { .. } => Some("it has to be PEM: -----BEGIN CERTIFICATE-----".to_owned()),
            NetError::Unreachable { .. } | NetError::Slow { .. } | NetError::TooLarge { .. } => None,
        }
    }
}

/// How a client reaches its servers. The default: directly, anywhere, with the system's certificates.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub roots: Roots,
    pub proxies: Proxies,
    pub reach: Reach,
}

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpsConnector<Connector>, Full<Bytes>>,
    proxies: Proxies,
}

/// An answer with its body, which is cleared when it is dropped.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Zeroizing<Vec<u8>>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new(Settings::default()).expect("without authorities of its own nothing can be wrong")
    }
}

impl HttpClient {
    /// Fails where the authorities' certificates cannot be read.
    pub fn new(settings: Settings) -> Result<Self, NetError> {
        let tls = Arc::new(settings.roots.config()?);
        let connector = Connector::new(tls.clone(), settings.proxies.clone(), [settings.reach, Reach::Anywhere]);
        let connector = HttpsConnector::from((connector, tls));
        Ok(Self { inner: Client::builder(TokioExecutor::new()).build(connector), proxies: settings.proxies })
    }

    /// Whether a request can be made to this address at all.
    pub fn check(url: &str) -> Result<(), NetError> {
        let bad = |message: &str| NetError::Url { url: redact_url(url), message: message.to_owned() };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(_)) => Ok(()),
            _ => Err(bad("scheme or host is missing")),
        }
    }

    /// The head of the answer, whatever its status; the body is read by the caller, within its bounds.
    pub async fn get(&self, url: &str) -> Result<Response<Incoming>, NetError> {
        self.send(url, Request::get(url), Bytes::new()).await
    }

    /// Posts JSON; the answer's body is not read.
    pub async fn post_json(&self, url: &str, body: Bytes) -> Result<StatusCode, NetError> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        Ok(self.send(url, request, body).await?.status())
    }

    /// The head of the answer to any request.
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Incoming>, NetError> {
        let url = redact_url(&request.uri().to_string());
        let mut request = request.map(Full::new);
        const AGENT: HeaderValue = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));
        let (uri, headers) = (request.uri().clone(), request.headers_mut());
        headers.entry(header::USER_AGENT).or_insert(AGENT);
        if let Some(basic) = self.forwarding_login(&uri) {
            headers.insert(header::PROXY_AUTHORIZATION, basic);
        }
        self.inner.request(request).await.map_err(|error| NetError::Unreachable { url, message: chain(&error) })
    }

    /// The whole answer to a request, its body of at most so many bytes, within a time.
    pub async fn exchange(&self, request: Request<Bytes>, within: Duration, limit: usize) -> Result<Reply, NetError> {
        let url = redact_url(&request.uri().to_string());
        let whole = async {
            let response = self.request(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(Reply { status, headers, body: read(&url, response, limit).await? })
        };
        match tokio::time::timeout(within, whole).await {
            Ok(reply) => reply,
            Err(_) => Err(NetError::Slow { url, within }),
        }
    }

    async fn send(
        &self,
        url: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, NetError> {
        let request =
            request.body(body).map_err(|error| NetError::Url { url: redact_url(url), message: error.to_string() })?;
        self.request(request).await
    }

    /// A proxy that forwards plain http wants its login with each request.
    fn forwarding_login(&self, uri: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxies.for_uri(uri).filter(|_| uri.scheme_str() == Some("http"))?;
        proxy.uri.scheme_str().filter(|scheme| scheme.starts_with("http")).and(proxy.basic())
    }
}

/// A body of at most so many bytes. What it may hold is not left behind in memory by growing.
async fn read(url: &str, response: Response<Incoming>, limit: usize) -> Result<Zeroizing<Vec<u8>>, NetError> {
    let mut incoming = response.into_body();
    let size = incoming.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(limit);
    let mut body = Zeroizing::new(Vec::with_capacity(size.min(limit)));
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| NetError::Unreachable { url: url.to_owned(), message: chain(&error) })?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > limit {
            return Err(NetError::TooLarge { url: url.to_owned(), limit });
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_without_showing_its_password() {
        HttpClient::check("http://notification-controller.flux-system.svc.cluster.local./").expect("an address");
        for url in ["notification-controller", "ftp://host/", "http://"] {
            assert!(HttpClient::check(url).is_err(), "{url}");
        }
        let error = HttpClient::check("ftp://user:hunter2@host/").expect_err("refused").report().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
