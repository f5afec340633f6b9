use crate::ArtifactError;
use crate::digest::{Algorithm, Hasher};
use crate::draft::Draft;
use crate::retention::{Retention, garbage};
use std::fs::File;
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use weir_api::common::Artifact;

/// The artifacts of one source controller, on the local disk.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    base_url: String,
    algorithm: Algorithm,
    retention: Retention,
}

/// Kind, namespace and name of the object that an artifact is of.
pub type Place<'p> = (&'p str, &'p str, &'p str);

impl Store {
    /// Artifacts below `root`, served under `base_url` (`http://HOST`).
    pub fn open(root: &Path, base_url: &str) -> Result<Self, ArtifactError> {
        std::fs::create_dir_all(root).map_err(|error| storage("creating", root, &error))?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { root: root.to_owned(), base_url, algorithm: Algorithm::default(), retention: Retention::default() })
    }

    /// The same with other rules for new artifacts and old ones.
    pub fn with(self, algorithm: Algorithm, retention: Retention) -> Self {
        Self { algorithm, retention, ..self }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Begins an artifact. Blocks while another process writes the same one.
    pub fn begin(&self, place: Place<'_>, file: &str) -> Result<Draft, ArtifactError> {
        let (folder, relative) = self.folder(place)?;
        let relative = format!("{relative}/{}", checked(file)?);
        let path = self.root.join(&relative);
        std::fs::create_dir_all(&folder).map_err(|error| storage("creating", &folder, &error))?;
        let lock = locked(&path)?;
        let temporary =
            tempfile::NamedTempFile::new_in(&folder).map_err(|error| storage("creating a file in", &folder, &error))?;
        Ok(Draft::new(temporary, self.algorithm, (path, relative, self.base_url.clone()), lock))
    }

    /// Writes an artifact whose bytes are at hand.
    pub fn publish(
        &self,
        place: Place<'_>,
        file: &str,
        revision: &str,
        bytes: &[u8],
    ) -> Result<Artifact, ArtifactError> {
        let mut draft = self.begin(place, file)?;
        draft.write_all(bytes).map_err(|error| storage("writing", Path::new(file), &error))?;
        draft.publish(revision)
    }

    /// The address that an artifact has today.
    pub fn url(&self, artifact: &Artifact) -> String {
        format!("{}/{}", self.base_url, artifact.path.trim_start_matches('/'))
    }

    /// Whether an artifact is one of this store's, under today's address.
    pub fn serves(&self, artifact: &Artifact) -> bool {
        artifact.url == self.url(artifact)
    }

    /// Whether the artifact that a status names is on disk with its digest. One with another digest
    /// is removed, so that nobody is served what no status describes.
    pub fn verify(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let path = self.path_of(artifact)?;
        let mut file = open(&path, artifact)?;
        let mut hasher = hasher_for(artifact)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).map_err(|error| storage("reading", &path, &error))? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        let result = compare(artifact, hasher);
        if result.is_err() {
            std::fs::remove_file(&path).map_err(|error| storage("removing", &path, &error))?;
        }
        result
    }

    /// The bytes of an artifact, when they have the digest that its object says.
    pub fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
        let path = self.path_of(artifact)?;
        let mut bytes = Vec::new();
        open(&path, artifact)?.read_to_end(&mut bytes).map_err(|error| storage("reading", &path, &error))?;
        let mut hasher = hasher_for(artifact)?;
        hasher.update(&bytes);
        compare(artifact, hasher)?;
        Ok(bytes)
    }

    /// Removes old artifacts of the object whose current one is named; says how many went.
    pub fn collect(&self, current: &Artifact) -> Result<usize, ArtifactError> {
        let path = self.path_of(current)?;
        let removed = garbage(&path, self.retention)?;
        for old in &removed {
            // Gone already is as good.
            match std::fs::remove_file(old) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(storage("removing", old, &error)),
                _ => {}
            }
            let _ = std::fs::remove_file(lock_path(old));
        }
        Ok(removed.len())
    }

    /// Removes everything of an object; says whether there was anything.
    pub fn remove(&self, place: Place<'_>) -> Result<bool, ArtifactError> {
        let (folder, _) = self.folder(place)?;
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(storage("removing", &folder, &error)),
        }
    }

    fn path_of(&self, artifact: &Artifact) -> Result<PathBuf, ArtifactError> {
        let relative = artifact.path.split('/').map(checked).collect::<Result<Vec<_>, _>>()?.join("/");
        Ok(self.root.join(relative))
    }

    fn folder(&self, (kind, namespace, name): Place<'_>) -> Result<(PathBuf, String), ArtifactError> {
        let relative = format!("{}/{}/{}", checked(&kind.to_lowercase())?, checked(namespace)?, checked(name)?);
        Ok((self.root.join(&relative), relative))
    }
}

