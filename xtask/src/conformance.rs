//! The golden cases, and making them anew with the original programs.

use crate::command::{cargo, read, run as execute};
use std::path::PathBuf;
use std::process::Command;

const KUSTOMIZE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";

pub fn run(rerun: bool) -> Result<(), String> {
    if rerun {
        execute(Command::new("go").args(["install", KUSTOMIZE]))?;
        let gopath = read(Command::new("go").args(["env", "GOPATH"]))?;
        let program = PathBuf::from(String::from_utf8_lossy(&gopath).trim()).join("bin/kustomize");
        let rerun = ["run", "--locked", "--package", "weir-conformance", "--bin", "rerun", "--"];
        execute(cargo().args(rerun).arg(program))?;
        // Flux's own packages, by their modules.
        let ask = |what: &str, file: &str| {
            execute(Command::new("go").args(["run", ".", what, file]).current_dir("tools/fluxsource"))
        };
        ask("clone", "../../tests/conformance/git/cases.json")?;
        ask("ignore", "../../tests/conformance/git/ignore.json")?;
        ask("ranges", "../../crates/weir-base/testdata/ranges.txt")?;
    }
    execute(cargo().args(["test", "--locked", "--package", "weir-conformance"]))
}
