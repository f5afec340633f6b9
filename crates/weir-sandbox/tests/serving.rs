//! TLS, and what survives a restart.

mod common;

use common::{Client, JSON, text};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_sandbox::{Options, Server};

/// One HTTP/1.1 request over TLS that trusts the sandbox's CA only.
async fn https(server: &Server, path: &str, token: Option<&str>) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_pem.as_bytes()).expect("PEM")).expect("a CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = server.url.strip_prefix("https://").expect("https");
    let stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let mut stream =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let auth = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{auth}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn the_api_is_served_to_who_has_a_token() {
    let client = Client::new();
    let server = client.sandbox.listen("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
    let refused = https(&server, "/api/v1/namespaces", None).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let wrong = https(&server, "/api/v1/namespaces", Some("wrong")).await;
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    let answer = https(&server, "/api/v1/namespaces/default", Some(server.token.expose())).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""name":"default""#), "{answer}");
    let config = server.kubeconfig();
    assert!(config.contains(&server.url) && config.contains(server.token.expose().as_str()));
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = || Options { data_dir: Some(dir.path().to_owned()), ..Options::default() };
    let maps = "/api/v1/namespaces/default/configmaps";
    let client = Client::open(options());
    let server = client.sandbox.listen("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
    let before = (server.url.clone(), server.ca_pem.clone(), server.token.expose().clone());
    client.must("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", JSON, r#"{"metadata":{"name":"ws.x.example.com"},"spec":{"group":"x.example.com","scope":"Cluster","names":{"kind":"W","plural":"ws"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}}}]}}"#).await;
    client.must("POST", "/apis/x.example.com/v1/ws", JSON, r#"{"metadata":{"name":"w"}}"#).await;
    client.must("POST", maps, JSON, r#"{"metadata":{"name":"gone"}}"#).await;
    client.delete(&format!("{maps}/gone")).await;
    let kept = client.must("POST", maps, JSON, r#"{"metadata":{"name":"kept"},"data":{"a":"b"}}"#).await;
    drop(server);
    drop(client);
    // The file is free once the writer's thread has ended.
    let client = reopen(options).await;
    let (code, found) = client.get(&format!("{maps}/kept")).await;
    assert_eq!((code, &found), (200, &kept));
    assert_eq!(client.get(&format!("{maps}/gone")).await.0, 404);
    assert_eq!(client.get("/apis/x.example.com/v1/ws/w").await.0, 200);
    let later = client.must("POST", maps, JSON, r#"{"metadata":{"name":"later"}}"#).await;
    let revision = |node: &weir_doc::Node| text(node, "metadata.resourceVersion").parse::<u64>().expect("a number");
    assert!(revision(&later) > revision(&kept));
    let server = client.sandbox.listen("127.0.0.1:0".parse().expect("an address")).await.expect("it listens");
    assert_eq!((server.url.clone(), server.ca_pem.clone(), server.token.expose().clone()), before);
    let answer = https(&server, &format!("{maps}/kept"), Some(server.token.expose())).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Opens the sandbox as soon as the one before has let go of its file.
async fn reopen(options: impl Fn() -> Options) -> Client {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        if let Ok(sandbox) = weir_sandbox::Sandbox::open(options()) {
            return Client::of(sandbox);
        }
        assert!(std::time::Instant::now() < deadline, "the store is never let go of");
        tokio::task::yield_now().await;
    }
}
