//! The way to a server: directly or through a proxy, and only to addresses that are allowed.

use crate::proxy::{Proxies, Proxy};
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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

/// Which addresses a client may connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    Anywhere,
    /// Not to what only this process or machine sees: loopback, link-local and metadata addresses, by
    /// whatever name. For URLs that somebody else wrote. Behind a proxy, which looks names up, this
    /// holds for addresses that are written out only.
    Routed,
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        self == Reach::Anywhere || !is_local(address)
    }
}

fn is_local(address: IpAddr) -> bool {
    /// Where AWS and Alibaba answer beside the link-local address.
    const METADATA: [IpAddr; 3] = [
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    ];
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => return is_local(IpAddr::V4(v4)),
            None => v6.is_unicast_link_local(),
        },
    };
    is_link_local
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || METADATA.contains(&address)
}

/// Looks names up, and leaves out what may not be reached.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    inner: GaiResolver,
    reach: Reach,
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (looked_up, reach) = (self.inner.call(name), self.reach);
        Box::pin(async move {
            let all: Vec<SocketAddr> = looked_up.await?.collect();
            let allowed: Vec<SocketAddr> = all.iter().copied().filter(|to| reach.allows(to.ip())).collect();
            if allowed.is_empty() && !all.is_empty() {
                return Err(forbidden());
            }
            Ok(allowed.into_iter())
        })
    }
}

fn forbidden() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it is an address of this machine or of a metadata server")
}

/// What `hyper_rustls` puts TLS on.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    plain: Plain,
    /// For proxies, which are the operator's own.
    proxy: HttpsConnector<Plain>,
    proxies: Proxies,
    reach: Reach,
}

impl Connector {
    pub fn new(tls: Arc<rustls::ClientConfig>, proxies: Proxies, reach: Reach) -> Self {
        let plain = |reach| {
            let mut plain = HttpConnector::new_with_resolver(Names { inner: GaiResolver::new(), reach });
            plain.set_connect_timeout(Some(CONNECT_WITHIN));
            plain.enforce_http(false);
            plain
        };
        Self { plain: plain(reach), proxy: HttpsConnector::from((plain(Reach::Anywhere), tls)), proxies, reach }
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
            let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            if host.parse().is_ok_and(|address| !this.reach.allows(address)) {
                return Err(forbidden().into());
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
pub(crate) struct Line {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_local_is_not_routed() {
        for local in
            ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0", "fd00:ec2::254"]
        {
            let address = local.parse().expect("an address");
            assert!(!Reach::Routed.allows(address) && Reach::Anywhere.allows(address), "{local}");
        }
        for routed in ["10.0.0.1", "192.168.1.1", "2001:db8::1", "fd12::1", "1.1.1.1"] {
            assert!(Reach::Routed.allows(routed.parse().expect("an address")), "{routed}");
        }
    }
}
