//! The way to a server: directly or through a proxy, and only to addresses that are allowed.

use crate::proxy::{Proxies, Proxy};
use crate::{INSIDE, NetError, Reach, Roots};
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt};

/// A server that does not answer the SYN is given up after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Plain = HttpConnector<Names>;

/// Looks names up, and refuses those that lead where nothing may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names(Reach);

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0;
        Box::pin(async move { Ok(reach.resolve(name.as_str(), 0).await?.into_iter()) })
    }
}

/// Connects to a server, directly or through a proxy; TLS is put on it by who uses it.
#[derive(Clone, Debug)]
pub struct Connector {
    plain: Plain,
    proxy: HttpsConnector<Plain>,
    proxies: Proxies,
    reach: Reach,
}

impl Connector {
    /// Where the proxies are a stranger's as well.
    ///
    /// # Errors
    /// The system's certificates cannot be used.
    pub fn of_stranger(proxies: Proxies, reach: Reach) -> Result<Self, NetError> {
        Ok(Self::new(Arc::new(Roots::System.config()?), proxies, [reach, reach]))
    }

    /// The reach is that of servers, and of proxies.
    pub(crate) fn new(tls: Arc<rustls::ClientConfig>, proxies: Proxies, [reach, of_proxies]: [Reach; 2]) -> Self {
        let plain = |reach| {
            let mut plain = HttpConnector::new_with_resolver(Names(reach));
            plain.set_connect_timeout(Some(CONNECT_WITHIN));
            plain.enforce_http(false);
            plain
        };
        Self { plain: plain(reach), proxy: HttpsConnector::from((plain(of_proxies), tls)), proxies, reach }
    }
}

impl Service<Uri> for Connector {
    type Response = Line;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Line, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let host = to.host().unwrap_or_default();
            if !this.reach.allows(host) {
                return Err(format!("{host} {INSIDE}").into());
            }
            match this.proxies.for_uri(&to) {
                None => {
                    let stream = this.plain.oneshot(to).await?;
                    Ok(Line { stream: MaybeHttpsStream::Http(stream), is_forwarded: false })
                }
                Some(proxy) => through(proxy, this.proxy, to).await,
            }
        })
    }
}

async fn through(proxy: &Proxy, connector: HttpsConnector<Plain>, to: Uri) -> Result<Line, BoxError> {
    let is_https = to.scheme_str() == Some("https");
    let port = to.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    // The helpers take 443 where there is no port.
    let target: Uri = format!("https://{}:{port}/", to.host().unwrap_or_default()).parse()?;
    if proxy.uri.scheme_str().is_some_and(|scheme| scheme.starts_with("socks5")) {
        // To the connector a proxy of SOCKS is a plain TCP server.
        let at: Uri = format!("http://{}/", proxy.uri.authority().map_or("", |at| at.as_str())).parse()?;
        let mut socks = SocksV5::new(at, connector);
        if let Some(login) = &proxy.login {
            let (username, password) = login.expose().clone();
            socks = socks.with_auth(username, password);
        }
        return Ok(Line { stream: socks.oneshot(target).await?, is_forwarded: false });
    }
    if !is_https {
        let stream = connector.oneshot(proxy.uri.clone()).await?;
        return Ok(Line { stream, is_forwarded: true });
    }
    let mut tunnel = Tunnel::new(proxy.uri.clone(), connector);
    if let Some(basic) = proxy.basic() {
        tunnel = tunnel.with_auth(basic);
    }
    Ok(Line { stream: tunnel.oneshot(target).await?, is_forwarded: false })
}

/// A connection; a forwarded one ends at a proxy, which wants to be told the whole URL.
pub struct Line {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    is_forwarded: bool,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_forwarded)
    }
}

impl Read for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
