use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running `weir up`. Dropping it kills it.
pub struct Up {
    child: Option<Child>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Up {
    pub(crate) fn start(source: &Path, args: &[&str]) -> Self {
        Self::spawn(Command::new(program()).arg("up").arg(source).args(args))
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program().display()));
        Self { child: Some(child) }
    }

    /// Starts `weir sandbox`: the API server alone.
    pub(crate) fn serve(data_dir: &Path) -> Self {
        let mut command = Command::new(program());
        command.args(["sandbox", "--data-dir"]).arg(data_dir);
        Self::spawn(&mut command)
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits for its own end.
    pub fn wait(mut self) -> Ended {
        let child = self.child.take().expect("neither killed nor waited for");
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs `weir ARGS` to its end.
pub fn weir(args: &[&str]) -> Ended {
    Ended::of(Command::new(program()).args(args).stdin(Stdio::null()).output().unwrap())
}

/// The program that `cargo xtask` has built: beside the tests' own folder.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    folder.join(format!("weir{}", std::env::consts::EXE_SUFFIX))
}
