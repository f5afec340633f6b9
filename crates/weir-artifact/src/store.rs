use crate::ArtifactError;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use weir_api::common::Artifact;

/// The artifacts of one source controller, on the local disk.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    base_url: String,
}

impl Store {
    /// Artifacts below `root`, served under `base_url` (`http://HOST`).
    pub fn open(root: &Path, base_url: &str) -> Result<Self, ArtifactError> {
        std::fs::create_dir_all(root).map_err(|error| storage("creating", root, &error))?;
        Ok(Self { root: root.to_owned(), base_url: base_url.trim_end_matches('/').to_owned() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes an artifact: to a temporary file first, so that the name never holds half of one.
    pub fn publish(
        &self,
        (kind, namespace, name): (&str, &str, &str),
        file: &str,
        revision: &str,
        bytes: &[u8],
    ) -> Result<Artifact, ArtifactError> {
        let folder = self.folder(kind, namespace, name)?;
        let relative = format!("{}/{}", folder.1, checked(file)?);
        let path = self.root.join(&relative);
        std::fs::create_dir_all(&folder.0).map_err(|error| storage("creating", &folder.0, &error))?;
        let write = || -> std::io::Result<()> {
            let mut temporary = tempfile::NamedTempFile::new_in(&folder.0)?;
            temporary.write_all(bytes)?;
            temporary.as_file().sync_data()?;
            temporary.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| storage("writing", &path, &error))?;
        Ok(Artifact {
            digest: digest(bytes),
            last_update_time: Time(jiff::Timestamp::now()),
            metadata: BTreeMap::new(),
            url: format!("{}/{relative}", self.base_url),
            path: relative,
            revision: revision.to_owned(),
            size: i64::try_from(bytes.len()).ok(),
        })
    }

    /// Whether an artifact is one of this store's, under today's address.
    pub fn serves(&self, artifact: &Artifact) -> bool {
        artifact.url == format!("{}/{}", self.base_url, artifact.path)
    }

    /// Whether an artifact that a status names is on disk with its digest, under today's address.
    pub fn verify(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        self.read(artifact)?;
        if !self.serves(artifact) {
            return Err(ArtifactError::Missing { path: artifact.url.clone() });
        }
        Ok(())
    }

    /// The bytes of an artifact, when they have the digest that its object says.
    pub fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
        let relative = artifact.path.split('/').map(checked).collect::<Result<Vec<_>, _>>()?.join("/");
        let path = self.root.join(relative);
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ArtifactError::Missing { path: artifact.path.clone() },
            _ => storage("reading", &path, &error),
        })?;
        let found = digest(&bytes);
        if found != artifact.digest {
            let (path, expected) = (artifact.path.clone(), artifact.digest.clone());
            return Err(ArtifactError::Digest { path, expected, found });
        }
        Ok(bytes)
    }

    /// Removes the files of an object but the one named (all, for none).
    pub fn collect(
        &self,
        (kind, namespace, name): (&str, &str, &str),
        keep: Option<&str>,
    ) -> Result<(), ArtifactError> {
        let (folder, _) = self.folder(kind, namespace, name)?;
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(storage("listing", &folder, &error)),
        };
        for entry in entries.flatten().filter(|entry| keep.is_none_or(|keep| entry.file_name() != *keep)) {
            std::fs::remove_file(entry.path()).map_err(|error| storage("removing", &entry.path(), &error))?;
        }
        if keep.is_none() {
            std::fs::remove_dir(&folder).map_err(|error| storage("removing", &folder, &error))?;
        }
        Ok(())
    }

    fn folder(&self, kind: &str, namespace: &str, name: &str) -> Result<(PathBuf, String), ArtifactError> {
        let relative = format!("{}/{}/{}", checked(&kind.to_lowercase())?, checked(namespace)?, checked(name)?);
        Ok((self.root.join(&relative), relative))
    }
}

/// `sha256:HEX` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold("sha256:".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A single path segment that stays in its folder.
fn checked(segment: &str) -> Result<&str, ArtifactError> {
    let fits = !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:+".contains(&b));
    if fits { Ok(segment) } else { Err(ArtifactError::BadName(segment.to_owned())) }
}

fn storage(action: &'static str, path: &Path, error: &std::io::Error) -> ArtifactError {
    ArtifactError::Storage { action, path: path.display().to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: (&str, &str, &str) = ("GitRepository", "apps", "podinfo");

    fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(dir.path(), "http://source.example/").expect("opens")
    }

    #[test]
    fn what_is_published_can_be_read_and_what_changed_cannot() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = store(&dir);
        let artifact = store.publish(OBJECT, "abc.tar.gz", "main@sha1:abc", b"bytes").expect("publishes");
        assert_eq!(artifact.url, "http://source.example/gitrepository/apps/podinfo/abc.tar.gz");
        assert_eq!(store.read(&artifact).expect("reads"), b"bytes");
        store.verify(&artifact).expect("is there");
        std::fs::write(dir.path().join(&artifact.path), b"other").expect("writes");
        assert!(matches!(store.read(&artifact), Err(ArtifactError::Digest { .. })));
        store.collect(OBJECT, None).expect("removes");
        assert!(matches!(store.read(&artifact), Err(ArtifactError::Missing { .. })));
    }

    #[test]
    fn old_files_go_and_the_named_one_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = store(&dir);
        let old = store.publish(OBJECT, "old.tar.gz", "r1", b"1").expect("publishes");
        let new = store.publish(OBJECT, "new.tar.gz", "r2", b"2").expect("publishes");
        store.collect(OBJECT, Some("new.tar.gz")).expect("collects");
        assert!(store.read(&old).is_err());
        store.read(&new).expect("is kept");
    }

    #[test]
    fn no_name_leads_out_of_the_root() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = store(&dir);
        assert!(store.publish(("K", "..", "x"), "f", "r", b"").is_err());
        assert!(store.publish(("K", "n", "x"), "../f", "r", b"").is_err());
        let mut artifact = store.publish(OBJECT, "a.tar.gz", "r", b"1").expect("publishes");
        artifact.path = "../../etc/passwd".to_owned();
        assert!(matches!(store.read(&artifact), Err(ArtifactError::BadName(_))));
    }
}
