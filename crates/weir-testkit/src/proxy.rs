use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A loopback TCP proxy in front of an API server: the connection between the two can be cut, held
/// up, slowed down and restored, and a client be stopped at its n-th request. It sees bytes only, so that TLS goes
/// through it: what is counted are the pieces that clients send, mostly one for a request.
pub struct Proxy {
    kubeconfig: PathBuf,
    state: Arc<State>,
    _dir: tempfile::TempDir,
}

struct State {
    upstream: SocketAddr,
    line: Mutex<Line>,
    changed: Condvar,
}

struct Line {
    mode: Mode,
    streams: Vec<TcpStream>,
    /// What clients have sent.
    sent: u64,
    /// The piece at which the line is held.
    last: Option<u64>,
}

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    /// Each piece of an answer comes so much later.
    Slow(Duration),
    /// Connections stay, and nothing gets through.
    Held,
    /// Connections are closed, new ones at once.
    Cut,
}

impl Proxy {
    /// In front of the server that a kubeconfig names.
    pub fn before(kubeconfig: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap();
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let upstream = server(&text);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, text.replace(&upstream.to_string(), &own.to_string())).unwrap();
        let line = Mutex::new(Line { mode: Mode::Open, streams: Vec::new(), sent: 0, last: None });
        let state = Arc::new(State { upstream, line, changed: Condvar::new() });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || state.connect(stream));
            }
        });
        Self { kubeconfig: path, state, _dir: dir }
    }

    /// The same cluster, through the proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Closes every connection, and new ones at once: the server is down.
    pub fn cut(&self) {
        self.state.set(Mode::Cut);
        for stream in self.state.line.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing through, and closes nothing: packets are lost on the way.
    pub fn hold(&self) {
        self.state.set(Mode::Held);
    }

    /// Holds the line at the n-th piece from now that a client sends, before the server sees it.
    pub fn hold_at(&self, n: u64) {
        let mut line = self.state.line.lock().unwrap();
        line.last = Some(line.sent + n);
    }

    pub fn is_held(&self) -> bool {
        self.state.line.lock().unwrap().mode == Mode::Held
    }

    /// How many pieces clients have sent so far.
    pub fn sent(&self) -> u64 {
        self.state.line.lock().unwrap().sent
    }

    /// Answers come later: the server's disk is slow.
    pub fn slow(&self, by: Duration) {
        self.state.set(Mode::Slow(by));
    }

    /// What was held goes on its way.
    pub fn restore(&self) {
        self.state.line.lock().unwrap().last = None;
        self.state.set(Mode::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The address in a kubeconfig; both backends listen on 127.0.0.1.
fn server(kubeconfig: &str) -> SocketAddr {
    let rest = kubeconfig.split_once("https://").expect("the server is spoken to in https").1;
    let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().expect("an address and a port")
}

impl State {
    fn set(&self, mode: Mode) {
        self.line.lock().unwrap().mode = mode;
        self.changed.notify_all();
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> Option<()> {
        if self.line.lock().unwrap().mode == Mode::Cut {
            return None;
        }
        let server = TcpStream::connect(self.upstream).ok()?;
        self.line.lock().unwrap().streams.extend([client.try_clone().ok()?, server.try_clone().ok()?]);
        let (to, from) = (server.try_clone().ok()?, client.try_clone().ok()?);
        let state = self.clone();
        std::thread::spawn(move || state.pump(from, to, false));
        self.pump(server, client, true);
        Some(())
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            let mut line = self.line.lock().unwrap();
            if !is_answer {
                line.sent += 1;
                if line.last == Some(line.sent) {
                    line.mode = Mode::Held;
                }
            }
            while line.mode == Mode::Held {
                line = self.changed.wait(line).unwrap();
            }
            let mode = line.mode;
            drop(line);
            match mode {
                Mode::Cut => break,
                // The delay is the fault that is simulated, not a way to wait for something.
                Mode::Slow(by) if is_answer => std::thread::sleep(by),
                _ => {}
            }
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
