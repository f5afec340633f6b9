//! What it costs. Seconds are shown as ratios to a floor measured in the same run.

use crate::command::{cargo, root, run as execute};
use crate::test::with_kubed;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Objects of the large Kustomization.
const OBJECTS: usize = 1000;

struct Cost {
    seconds: f64,
    peak_kib: u64,
}

pub fn run() -> Result<(), String> {
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir"]))?;
    let weir = root().join("target/release/weir");
    let size = std::fs::metadata(&weir).map_err(|error| format!("{}: {error}", weir.display()))?.len();
    let empty = scratch("empty", 0)?;
    let large = scratch("large", OBJECTS)?;
    let floor = best(&weir, &empty)?;
    println!("program size             {:>8.1} MiB", size as f64 / 1048576.0);
    println!("{:<24} {:>8} {:>8} {:>10}", "weir up --once", "seconds", "ratio", "peak RSS");
    for (name, folder) in [
        ("no objects (floor)", &empty),
        ("examples/fleet", &root().join("examples/fleet")),
        ("1,000 ConfigMaps", &large),
    ] {
        let cost = best(&weir, folder)?;
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

/// The fastest of several runs, which is the one that others disturbed least.
fn best(weir: &Path, folder: &Path) -> Result<Cost, String> {
    let mut best: Option<Cost> = None;
    for _ in 0..ROUNDS {
        let cost = once(weir, folder)?;
        if best.as_ref().is_none_or(|b| cost.seconds < b.seconds) {
            best = Some(cost);
        }
    }
    best.ok_or_else(|| "no round ran".to_owned())
}

fn once(weir: &Path, folder: &Path) -> Result<Cost, String> {
    let began = Instant::now();
    let mut child = Command::new(weir)
        .args(["up", "--once", "--output", "json"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = 0;
    loop {
        if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
            if !ended.success() {
                return Err(format!("weir up --once {}: {ended}", folder.display()));
            }
            return Ok(Cost { seconds: began.elapsed().as_secs_f64(), peak_kib });
        }
        // The high-water mark of the resident set; gone with the process.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|v| v.split_whitespace().next());
        peak_kib = peak_kib.max(mark.and_then(|v| v.parse().ok()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
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
