use crate::listener::Listener;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

/// An HTTP proxy that knows `CONNECT` only, for one user, and leads wherever it is asked for to one server.
pub struct Tunnel {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _listener: Listener,
}

impl Tunnel {
    /// `target` is `HOST:PORT`; `login` is what has to follow `Proxy-Authorization: `.
    pub fn start(target: &str, login: &str) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, target, login) = (asked.clone(), target.to_owned(), login.to_owned());
        let listener = Listener::start(0, move |stream| {
            // A client that hangs up early is its own affair.
            let _ = lead(stream, &target, &login, &log);
        });
        Self { port: listener.port, asked, _listener: listener }
    }

    /// `HOST:PORT` of each `CONNECT`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn lead(client: TcpStream, target: &str, login: &str, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let host = line.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let mut is_user = false;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        is_user |= name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == login;
    }
    let mut client = client;
    if !is_user {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").ok();
    }
    log.lock().unwrap().push(host);
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    // What the reader has taken in already belongs to the server.
    let _ = std::io::copy(&mut reader, &mut server);
    server.shutdown(Shutdown::Write).ok()
}
