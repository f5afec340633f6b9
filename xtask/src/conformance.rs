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
        let ask = |tool: &str, what: &str, file: &str| {
            execute(Command::new("go").args(["run", ".", what, file]).current_dir(tool))
        };
        ask("tools/fluxsource", "clone", "../../tests/conformance/git/cases.json")?;
        ask("tools/fluxsource", "ignore", "../../tests/conformance/git/ignore.json")?;
        ask("tools/fluxsource", "ranges", "../../crates/weir-base/testdata/ranges.txt")?;
        ask("tools/fluxssa", "kstatus", "../../tests/conformance/kstatus")?;
    }
    execute(cargo().args(["test", "--locked", "--package", "weir-conformance"]))
}
