use crate::{SshKey, eventually};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// OpenSSH's agent, without keys at first. It ends with this.
pub struct SshAgent {
    dir: tempfile::TempDir,
    socket: PathBuf,
    child: Child,
}

impl SshAgent {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let mut agent = Command::new("ssh-agent");
        let child = agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("the agent listens", || UnixStream::connect(&socket));
        Self { dir, socket, child }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn add(&self, key: &SshKey) {
        let file = self.dir.path().join("key");
        key.write(&file);
        let output = Command::new("ssh-add").arg(&file).env("SSH_AUTH_SOCK", &self.socket).output().unwrap();
        assert!(output.status.success(), "ssh-add: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_file(&file).unwrap();
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
