use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A SOCKS5 proxy (RFC 1928, RFC 1929) on loopback, for one user, that leads wherever it is asked for to one server.
pub struct Socks {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// `target` is `HOST:PORT`.
    pub fn start(target: &str, username: &str, password: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("socks5://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, target, login) = (asked.clone(), target.to_owned(), (username.to_owned(), password.to_owned()));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, target, login) = (log.clone(), target.clone(), login.clone());
                std::thread::spawn(move || lead(stream, &target, &login, &log));
            }
        });
        Self { address, asked }
    }

    /// The hosts that were asked for, as they were named.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn lead(mut client: TcpStream, target: &str, login: &(String, String), log: &Mutex<Vec<String>>) -> Option<()> {
    let greeting = taken(&mut client, 2)?;
    let methods = taken(&mut client, greeting[1].into())?;
    if !methods.contains(&2) {
        return client.write_all(&[5, 0xff]).ok();
    }
    client.write_all(&[5, 2]).ok()?;
    taken(&mut client, 1)?;
    let (username, password) = (counted(&mut client)?, counted(&mut client)?);
    if (username, password) != *login {
        return client.write_all(&[1, 1]).ok();
    }
    client.write_all(&[1, 0]).ok()?;
    let request = taken(&mut client, 4)?;
    let host = match request[3] {
        3 => counted(&mut client)?,
        _ => taken(&mut client, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
    };
    taken(&mut client, 2)?;
    log.lock().unwrap().push(host);
    let server = TcpStream::connect(target).ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut &server);
    server.shutdown(Shutdown::Write).ok()
}

fn taken(stream: &mut TcpStream, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok().map(|()| bytes)
}

fn counted(stream: &mut TcpStream) -> Option<String> {
    let length = taken(stream, 1)?[0];
    String::from_utf8(taken(stream, length.into())?).ok()
}
