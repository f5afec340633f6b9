//! Which old artifacts go: Flux's `--artifact-retention-ttl` and `--artifact-retention-records`.

use crate::ArtifactError;
use crate::store::storage;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Files of one object that a look takes in.
const COUNT_LIMIT: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Older files than this go, but for the current one.
    pub ttl: Duration,
    /// No more files than this stay, the current one among them.
    pub records: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(60), records: 2 }
    }
}

/// The files beside `current` that may go.
pub(crate) fn garbage(current: &Path, retention: Retention) -> Result<Vec<PathBuf>, ArtifactError> {
    let folder = current.parent().unwrap_or(current);
    let failed = |error: std::io::Error| storage("listing", folder, &error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.take(COUNT_LIMIT) {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        // Locks go with their files.
        if metadata.is_file() && path.extension().is_none_or(|extension| extension != "lock") {
            files.push((metadata.modified().map_err(failed)?, path));
        }
    }
    files.sort();
    let now = SystemTime::now();
    let is_old = |(time, _): &(SystemTime, PathBuf)| now.duration_since(*time).is_ok_and(|age| age > retention.ttl);
    let mut left = files.len();
    let mut garbage = Vec::new();
    for expired in [true, false] {
        for file in files.iter().filter(|file| file.1 != current && is_old(file) == expired) {
            if expired || left > retention.records {
                garbage.push(file.1.clone());
                left -= 1;
            }
        }
    }
    Ok(garbage)
}
