use crate::GitError;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one operation over the network may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the packs that are received, and of the files that they hold.
    pub bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of the list of references.
    pub refs_bytes: u64,
    pub time: Duration,
}

impl Limits {
    /// 4 GiB.
    pub const DEFAULT_BYTES: u64 = 4 << 30;
}

impl Default for Limits {
    /// 4 GiB, 512 MiB a file, 64 MiB of references (some 700,000), a minute.
    fn default() -> Self {
        Self { bytes: Self::DEFAULT_BYTES, file_bytes: 512 << 20, refs_bytes: 64 << 20, time: Duration::from_secs(60) }
    }
}

/// What the server is sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Refs,
    Pack,
}

impl Phase {
    /// What a request asks for.
    pub fn of(request: &[u8]) -> Self {
        // Before version 2 of the protocol only packs were asked for.
        let lists = request.get(4..).is_some_and(|line| line.starts_with(b"command=ls-refs"));
        if lists { Phase::Refs } else { Phase::Pack }
    }
}

/// Ends an operation that is told to stop, takes too long or receives too much, and keeps the reason
/// on the way through code that knows I/O errors only.
#[derive(Debug)]
pub(crate) struct Guard {
    stop: Arc<AtomicBool>,
    limits: Limits,
    deadline: Instant,
    refs: AtomicU64,
    pack: AtomicU64,
    failure: Mutex<Option<GitError>>,
}

impl Guard {
    pub fn new(stop: Arc<AtomicBool>, limits: Limits) -> Self {
        Self {
            stop,
            limits,
            deadline: Instant::now() + limits.time,
            refs: AtomicU64::new(0),
            pack: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// The time that is left.
    pub fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || self.stop.load(Ordering::Relaxed) {
            return Err(self.fail(self.timed_out()));
        }
        Ok(left)
    }

    pub fn timed_out(&self) -> GitError {
        GitError::TimedOut { seconds: self.limits.time.as_secs() }
    }

    /// Counts what was received.
    pub fn take(&self, phase: Phase, bytes: usize) -> io::Result<()> {
        let (counter, limit, what) = match phase {
            Phase::Refs => (&self.refs, self.limits.refs_bytes, "list of references"),
            Phase::Pack => (&self.pack, self.limits.bytes, "pack"),
        };
        let bytes = bytes as u64;
        if counter.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limit {
            return Err(self.fail(GitError::TooLarge { what, limit }));
        }
        Ok(())
    }

    /// Keeps the first reason; what is returned is for the code in between.
    pub fn fail(&self, error: GitError) -> io::Error {
        let shown = error.to_string();
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        io::Error::other(shown)
    }

    /// Whether nothing has ended the operation.
    pub fn is_alive(&self) -> bool {
        let failed = self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        !failed && self.left().is_ok()
    }

    pub fn failure(&self) -> Option<GitError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
