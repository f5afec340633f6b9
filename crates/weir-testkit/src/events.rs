use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Takes events as notification-controller does, and keeps their bodies. Dropping it frees its port.
pub struct EventReceiver {
    pub url: String,
    pub port: u16,
    bodies: Arc<Mutex<Vec<serde_json::Value>>>,
    stopped: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
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
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (bodies, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stop) = (bodies.clone(), stopped.clone());
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let kept = kept.clone();
                std::thread::spawn(move || receive(stream, status, &kept));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}/"), port, bodies, stopped, listening: Some(listening) }
    }

    pub fn events(&self) -> Vec<serde_json::Value> {
        self.bodies.lock().unwrap().clone()
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The accept that is under way is the last one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn receive(stream: TcpStream, status: &str, kept: &Mutex<Vec<serde_json::Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
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
    kept.lock().unwrap().push(serde_json::from_slice(&body).ok()?);
    if status.is_empty() {
        // Until the client hangs up.
        return reader.read(&mut [0]).ok().map(drop);
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()
}
