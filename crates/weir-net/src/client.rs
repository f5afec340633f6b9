use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;
use weir_base::{Diagnose, redact_url};

/// A server that does not answer the SYN is given up after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetError {
    #[error("'{url}' is not a URL of http or https: {message}")]
    Url { url: String, message: String },
    #[error("{url} cannot be reached: {message}")]
    Unreachable { url: String, message: String },
}

impl Diagnose for NetError {
    fn reason(&self) -> &'static str {
        "ReconciliationFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            NetError::Url { .. } => Some("write it as http://HOST[:PORT]/PATH".to_owned()),
            NetError::Unreachable { .. } => None,
        }
    }
}

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Default for HttpClient {
    fn default() -> Self {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        http.enforce_http(false);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let connector = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
            Ok(builder) => builder.https_or_http().enable_http1().wrap_connector(http),
            // An image without certificates speaks http; https then fails with "unknown issuer".
            Err(_) => HttpsConnectorBuilder::new()
                .with_tls_config(without_roots(provider))
                .https_or_http()
                .enable_http1()
                .wrap_connector(http),
        };
        Self { inner: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

fn without_roots(provider: Arc<rustls::crypto::CryptoProvider>) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions of TLS")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl HttpClient {
    /// Whether a request can be made to this address at all.
    pub fn check(url: &str) -> Result<(), NetError> {
        let bad = |message: &str| NetError::Url { url: redact_url(url), message: message.to_owned() };
        let uri: http::Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
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

    async fn send(
        &self,
        url: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, NetError> {
        let request = request
            .header(header::USER_AGENT, concat!("weir/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| NetError::Url { url: redact_url(url), message: error.to_string() })?;
        self.inner.request(request).await.map_err(|error| {
            let mut message = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                message = format!("{message}: {inner}");
                cause = inner.source();
            }
            NetError::Unreachable { url: redact_url(url), message }
        })
    }
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
