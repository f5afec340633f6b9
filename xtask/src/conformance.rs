//! The golden cases, and making them anew with the original programs.

use crate::command::{cargo, commit, read, root, run as execute};
use crate::kubed;
use crate::test::with_kubed;
use std::path::PathBuf;
use std::process::Command;

const KUSTOMIZE: &str = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";

const SOPS: &str = "github.com/getsops/sops/v3/cmd/sops@v3.13.2";

const EXPRESSIONS: &str = "tests/conformance/cel/expressions";

/// Random overlays, built by the original and by ours; the commit decides them unless a seed is given.
pub fn fuzz_kustomize(args: &[&str]) -> Result<(), String> {
    let program = kustomize()?;
    let mut run = cargo();
    run.args(["run", "--locked", "--package", "weir-conformance", "--bin", "fuzz_kustomize", "--"]);
    run.arg(program).args(["--out", "target/fuzz-kustomize"]);
    if !args.contains(&"--seed") {
        run.args(["--seed", &commit()?]);
    }
    execute(run.args(args))
}

/// The original, installed.
pub fn kustomize() -> Result<PathBuf, String> {
    install(KUSTOMIZE, "kustomize")
}

/// The original of SOPS, installed.
pub fn sops() -> Result<PathBuf, String> {
    install(SOPS, "sops")
}

fn install(module: &str, program: &str) -> Result<PathBuf, String> {
    execute(Command::new("go").args(["install", module]))?;
    let gopath = read(Command::new("go").args(["env", "GOPATH"]))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&gopath).trim()).join("bin").join(program))
}

pub fn run(rerun: bool) -> Result<(), String> {
    if rerun {
        let program = kustomize()?;
        let rerun = ["run", "--locked", "--package", "weir-conformance", "--bin", "rerun", "--"];
        execute(cargo().args(rerun).arg(program))?;
        let rerun = ["run", "--locked", "--package", "weir-conformance", "--bin", "rerun_sops", "--"];
        execute(cargo().args(rerun).arg(sops()?))?;
        // Flux's own packages, by their modules.
        let go = |tool: &str, what: &str, file: &str| {
            let mut go = Command::new("go");
            go.args(["-C", tool, "run", ".", what, file]);
            go
        };
        let ask = |tool: &str, what: &str, file: &str| execute(&mut go(tool, what, file));
        ask("tools/fluxsource", "clone", "../../tests/conformance/git/cases.json")?;
        ask("tools/fluxsource", "ignore", "../../tests/conformance/git/ignore.json")?;
        ask("tools/fluxsource", "ranges", "../../crates/weir-base/testdata/ranges.txt")?;
        ask("tools/fluxssa", "kstatus", "../../tests/conformance/kstatus")?;
        kubed::while_up(&root().join("target/conformance"), |kubeconfig| {
            let mut histories = go("tools/fluxssa", "histories", "../../tests/conformance/ssa");
            execute(histories.env("KUBECONFIG", kubeconfig))
        })?;
        for group in expressions()? {
            ask("tools/fluxcel", "expressions", &format!("../../{group}"))?;
        }
        ask("tools/fluxcel", "statuses", "../../tests/conformance/cel/statuses.json")?;
    }
    execute(with_kubed(cargo().args(["test", "--locked", "--package", "weir-conformance"]))?)
}

/// The files of cases of CEL.
fn expressions() -> Result<Vec<String>, String> {
    let files = std::fs::read_dir(EXPRESSIONS).map_err(|error| format!("{EXPRESSIONS}: {error}"))?;
    let mut groups: Vec<String> =
        files.flatten().map(|file| format!("{EXPRESSIONS}/{}", file.file_name().display())).collect();
    groups.sort();
    Ok(groups)
}
