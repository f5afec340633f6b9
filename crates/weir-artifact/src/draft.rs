use crate::ArtifactError;
use crate::digest::{Algorithm, Hasher};
use crate::store::storage;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use tempfile::NamedTempFile;
use weir_api::common::Artifact;

/// An artifact that is being written. Until it is published its name does not exist, or holds what
/// it held before; dropping it leaves nothing behind.
pub struct Draft {
    pub(crate) temporary: NamedTempFile,
    pub(crate) hasher: Hasher,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
    /// Below the root.
    pub(crate) relative: String,
    pub(crate) base_url: String,
    /// Held until the end: another process that shares the folder waits.
    pub(crate) lock: File,
}

impl Draft {
    pub(crate) fn new(
        temporary: NamedTempFile,
        algorithm: Algorithm,
        (path, relative, base_url): (PathBuf, String, String),
        lock: File,
    ) -> Self {
        Self { temporary, hasher: Hasher::new(algorithm), size: 0, path, relative, base_url, lock }
    }

    /// Gives the artifact its name.
    pub fn publish(self, revision: &str) -> Result<Artifact, ArtifactError> {
        let Self { temporary, hasher, size, path, relative, base_url, lock } = self;
        temporary
            .as_file()
            .sync_data()
            .and_then(|()| temporary.persist(&path).map_err(|error| error.error))
            .map_err(|error| storage("writing", &path, &error))?;
        drop(lock);
        Ok(Artifact {
            digest: hasher.finish(),
            last_update_time: Time(jiff::Timestamp::now()),
            metadata: BTreeMap::new(),
            url: format!("{base_url}/{relative}"),
            path: relative,
            revision: revision.to_owned(),
            size: i64::try_from(size).ok(),
        })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.temporary.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.temporary.flush()
    }
}
