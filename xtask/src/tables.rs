//! The tables of the API's structure, from the real control plane that the tests run against.

use crate::command::{cargo, read, root, run as execute};
use crate::kubed;
use std::process::Command;

/// Of the Go modules that tools/kubed pins.
const STAGING: &str = "v0.37.2";

pub fn run() -> Result<(), String> {
    let dir = root().join("target/tables");
    kubed::while_up(&dir, |kubeconfig| made(kubeconfig, &dir))
}

fn made(kubeconfig: &str, dir: &std::path::Path) -> Result<(), String> {
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
