//! Bounds, trust and proxies, against servers of weir-testkit.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails where it stands")]

use bytes::Bytes;
use http::{Request, StatusCode};
use std::time::Duration;
use weir_net::{HttpClient, NetError, Proxies, Reach, Reply, Roots, Settings};
use weir_testkit::cloud::{CloudServer, Said};
use weir_testkit::{Authority, Socks, Tunnel};

const WITHIN: Duration = Duration::from_secs(60);

fn hello() -> CloudServer {
    CloudServer::start(None, |_| Said::text(200, "hello"))
}

async fn get(settings: Settings, url: &str) -> Result<Reply, NetError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    HttpClient::new(settings)?.exchange(request, WITHIN, 100).await
}

fn host(server: &CloudServer) -> String {
    format!("127.0.0.1:{}", server.port)
}

#[tokio::test]
async fn an_answer_has_its_bounds() {
    let big = CloudServer::start(None, |_| Said::text(200, "x".repeat(101)));
    let error = get(Settings::default(), &format!("{}/?token=hunter2", big.url)).await.unwrap_err();
    assert!(
        matches!(error, NetError::TooLarge { limit: 100, .. }) && !error.to_string().contains("hunter2"),
        "{error}"
    );
    let fits = CloudServer::start(None, |_| Said::text(404, "x".repeat(100)));
    let reply = get(Settings::default(), &fits.url).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (StatusCode::NOT_FOUND, 100));
    // Nobody accepts.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = Request::get(format!("http://{}/", silent.local_addr().unwrap())).body(Bytes::new()).unwrap();
    let error = HttpClient::default().exchange(request, Duration::from_millis(100), 1).await.unwrap_err();
    assert!(matches!(error, NetError::Slow { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let other = hello();
    let to = other.url.clone();
    let server = CloudServer::start(None, move |_| Said::text(302, "").with("Location", &to));
    let reply = get(Settings::default(), &server.url).await.unwrap();
    assert_eq!((reply.status, other.seen().len()), (StatusCode::FOUND, 0));
}

#[tokio::test]
async fn only_the_authorities_that_are_named_are_believed() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = CloudServer::start(Some(ours.open_server()), |_| Said::text(200, "hello"));
    let with = |roots| get(Settings { roots, ..Settings::default() }, &server.url);
    let pem = |authority: &Authority| authority.pem.clone().into_bytes();
    assert!(with(Roots::System).await.is_err());
    assert!(with(Roots::SystemAnd(pem(&other))).await.is_err());
    assert_eq!(with(Roots::SystemAnd(pem(&ours))).await.unwrap().body.as_slice(), b"hello");
    assert_eq!(with(Roots::Only([pem(&other), pem(&ours)].concat())).await.unwrap().body.as_slice(), b"hello");
    for bad in ["", "hunter2", "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n"] {
        let error = with(Roots::Only(bad.into())).await.unwrap_err();
        assert!(matches!(error, NetError::Certificates { .. }) && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn plain_http_is_forwarded_by_a_proxy_that_knows_us() {
    let proxy = CloudServer::start(None, |asked| match asked.header("proxy-authorization") {
        "Basic bWU6cHc=" => Said::text(200, "forwarded"),
        _ => Said::text(407, ""),
    });
    let proxies = Proxies::new(&format!("http://me:pw@{}", host(&proxy)), "", "direct.example").unwrap();
    let settings = Settings { proxies, ..Settings::default() };
    let reply = get(settings, "http://service.example/a?b=c").await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (StatusCode::OK, b"forwarded".as_slice()));
    assert_eq!(proxy.seen()[0].target, "http://service.example/a?b=c");
    // This machine is never asked for by a proxy.
    let own = hello();
    let proxies = Proxies::new(&host(&proxy), "", "").unwrap();
    let reply = get(Settings { proxies, ..Settings::default() }, &own.url).await.unwrap();
    assert_eq!((reply.body.as_slice(), proxy.seen().len()), (b"hello".as_slice(), 1));
    assert_eq!(own.seen()[0].header("proxy-authorization"), "");
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_the_proxy_sees_no_request() {
    let authority = Authority::new();
    let server =
        CloudServer::start(Some(authority.open_server_called("service.example")), |_| Said::text(200, "hello"));
    let tunnel = Tunnel::start(&host(&server), "Basic bWU6cHc=");
    let settings = |login: &str| {
        let proxies = Proxies::new("", &format!("http://{login}127.0.0.1:{}", tunnel.port), "").unwrap();
        Settings { proxies, roots: Roots::Only(authority.pem.clone().into_bytes()), ..Settings::default() }
    };
    let reply = get(settings("me:pw@"), "https://service.example/secret").await.unwrap();
    assert_eq!(reply.body.as_slice(), b"hello");
    assert_eq!(tunnel.asked(), ["service.example:443"]);
    assert_eq!((server.seen()[0].target.as_str(), server.seen()[0].header("proxy-authorization")), ("/secret", ""));
    let error = get(settings("me:hunter2@"), "https://service.example/").await.unwrap_err().to_string();
    assert!(error.contains("service.example") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn socks_leads_to_either_scheme() {
    let authority = Authority::new();
    let secure =
        CloudServer::start(Some(authority.open_server_called("service.example")), |_| Said::text(200, "secure"));
    let plain = hello();
    for (server, url, body) in
        [(&secure, "https://service.example/", "secure"), (&plain, "http://service.example:81/", "hello")]
    {
        let socks = Socks::start(&host(server), "me", "pw");
        let address = socks.address.replace("socks5://", "socks5h://me:pw@");
        let proxies = Proxies::new(&address, &address, "").unwrap();
        let settings =
            Settings { proxies, roots: Roots::Only(authority.pem.clone().into_bytes()), ..Settings::default() };
        assert_eq!(get(settings, url).await.unwrap().body.as_slice(), body.as_bytes());
        assert_eq!(socks.asked(), ["service.example"]);
    }
}

#[tokio::test]
async fn a_routed_client_does_not_reach_this_machine_by_any_name() {
    let server = hello();
    let settings = || Settings { reach: Reach::Outside, ..Settings::default() };
    for name in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let error = get(settings(), &format!("http://{name}:{}/", server.port)).await.unwrap_err().to_string();
        assert!(error.contains("leads to a loopback, link-local or metadata address"), "{error}");
    }
    assert!(server.seen().is_empty());
}
