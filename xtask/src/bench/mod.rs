//! What it costs. Seconds are shown as ratios to a floor measured in the same run.

pub mod kustomize;
mod process;
pub mod sops;

use crate::command::{cargo, root, run as execute};
use crate::test::with_kubed;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Objects of the large Kustomization.
const OBJECTS: usize = 1000;

pub fn run() -> Result<(), String> {
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir"]))?;
    let weir = root().join("target/release/weir");
    let size = std::fs::metadata(&weir).map_err(|error| format!("{}: {error}", weir.display()))?.len();
    let empty = scratch("empty", 0)?;
    let large = scratch("large", OBJECTS)?;
    let up = |folder: &Path| {
        let args = ["up", "--once", "--output", "json", &folder.display().to_string()].map(str::to_owned);
        process::best(&weir, &args)
    };
    let floor = up(&empty)?;
    println!("program size             {:>8.1} MiB", size as f64 / 1048576.0);
    println!("{:<24} {:>8} {:>8} {:>10}", "weir up --once", "seconds", "ratio", "peak RSS");
    for (name, folder) in [
        ("no objects (floor)", &empty),
        ("examples/fleet", &root().join("examples/fleet")),
        ("1,000 ConfigMaps", &large),
    ] {
        let cost = up(folder)?;
        let ratio = cost.seconds / floor.seconds;
        println!("{name:<24} {:>8.3} {ratio:>8.2} {:>6.1} MiB", cost.seconds, cost.peak_kib as f64 / 1024.0);
    }
    Ok(())
}

/// One of the benches of tests/e2e: `git` (sources) or `mttp` (from a commit to what runs).
pub fn of(name: &str, args: &[&str]) -> Result<(), String> {
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir"]))?;
    execute(with_kubed(cargo().args(["bench", "--locked", "--package", "weir-e2e", "--bench", name, "--"]).args(args))?)
}

/// A folder with a namespace and so many ConfigMaps.
fn scratch(name: &str, objects: usize) -> Result<PathBuf, String> {
    let folder = root().join("target/bench").join(name);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: bench\n".to_owned();
    for n in 0..objects {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm-{n}\n  namespace: bench\ndata:\n  value: \"{n}\"\n"
        );
    }
    std::fs::write(folder.join("all.yaml"), text).map_err(|error| error.to_string())?;
    Ok(folder)
}
