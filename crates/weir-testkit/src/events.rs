use crate::listener::{Listener, body};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// Takes events as notification-controller does, and keeps their bodies. Dropping it frees its port.
pub struct EventReceiver {
    pub url: String,
    pub port: u16,
    bodies: Arc<Mutex<Vec<serde_json::Value>>>,
    _listener: Listener,
}

impl EventReceiver {
    pub fn start() -> Self {
        Self::answering(0, "202 Accepted")
    }

    /// On the port of one that is gone.
    pub fn on(port: u16) -> Self {
        Self::answering(port, "202 Accepted")
    }

    /// Answers each event with a status line of its own; an empty one is no answer at all.
    pub fn answering(port: u16, status: &'static str) -> Self {
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = bodies.clone();
        let listener = Listener::start(port, move |stream| {
            let _ = receive(stream, status, &kept);
        });
        let port = listener.port;
        Self { url: format!("http://127.0.0.1:{port}/"), port, bodies, _listener: listener }
    }

    pub fn events(&self) -> Vec<serde_json::Value> {
        self.bodies.lock().unwrap().clone()
    }
}

fn receive(stream: TcpStream, status: &str, kept: &Mutex<Vec<serde_json::Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let body = body(&mut reader)?;
    kept.lock().unwrap().push(serde_json::from_slice(&body).ok()?);
    if status.is_empty() {
        // Until the client hangs up.
        return reader.read(&mut [0]).ok().map(drop);
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()
}
