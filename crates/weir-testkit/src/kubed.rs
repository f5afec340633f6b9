use crate::kubelet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The program that `cargo xtask kubed` builds. The tests are run through `cargo xtask`, which names it.
pub fn program() -> PathBuf {
    std::env::var_os("WEIR_KUBED").map(PathBuf::from).expect("WEIR_KUBED is set: run the tests with `cargo xtask test`")
}

/// A real control plane; it ends with its standard input.
pub struct Kubed {
    kubeconfig: PathBuf,
    child: Child,
    _stdin: ChildStdin,
    _dir: tempfile::TempDir,
}

impl Kubed {
    /// Starts the control plane and a pretend kubelet; takes some ten seconds.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["up", "--dir"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let kubeconfig: PathBuf =
            line.trim().strip_prefix("ready ").expect("kubed is ready or has said why not").into();
        kubelet::start(&kubeconfig);
        Self { kubeconfig, child, _stdin: stdin, _dir: dir }
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The process whose children are the components.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Kubed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
