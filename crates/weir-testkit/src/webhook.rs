use crate::Authority;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What a webhook says of a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Allowed, with these operations of a JSON patch.
    Patched(Vec<Value>),
    Denied(String),
}

type Decide = dyn Fn(&Value) -> Verdict + Send + Sync;

/// An admission webhook on loopback. Dropping it frees its port.
pub struct Webhook {
    port: u16,
    stopped: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Answers at a port with a certificate of the authority; `decide` gets what an AdmissionReview asks about.
    pub fn start(authority: &Authority, port: u16, decide: impl Fn(&Value) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (stopped, config) = (Arc::new(AtomicBool::new(false)), authority.open_server());
        let (stop, decide): (_, Arc<Decide>) = (stopped.clone(), Arc::new(decide));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (config, decide) = (config.clone(), decide.clone());
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).ok()?;
                    review(rustls::StreamOwned::new(connection, stream), &*decide)
                });
            }
        });
        Self { port, stopped, listening: Some(listening) }
    }

    /// What a webhook's configuration says of who answers at a port.
    pub fn client_config(authority: &Authority, port: u16) -> Value {
        json!({"url": format!("https://127.0.0.1:{port}/"), "caBundle": BASE64_STANDARD.encode(&authority.pem)})
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The accept that is under way is the last one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn review(stream: impl Read + Write, decide: &Decide) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
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
