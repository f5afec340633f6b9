//! A token in a file, as a pod and many kubeconfigs have it, is read again when it was renewed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

use kube::config::{KubeConfigOptions, Kubeconfig};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;
use weir_kube::Fence;

/// Answers every request with the Authorization header that it had.
fn echo() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let (mut line, mut seen) = (String::new(), String::new());
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(value) = line.trim().strip_prefix("authorization: ") {
                    value.clone_into(&mut seen);
                }
                if line.trim().is_empty() {
                    let body = format!("{{\"message\":\"{seen}\"}}");
                    let head =
                        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _ = write!(stream.get_mut(), "{head}{body}");
                    break;
                }
                line.clear();
            }
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_renewed_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "first").unwrap();
    let kubeconfig = format!(
        "apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: '{}'}}}}]
users: [{{name: u, user: {{tokenFile: '{}'}}}}]
",
        echo(),
        file.display()
    );
    let read = Kubeconfig::from_yaml(&kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
    let client = weir_kube::client(config, |_, _| {}, Fence::default()).unwrap();
    let handle = tokio::runtime::Handle::current();
    let sent = || {
        let request = http::Request::get("/").body(Vec::new()).unwrap();
        let answer: serde_json::Value = handle.block_on(client.request(request)).unwrap();
        answer["message"].as_str().unwrap().to_owned()
    };
    tokio::task::block_in_place(|| {
        assert_eq!(sent(), "Bearer first");
        std::fs::write(&file, "second").unwrap();
        // As client-go, the file is read once a minute; its owner renews it long before the old one ends.
        weir_testkit::eventually_within(Duration::from_secs(90), "the new token is sent", || {
            let sent = sent();
            if sent == "Bearer second" { Ok(()) } else { Err(sent) }
        });
    });
}
