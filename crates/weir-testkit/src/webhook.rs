use crate::Authority;
use crate::listener::{Listener, body};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::io::{BufReader, Read, Write};

/// What a webhook says of a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Allowed, with these operations of a JSON patch.
    Patched(Vec<Value>),
    Denied(String),
}

/// An admission webhook on loopback. Dropping it frees its port.
pub struct Webhook {
    _listener: Listener,
}

impl Webhook {
    /// Answers at a port with a certificate of the authority; `decide` gets what an AdmissionReview asks about.
    pub fn start(authority: &Authority, port: u16, decide: impl Fn(&Value) -> Verdict + Send + Sync + 'static) -> Self {
        let config = authority.open_server();
        let serve = move |stream| {
            if let Ok(connection) = rustls::ServerConnection::new(config.clone()) {
                let _ = review(rustls::StreamOwned::new(connection, stream), &decide);
            }
        };
        Self { _listener: Listener::start(port, serve) }
    }

    /// What a webhook's configuration says of who answers at a port.
    pub fn client_config(authority: &Authority, port: u16) -> Value {
        json!({"url": format!("https://127.0.0.1:{port}/"), "caBundle": BASE64_STANDARD.encode(&authority.pem)})
    }
}

fn review(stream: impl Read + Write, decide: &dyn Fn(&Value) -> Verdict) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let body = body(&mut reader)?;
    let review: Value = serde_json::from_slice(&body).ok()?;
    let request = &review["request"];
    let mut response = json!({"uid": request["uid"], "allowed": true});
    match decide(request) {
        Verdict::Patched(operations) if operations.is_empty() => {}
        Verdict::Patched(operations) => {
            response["patchType"] = "JSONPatch".into();
            response["patch"] = BASE64_STANDARD.encode(Value::from(operations).to_string()).into();
        }
        Verdict::Denied(message) => {
            response["allowed"] = false.into();
            response["status"] = json!({"message": message});
        }
    }
    let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    let (answer, stream) = (answer.to_string(), reader.get_mut());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
    write!(stream, "{head} {}\r\n\r\n{answer}", answer.len()).ok()?;
    stream.flush().ok()
}
