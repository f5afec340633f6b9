//! The connection to another cluster: only to addresses that may be spoken to, whatever a name leads to.

use super::{RemoteError, Tokens};
use http::{HeaderValue, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::util::{BoxService, ServiceExt};
use tower::{BoxError, Service, ServiceBuilder};
use weir_net::{Reach, percent_decoded};

/// A server that does not answer the SYN is given up after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

type Sending = BoxService<Request<Body>, http::Response<hyper::body::Incoming>, BoxError>;

/// The client of a config, through its proxy if it has one.
pub(super) fn client(
    config: kube::Config,
    tokens: Option<Arc<dyn Tokens>>,
    reach: Reach,
) -> Result<ClientBuilder<Sending>, RemoteError> {
    let mut connector = HttpConnector::new_with_resolver(Resolver(reach));
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_WITHIN));
    let malformed = |error: kube::Error| match error {
        kube::Error::Auth(_) => RemoteError::Malformed("its credentials are malformed".to_owned()),
        _ => RemoteError::Malformed("its certificates are malformed".to_owned()),
    };
    let proxy = config.proxy_url.clone();
    let login = proxy.as_ref().and_then(login);
    let service = match proxy {
        None => service(connector, &config, tokens),
        Some(proxy) => match proxy.scheme_str() {
            Some("http") => {
                let tunnel = Tunnel::new(proxy, connector);
                let header = login.and_then(|login| HeaderValue::from_str(&login.basic()).ok());
                service(header.into_iter().fold(tunnel, Tunnel::with_auth), &config, tokens)
            }
            Some("socks5") => {
                let socks = SocksV5::new(proxy, connector);
                let socks = login.into_iter().fold(socks, |socks, login| socks.with_auth(login.user, login.password));
                service(socks, &config, tokens)
            }
            _ => {
                return Err(RemoteError::Malformed("cluster.proxy-url is neither of http nor of socks5".to_owned()));
            }
        },
    };
    Ok(ClientBuilder::new(service.map_err(malformed)?, config.default_namespace))
}

/// The certificates of a PEM text in DER; none when there is something else, or nothing, in it.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::pem::PemObject;
    let found = rustls::pki_types::CertificateDer::pem_slice_iter(pem).map(|one| one.map(|der| der.to_vec()));
    let found = found.collect::<Result<Vec<_>, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

fn service<C>(connector: C, config: &kube::Config, tokens: Option<Arc<dyn Tokens>>) -> Result<Sending, kube::Error>
where
    C: Service<http::Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError> + Send + Sync + 'static,
{
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
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| BoxError::from("the token of the provider is malformed"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
            inner.call(request).await
        })
    }
}

/// Resolves the names that may be spoken to.
#[derive(Clone, Copy)]
struct Resolver(Reach);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = futures::future::BoxFuture<'static, std::io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0;
        Box::pin(async move { Ok(reach.resolve(name.as_str(), 0).await?.into_iter()) })
    }
}

/// The login in a proxy's URL.
struct Login {
    user: String,
    password: String,
}

impl Login {
    fn basic(&self) -> String {
        use base64::Engine;
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

fn login(proxy: &http::Uri) -> Option<Login> {
    let (login, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Some(Login { user: percent_decoded(user), password: percent_decoded(password) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_of_a_proxy_is_decoded() {
        let uri = "http://us%40er:p%3Ass%@proxy:3128".parse().expect("a URL");
        let login = login(&uri).expect("a login");
        assert_eq!((login.user.as_str(), login.password.as_str()), ("us@er", "p:ss%"));
    }

    #[test]
    fn certificates_are_all_or_none() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem), Some(vec![vec![0, 1, 2]]));
        assert_eq!(certificates(b""), None);
        assert_eq!(certificates(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), None);
    }
}