fn open(path: &Path, artifact: &Artifact) -> Result<File, ArtifactError> {
    let missing = || ArtifactError::Missing { path: artifact.path.clone() };
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    match File::open(path) {
        Ok(file) if is_file => Ok(file),
        Ok(_) => Err(missing()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(storage("reading", path, &error)),
    }
}

pub(crate) fn hasher_for(artifact: &Artifact) -> Result<Hasher, ArtifactError> {
    let algorithm = Algorithm::of(&artifact.digest)
        .ok_or_else(|| ArtifactError::Algorithm { path: artifact.path.clone(), digest: artifact.digest.clone() })?;
    Ok(Hasher::new(algorithm))
}

pub(crate) fn compare(artifact: &Artifact, hasher: Hasher) -> Result<(), ArtifactError> {
    let found = hasher.finish();
    if found == artifact.digest {
        return Ok(());
    }
    let (path, expected) = (artifact.path.clone(), artifact.digest.clone());
    Err(ArtifactError::Digest { path, expected, found })
}

/// The lock beside a file, as Flux names it.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn locked(path: &Path) -> Result<File, ArtifactError> {
    let path = lock_path(path);
    let failed =
        |error: std::io::Error| ArtifactError::Lock { path: path.display().to_string(), message: error.to_string() };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// A single path segment that stays in its folder.
fn checked(segment: &str) -> Result<&str, ArtifactError> {
    let fits = !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:+".contains(&b));
    if fits { Ok(segment) } else { Err(ArtifactError::BadName(segment.to_owned())) }
}

pub(crate) fn storage(action: &'static str, path: &Path, error: &std::io::Error) -> ArtifactError {
    ArtifactError::Storage { action, path: path.display().to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const OBJECT: Place<'static> = ("GitRepository", "apps", "podinfo");

    fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(dir.path(), "http://source.example/").expect("opens")
    }

    fn files(dir: &tempfile::TempDir) -> Vec<String> {
        let folder = dir.path().join("gitrepository/apps/podinfo");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_published_can_be_read_and_what_changed_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = store(&dir);
        let artifact = store.publish(OBJECT, "abc.tar.gz", "main@sha1:abc", b"bytes").expect("publishes");
        assert_eq!(artifact.url, "http://source.example/gitrepository/apps/podinfo/abc.tar.gz");
        assert_eq!(store.read(&artifact).expect("reads"), b"bytes");
        store.verify(&artifact).expect("is there");
        std::fs::write(dir.path().join(&artifact.path), b"other").expect("writes");
        assert!(matches!(store.read(&artifact), Err(ArtifactError::Digest { .. })));
        assert!(matches!(store.verify(&artifact), Err(ArtifactError::Digest { .. })));
        assert!(matches!(store.verify(&artifact), Err(ArtifactError::Missing { .. })));
        assert_eq!(files(&dir), ["abc.tar.gz.lock"]);
        assert!(store.remove(OBJECT).expect("removes"));
        assert_eq!(files(&dir), [""; 0]);
        assert!(!store.remove(OBJECT).expect("nothing is left"));
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut draft = store(&dir).begin(OBJECT, "abc.tar.gz").expect("begins");
        draft.write_all(b"half").expect("writes");
        drop(draft);
        assert_eq!(files(&dir), ["abc.tar.gz.lock"]);
    }

    #[test]
    fn the_current_artifact_and_the_newest_others_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = store(&dir).with(Algorithm::Sha512, Retention { ttl: Duration::from_secs(60), records: 2 });
        let mut last = None;
        for (age, file) in [(500, "a"), (400, "b"), (20, "c"), (10, "d"), (0, "e")] {
            let artifact = store.publish(OBJECT, file, "r", file.as_bytes()).expect("publishes");
            let then = std::time::SystemTime::now() - Duration::from_secs(age);
            let written = File::options().write(true).open(dir.path().join(&artifact.path)).expect("opens");
            written.set_modified(then).expect("ages");
            last = Some(artifact);
        }
        let last = last.expect("the newest");
        assert!(last.digest.starts_with("sha512:"));
        assert_eq!(store.collect(&last).expect("collects"), 3);
        assert_eq!(files(&dir), ["d", "d.lock", "e", "e.lock"]);
        assert_eq!(store.collect(&last).expect("collects"), 0);
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
