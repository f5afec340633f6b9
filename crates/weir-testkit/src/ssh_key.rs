use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

/// A pair of keys, made by ssh-keygen.
#[derive(Clone, Debug)]
pub struct SshKey {
    /// PEM.
    pub private: String,
    /// A line of `authorized_keys`, without a comment.
    pub public: String,
}

impl SshKey {
    /// Of a kind that `ssh-keygen -t` knows.
    pub fn new(kind: &str) -> Self {
        Self::with(&["-t", kind, "-N", ""])
    }

    /// With ssh-keygen's arguments: kind (`-t`), size (`-b`), format (`-m`) and passphrase (`-N`).
    pub fn with(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        keygen(&[args, &["-q", "-C", "", "-f", file.to_str().unwrap()]].concat());
        let public = std::fs::read_to_string(dir.path().join("key.pub")).unwrap();
        Self { private: std::fs::read_to_string(file).unwrap(), public: public.trim().to_owned() }
    }

    /// `SHA256:...`
    pub fn fingerprint(&self) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pub");
        std::fs::write(&file, &self.public).unwrap();
        let shown = keygen(&["-l", "-E", "sha256", "-f", file.to_str().unwrap()]);
        shown.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Writes the private key as its owner's alone.
    pub fn write(&self, file: &Path) {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file).unwrap();
        file.write_all(self.private.as_bytes()).unwrap();
    }
}

/// Runs ssh-keygen; returns what it prints.
pub fn keygen(args: &[&str]) -> String {
    let output = Command::new("ssh-keygen").args(args).output().unwrap();
    assert!(output.status.success(), "ssh-keygen {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
