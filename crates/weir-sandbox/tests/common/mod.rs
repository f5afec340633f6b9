//! A client of the in-process service.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use weir_doc::{Node, from_json};
use weir_sandbox::{Options, Sandbox, SandboxBody, SandboxService};

pub struct Client {
    pub sandbox: Arc<Sandbox>,
    service: SandboxService,
    user: Option<String>,
}

pub const JSON: &str = "application/json";
pub const MERGE: &str = "application/merge-patch+json";
pub const APPLY: &str = "application/apply-patch+yaml";

/// Far longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn node(json: &str) -> Node {
    from_json(json.as_bytes()).expect("the test writes valid JSON")
}

pub fn text<'a>(node: &'a Node, path: &str) -> &'a str {
    let keys: Vec<&str> = path.split('.').collect();
    node.path(&keys).and_then(Node::as_str).unwrap_or_default()
}

pub fn number(node: &Node, path: &str) -> i64 {
    let keys: Vec<&str> = path.split('.').collect();
    node.path(&keys).and_then(Node::as_i64).unwrap_or_default()
}

impl Client {
    pub fn new() -> Self {
        Self::open(Options::default())
    }

    pub fn open(options: Options) -> Self {
        Self::of(Sandbox::open(options).expect("a sandbox opens"))
    }

    pub fn of(sandbox: Arc<Sandbox>) -> Self {
        Client { service: sandbox.service(), sandbox, user: None }
    }

    /// The same sandbox as somebody else.
    pub fn as_user(&self, user: &str) -> Self {
        Client { sandbox: self.sandbox.clone(), service: self.service.clone(), user: Some(user.to_owned()) }
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<SandboxBody> {
        let mut request = Request::builder().method(method).uri(path).header("user-agent", "test/1.0");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(user) = &self.user {
            request = request.header("impersonate-user", user);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a valid request");
        self.service.clone().oneshot(request).await.expect("the service never fails")
    }

    pub async fn call(&self, method: &str, path: &str, content_type: &str, body: &str) -> (u16, Node) {
        let response = self.send(method, path, &[("content-type", content_type)], body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
        (code, from_json(&bytes).unwrap_or_else(|_| Node::string(String::from_utf8_lossy(&bytes))))
    }

    pub async fn get(&self, path: &str) -> (u16, Node) {
        self.call("GET", path, JSON, "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> (u16, Node) {
        self.call("POST", path, JSON, body).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Node) {
        self.call("DELETE", path, JSON, "").await
    }

    pub async fn apply(&self, path: &str, manager: &str, body: &str) -> (u16, Node) {
        self.call("PATCH", &format!("{path}?fieldManager={manager}"), APPLY, body).await
    }

    /// A request that has to succeed.
    pub async fn must(&self, method: &str, path: &str, content_type: &str, body: &str) -> Node {
        let (code, node) = self.call(method, path, content_type, body).await;
        assert!(code < 300, "{method} {path}: {code} {}", String::from_utf8_lossy(&weir_doc::to_json(&node)));
        node
    }

    pub async fn namespace(&self, name: &str) {
        self.must("POST", "/api/v1/namespaces", JSON, &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await;
    }

    /// Watches a path until an event fits; returns its object. This is how tests wait.
    pub async fn until(&self, path: &str, fits: impl Fn(&str, &Node) -> bool) -> Node {
        let mut watch = self.watch(path).await;
        loop {
            let (kind, object) = watch.next().await.expect("the watch goes on");
            if fits(&kind, &object) {
                return object;
            }
        }
    }

    /// Waits until a path is no more.
    pub async fn gone(&self, collection: &str, name: &str) {
        let mut watch = self.watch(&format!("{collection}?fieldSelector=metadata.name%3D{name}")).await;
        while self.get(&format!("{collection}/{name}")).await.0 != 404 {
            watch.next().await.expect("the watch goes on");
        }
    }

    pub async fn watch(&self, path: &str) -> Watch {
        let sep = if path.contains('?') { '&' } else { '?' };
        let response = self.send("GET", &format!("{path}{sep}watch=1"), &[], "").await;
        assert_eq!(response.status(), 200, "{path}");
        Watch { body: response.into_body(), buffer: Vec::new() }
    }
}

pub struct Watch {
    body: SandboxBody,
    buffer: Vec<u8>,
}

impl Watch {
    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Node)> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let event = from_json(&line).expect("an event is JSON");
                return Some((text(&event, "type").to_owned(), event.get("object").cloned().unwrap_or_default()));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event comes in time")?;
            self.buffer.extend_from_slice(&frame.expect("a frame").into_data().expect("data"));
        }
    }
}
