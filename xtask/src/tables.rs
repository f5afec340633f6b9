//! The tables of the API's structure, from the real control plane that the tests run against.

use crate::command::{cargo, read, root, run as execute};
use crate::kubed;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Of the Go modules that tools/kubed pins.
const STAGING: &str = "v0.37.2";

pub fn run() -> Result<(), String> {
    let dir = root().join("target/tables");
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut server = Command::new(kubed::build()?)
        .args(["up", "--dir"])
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("kubed: {error}"))?;
    let result = made(&mut server, &dir);
    let _ = server.kill();
    let _ = server.wait();
    result
}

fn made(server: &mut std::process::Child, dir: &std::path::Path) -> Result<(), String> {
    let mut line = String::new();
    let stdout = server.stdout.take().ok_or("kubed has no output")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("kubed: {error}"))?;
    let kubeconfig = line.trim().strip_prefix("ready ").ok_or("kubed did not become ready")?;
    let openapi = dir.join("openapi.json");
    let tables = root().join("crates/weir-sandbox/tables");
    let python = |script: &str| {
        let mut command = Command::new("python3");
        command.arg(tables.join(script));
        command
    };
    in_folder(python("dump.py").arg(kubeconfig).arg(&openapi), &tables)?;
    let modules = read(Command::new("go").args(["env", "GOMODCACHE"]))?;
    let modules = format!("{}/k8s.io", String::from_utf8_lossy(&modules).trim());
    in_folder(python("protobuf.py").args([modules.as_str(), STAGING]), &tables)?;
    let table = root().join("crates/weir-merge/tables/kubernetes-1.37.json.gz");
    let example = ["run", "--locked", "--package", "weir-merge", "--example", "table", "--"];
    execute(cargo().args(example).arg(&openapi).arg(table))
}

fn in_folder(command: &mut Command, folder: &std::path::Path) -> Result<(), String> {
    let shown = format!("{command:?}");
    let status = command.current_dir(folder).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}
