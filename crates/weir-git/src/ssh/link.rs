//! The two ends that gix reads and writes, over a connection that is moved by whoever waits at one
//! of them.

use super::session::{Session, explained};
use crate::GitError;
use crate::limits::{Guard, Phase};
use russh::ChannelMsg;
use std::io::{self, Read, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use weir_base::redact_url;

/// How often a wait looks whether it was told to stop.
const TICK: Duration = Duration::from_millis(100);
/// What is kept of what the server says on its standard error.
const STDERR_BYTES: usize = 1000;
/// What is sent at once.
const SEND_BYTES: usize = 32 * 1024;

/// Runs the connection's work, within the limits.
pub(super) struct Drive {
    /// Taken at the end only.
    runtime: Option<Runtime>,
    guard: Arc<Guard>,
}

impl Drive {
    pub fn new(guard: Arc<Guard>) -> Result<Self, GitError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| GitError::Scratch(error.to_string()))?;
        Ok(Self { runtime: Some(runtime), guard })
    }

    /// Waits for the work, but neither longer than there is time nor once told to stop.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> io::Result<T> {
        let runtime = self.runtime.as_ref().ok_or_else(|| io::Error::other("the connection is closed"))?;
        runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                let wait = self.guard.left()?.min(TICK);
                if let Ok(done) = tokio::time::timeout(wait, &mut work).await {
                    return Ok(done);
                }
            }
        })
    }

    /// Why the work was given up.
    pub fn failure(&self) -> GitError {
        self.guard.failure().unwrap_or_else(|| self.guard.timed_out())
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Looking up a name may still be under way.
            runtime.shutdown_background();
        }
    }
}

/// The two ends of an exchange.
pub(super) fn halves(drive: Drive, session: Session, url: String) -> (Reader, Writer) {
    let link = Link {
        session,
        drive,
        url,
        phase: Phase::Refs,
        is_answered: false,
        to_send: Vec::new(),
        received: Vec::new(),
        taken: 0,
        stderr: Vec::new(),
        end: None,
    };
    let link = Arc::new(Mutex::new(link));
    (Reader(link.clone()), Writer(link))
}

pub(crate) struct Reader(Arc<Mutex<Link>>);

pub(crate) struct Writer(Arc<Mutex<Link>>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).read(buffer)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut link = lock(&self.0);
        link.to_send.extend_from_slice(bytes);
        if link.to_send.len() >= SEND_BYTES {
            link.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.0).send()
    }
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Link {
    session: Session,
    drive: Drive,
    url: String,
    /// What the server is sending.
    phase: Phase,
    /// Whether anything was read since the last request.
    is_answered: bool,
    to_send: Vec<u8>,
    received: Vec<u8>,
    /// How much of what was received was read.
    taken: usize,
    stderr: Vec<u8>,
    /// How the program at the other end ended.
    end: Option<String>,
}

impl Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.send()?;
        while self.taken == self.received.len() {
            match self.drive.run(self.session.channel.wait())? {
                Some(ChannelMsg::Data { data }) => {
                    self.drive.guard.take(self.phase, data.len())?;
                    self.received = data.to_vec();
                    self.taken = 0;
                }
                Some(message) => self.note(message)?,
                None => return self.ended(),
            }
        }
        self.is_answered = true;
        let left = &self.received[self.taken..];
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.taken += length;
        Ok(length)
    }

    fn send(&mut self) -> io::Result<()> {
        if self.to_send.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.to_send);
        if std::mem::take(&mut self.is_answered) {
            self.phase = Phase::of(&bytes);
        }
        match self.drive.run(self.session.channel.data_bytes(bytes))? {
            Ok(()) => Ok(()),
            // Why it takes nothing any more is among what it said.
            Err(error) => {
                while let Some(message) = self.drive.run(self.session.channel.wait())? {
                    self.note(message)?;
                }
                self.ended()?;
                Err(self.failed(explained(&error)))
            }
        }
    }

    /// What the server says beside its answer.
    fn note(&mut self, message: ChannelMsg) -> io::Result<()> {
        match message {
            ChannelMsg::ExtendedData { data, .. } => {
                let room = STDERR_BYTES.saturating_sub(self.stderr.len());
                self.stderr.extend_from_slice(&data[..data.len().min(room)]);
            }
            ChannelMsg::ExitStatus { exit_status } => self.end = Some(format!("status {exit_status}")),
            ChannelMsg::ExitSignal { signal_name, .. } => self.end = Some(format!("signal {signal_name:?}")),
            ChannelMsg::Failure => {
                return Err(self.failed("the server does not run git-upload-pack".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// There is no more to read; that is no mistake only where the program had nothing to complain of.
    fn ended(&self) -> io::Result<usize> {
        let said = printable(&self.stderr);
        let message = match (self.end.as_deref(), said.as_str()) {
            (Some("status 0"), "") => return Ok(0),
            (Some(end), "") => format!("git-upload-pack ended with {end}"),
            (Some(end), said) => format!("git-upload-pack ended with {end}: {said}"),
            (None, "") => "the server closed the connection".to_owned(),
            (None, said) => format!("the server closed the connection: {said}"),
        };
        Err(self.failed(message))
    }

    fn failed(&self, message: String) -> io::Error {
        self.drive.guard.fail(GitError::Remote { url: self.url.clone(), message })
    }
}

/// One line without control characters and without logins in URLs.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean = text.replace(|c: char| c.is_control(), " ");
    let words = clean.split_whitespace().map(|word| match word.contains("://") {
        true => redact_url(word),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_becomes_one_safe_line() {
        let said = printable(b"fatal:\x1b[31m no\n\taccess to https://me:s3cr3t@example.com/a\xff\r\n");
        assert_eq!(said, "fatal: [31m no access to https://example.com/a\u{fffd}");
    }
}
