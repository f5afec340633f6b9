//! The connection to another cluster: only to addresses that may be spoken to, whatever a name leads to.

use super::{RemoteError, Tokens};
use http::{HeaderValue, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::util::{BoxService, ServiceExt};
use tower::{BoxError, Service, ServiceBuilder};
use weir_net::{Connector, Proxies, Reach};
use zeroize::Zeroizing;

type Sending = BoxService<Request<Body>, http::Response<hyper::body::Incoming>, BoxError>;

/// The client of a config, through its proxy if it has one.
pub(super) fn client(
    config: kube::Config,
    tokens: Option<Arc<dyn Tokens>>,
    reach: Reach,
) -> Result<ClientBuilder<Sending>, RemoteError> {
    let malformed = |error: kube::Error| match error {
        kube::Error::Auth(_) => RemoteError::Malformed("its credentials are malformed".to_owned()),
        _ => RemoteError::Malformed("its certificates are malformed".to_owned()),
    };
    let unusable = |_| RemoteError::Malformed("cluster.proxy-url is not the URL of a proxy".to_owned());
    let proxy = config.proxy_url.as_ref().map(ToString::to_string).unwrap_or_default();
    let proxies = Proxies::new(&proxy, &proxy, "").map_err(unusable)?;
    let connector = Connector::of_stranger(proxies, reach).map_err(unusable)?;
    let service = service(connector, &config, tokens);
    Ok(ClientBuilder::new(service.map_err(malformed)?, config.default_namespace))
}

/// The certificates of a PEM text in DER; none when there is something else, or nothing, in it.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::pem::PemObject;
    let found = rustls::pki_types::CertificateDer::pem_slice_iter(pem).map(|one| one.map(|der| der.to_vec()));
    let found = found.collect::<Result<Vec<_>, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

fn service(
    connector: Connector,
    config: &kube::Config,
    tokens: Option<Arc<dyn Tokens>>,
) -> Result<Sending, kube::Error> {
    let https = config.rustls_https_connector_with_connector(connector)?;
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(https);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client)
        .map_err(BoxError::from);
    Ok(match tokens {
        None => service.boxed(),
        Some(tokens) => Bearing { inner: service, tokens }.boxed(),
    })
}

/// Shows a token with each request.
struct Bearing<S> {
    inner: S,
    tokens: Arc<dyn Tokens>,
}

impl<S> Service<Request<Body>> for Bearing<S>
where
    S: Service<Request<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        let tokens = self.tokens.clone();
        Box::pin(async move {
            let token = tokens.token().await?;
            let bearer = Zeroizing::new(format!("Bearer {}", token.expose().as_str()));
            let mut value =
                HeaderValue::from_str(&bearer).map_err(|_| BoxError::from("the token of the provider is malformed"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_all_or_none() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem), Some(vec![vec![0, 1, 2]]));
        assert_eq!(certificates(b""), None);
        assert_eq!(certificates(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), None);
    }
}
