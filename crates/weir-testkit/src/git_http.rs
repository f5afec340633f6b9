use crate::git_pack;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// The real `git http-backend` behind a small HTTP/1.1 server on loopback.
pub struct GitHttp {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// What stands in the request line; a whole URL where the server is used as a proxy.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What git http-backend says.
    Git,
    /// A status line without number and text of its own, and headers.
    Status(&'static str, Vec<(&'static str, String)>),
    /// Nothing, until the client hangs up.
    Hang,
    /// The connection is closed at once.
    Reset,
    /// This pack instead of the one that was asked for.
    Pack(Vec<u8>),
    /// A pack of one object with so many bytes, sent until the client hangs up.
    Zeros(u64),
    /// Half of what git http-backend says, under the length of the whole.
    Half,
}

type Decide = dyn Fn(&Request) -> Answer + Send + Sync;

impl GitHttp {
    /// Serves the repositories below a folder, to be read by anyone, until the process ends.
    pub fn serve(root: &Path) -> Self {
        Self::start(root, None, |_| Answer::Git)
    }

    /// The same for those only who send this `Authorization` header.
    pub fn guarded(root: &Path, authorization: &str) -> Self {
        let expected = authorization.to_owned();
        Self::start(root, None, move |request| {
            if request.header("authorization") == expected {
                return Answer::Git;
            }
            Answer::Status("401 Unauthorized", vec![("WWW-Authenticate", "Basic realm=\"git\"".to_owned())])
        })
    }

    /// A proxy that answers whatever host it is asked for with its own repositories, for those only
    /// who send this `Proxy-Authorization` header.
    pub fn guarded_proxy(root: &Path, authorization: &str) -> Self {
        let expected = authorization.to_owned();
        Self::start(root, None, move |request| {
            if request.header("proxy-authorization") == expected {
                return Answer::Git;
            }
            Answer::Status("407 Proxy Authentication Required", Vec::new())
        })
    }

    /// A server with a mind of its own, over TLS where it is configured.
    pub fn start(
        root: &Path,
        tls: Option<Arc<rustls::ServerConfig>>,
        decide: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (root, log, decide) = (root.to_owned(), seen.clone(), Arc::new(decide));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log, decide, tls) = (root.clone(), log.clone(), decide.clone(), tls.clone());
                // A client that hangs up early is its own affair.
                std::thread::spawn(move || match tls {
                    None => answer(stream, &root, &log, &*decide),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config).ok()?;
                        answer(rustls::StreamOwned::new(connection, stream), &root, &log, &*decide)
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// The URL of a repository below the root.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    pub fn requests(&self) -> usize {
        self.seen().len()
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(stream: impl Read + Write, root: &Path, log: &Mutex<Vec<Request>>, decide: &Decide) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut parts = line.split_whitespace();
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let request = Request { method, target, headers };
    log.lock().unwrap().push(request.clone());
    let decided = decide(&request);
    let is_half = match &decided {
        Answer::Git | Answer::Pack(_) | Answer::Zeros(_) => false,
        Answer::Half => true,
        Answer::Reset => return None,
        Answer::Hang => {
            let _ = reader.read_to_end(&mut Vec::new());
            return None;
        }
        Answer::Status(status, headers) => {
            let head: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let text = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{head}\r\n");
            return finish(&mut reader, text.as_bytes());
        }
    };
    let header = |name: &str| request.header(name);
    let body = match header("content-length").parse::<usize>() {
        Ok(length) => {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            body
        }
        Err(_) if header("transfer-encoding") == "chunked" => chunked(&mut reader)?,
        Err(_) => Vec::new(),
    };
    let is_fetch = body.windows(13).any(|bytes| bytes == b"command=fetch");
    match &decided {
        Answer::Pack(pack) if is_fetch => {
            let body = git_pack::answered(pack);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-git-upload-pack-result\r\n";
            let mut text = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            text.extend_from_slice(&body);
            return finish(&mut reader, &text);
        }
        Answer::Zeros(size) if is_fetch => return git_pack::send_zeros(reader.get_mut(), *size).ok(),
        _ => {}
    }
    let (method, target) = (request.method.as_str(), request.target.as_str());
    // A proxy is asked for a whole URL.
    let target = match target.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(&body).ok()?;
    let mut output = BufReader::with_capacity(64 << 10, child.stdout.take()?);
    let mut head = String::from("HTTP/1.1 200 OK\r\nConnection: close\r\n");
    loop {
        let mut line = String::new();
        output.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        match line.strip_prefix("Status: ") {
            Some(status) => head = head.replace("200 OK", status.trim()),
            None => head.push_str(&line),
        }
    }
    if is_half {
        let mut body = Vec::new();
        output.read_to_end(&mut body).ok()?;
        let mut answer = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body[..body.len() / 2]);
        child.wait().ok()?;
        return finish(&mut reader, &answer);
    }
    head.push_str("Transfer-Encoding: chunked\r\n\r\n");
    let sent = relay(&mut output, reader.get_mut(), &head);
    // A client that hung up leaves it with nobody to talk to.
    drop(output);
    let _ = child.wait();
    sent.ok()?;
    finish(&mut reader, b"0\r\n\r\n")
}

/// Sends an answer while it is being made, in chunks.
fn relay(from: &mut impl BufRead, to: &mut impl Write, head: &str) -> std::io::Result<()> {
    to.write_all(head.as_bytes())?;
    loop {
        let chunk = from.fill_buf()?;
        let length = chunk.len();
        if length == 0 {
            return Ok(());
        }
        to.write_all(format!("{length:x}\r\n").as_bytes())?;
        to.write_all(chunk)?;
        to.write_all(b"\r\n")?;
        from.consume(length);
    }
}

/// Sends the last bytes and closes, the TLS session too.
fn finish<S: Read + Write>(reader: &mut BufReader<S>, bytes: &[u8]) -> Option<()> {
    let stream = reader.get_mut();
    stream.write_all(bytes).ok()?;
    stream.flush().ok()
}

fn chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
