use crate::kubed_program;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The real kubectl, pointed at one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned() }
    }

    /// The command itself, for a test that wants its streams.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(kubed_program());
        command.arg("kubectl").args(args).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Standard output, or what kubectl complained about.
    pub fn run(&self, args: &[&str]) -> Result<String, String> {
        self.run_with_input(args, "")
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Result<String, String> {
        let spawned = self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{} does not start: {error}", kubed_program().display()));
        let mut stdin = child.stdin.take().unwrap();
        // Beside the reading, since it may answer before it has read all. It may also end without reading its input; what
        // it says then is what counts.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
            child.wait_with_output()
        });
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub fn json(&self, args: &[&str]) -> Result<Value, String> {
        let text = self.run(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    pub fn apply(&self, manifest: &str) -> Result<String, String> {
        self.run_with_input(&["apply", "--server-side", "-f", "-"], manifest)
    }
}
