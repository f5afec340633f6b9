use super::client::Client;
use crate::limits::Phase;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One request and its answer, seen from three sides: what is sent, the headers and the body of
/// what comes back. Whoever looks at the answer first sends the request.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Mutex<State>>);

struct State {
    client: Arc<Client>,
    /// Method, URL, headers, and the base of the URL where a redirect may be followed.
    request: Option<(Method, String, HeaderMap, Option<String>)>,
    body: Vec<u8>,
    headers: Vec<u8>,
    answer: Option<BufReader<Answer>>,
}

impl Exchange {
    pub fn get(
        client: &Arc<Client>,
        url: &str,
        base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        Self::new(client, (Method::GET, url.to_owned(), header_map(headers), Some(base.to_owned())))
    }

    pub fn post(client: &Arc<Client>, url: &str, headers: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::new(client, (Method::POST, url.to_owned(), header_map(headers), None))
    }

    fn new(client: &Arc<Client>, request: (Method, String, HeaderMap, Option<String>)) -> Self {
        let (client, request) = (client.clone(), Some(request));
        Self(Arc::new(Mutex::new(State { client, request, body: Vec::new(), headers: Vec::new(), answer: None })))
    }

    pub fn parts(self) -> (Headers, Body, Posted) {
        (Headers { exchange: self.clone(), text: None }, Body { exchange: self.clone(), answer: None }, Posted(self))
    }

    /// Sends the request, unless that was done.
    pub fn send(&self) -> io::Result<()> {
        let mut state = self.state();
        let Some((method, url, headers, base)) = state.request.take() else { return Ok(()) };
        let body = std::mem::take(&mut state.body);
        let phase = if method == Method::GET { Phase::Refs } else { Phase::of(&body) };
        let response = state.client.send(&method, &url, headers, body, base.as_deref())?;
        let mut text = Vec::new();
        for (name, value) in response.headers() {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        state.headers = text;
        state.answer = Some(BufReader::new(Answer { client: state.client.clone(), phase, response }));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.as_ref().split_once(':') else { continue };
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    headers
}

/// What the server sends, counted and timed.
struct Answer {
    client: Arc<Client>,
    phase: Phase,
    response: reqwest::blocking::Response,
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let guard = self.client.guard();
        guard.left()?;
        let read = match self.response.read(buffer) {
            Ok(read) => read,
            Err(error) => {
                // The client's own limit is the time that was left.
                guard.left()?;
                return Err(error);
            }
        };
        guard.take(self.phase, read)?;
        Ok(read)
    }
}

/// The body of a request.
pub(crate) struct Posted(Exchange);

impl Write for Posted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.state().body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The headers of an answer, line by line.
pub(crate) struct Headers {
    exchange: Exchange,
    text: Option<Cursor<Vec<u8>>>,
}

impl Headers {
    fn text(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        if self.text.is_none() {
            self.exchange.send()?;
            self.text = Some(Cursor::new(std::mem::take(&mut self.exchange.state().headers)));
        }
        self.text.as_mut().ok_or_else(no_answer)
    }
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text()?.read(buffer)
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.text()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(text) = &mut self.text {
            text.consume(amount);
        }
    }
}

/// The body of an answer.
pub(crate) struct Body {
    exchange: Exchange,
    answer: Option<BufReader<Answer>>,
}

impl Body {
    fn answer(&mut self) -> io::Result<&mut BufReader<Answer>> {
        if self.answer.is_none() {
            self.exchange.send()?;
            self.answer = self.exchange.state().answer.take();
        }
        self.answer.as_mut().ok_or_else(no_answer)
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answer()?.read(buffer)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.answer()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(answer) = &mut self.answer {
            answer.consume(amount);
        }
    }
}

fn no_answer() -> io::Error {
    io::Error::other("the request was not answered")
}
