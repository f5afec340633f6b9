//! libFuzzer on the engines: the program of `fuzz/`, time and findings in `fuzz/TIME.tsv`.

use crate::command::{cargo, root, run as execute};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// As in tests/fuzz.
const TARGETS: [&str; 4] = ["yaml", "merge", "substitute", "build"];
/// What every target has had since it exists; committed.
const LOG: &str = "fuzz/TIME.tsv";
const HEADER: &str = "# target\tCPU seconds\texecutions\tinputs found";
/// The program is asked to stop after that, so that the targets take turns.
const SLICE: u64 = 150;
const SECONDS_FOR_ONE: &str = "-timeout=20";
/// Slower ones than that are hangs already; a busy machine makes others slow.
const SLOW: &str = "-report_slow_units=20";
const MEMORY: &str = "-rss_limit_mb=512";
/// What cargo-fuzz gives the compiler, but for the address sanitizer: there is no unsafe code to watch, and with
/// it the memory that is measured is not ours.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// What is known of a target.
#[derive(Clone, Copy, Default)]
struct Spent {
    seconds: f64,
    executions: u64,
    found: u64,
}

/// Runs all targets, or one, in turns until the minutes are over; what is found is kept, and is an error in the end.
pub fn run(minutes: u64, only: Option<&str>) -> Result<(), String> {
    let targets: Vec<&str> = TARGETS.into_iter().filter(|name| only.is_none_or(|only| only == *name)).collect();
    if targets.is_empty() {
        return Err(format!("expected one of {}", TARGETS.join(", ")));
    }
    let program = build()?;
    let corpus = root().join("target/fuzz-corpus");
    execute(cargo().args(["run", "--quiet", "--package", "weir-fuzz", "--bin", "corpus", "--"]).arg(&corpus))?;
    let (began, mut found) = (Instant::now(), 0);
    for target in targets.iter().cycle() {
        let left = Duration::from_secs(minutes * 60).saturating_sub(began.elapsed()).as_secs();
        if left == 0 {
            break;
        }
        found += slice(&program, &corpus.join(target), target, left.min(SLICE))?;
    }
    println!("{}", std::fs::read_to_string(root().join(LOG)).unwrap_or_default());
    if found == 0 { Ok(()) } else { Err(format!("{found} inputs were found; they are in fuzz/found")) }
}

fn build() -> Result<PathBuf, String> {
    let target = root().join("fuzz/target");
    let mut build = Command::new("cargo");
    build.args(["+nightly", "build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    // The task itself runs under the stable compiler, which must not be handed on.
    build.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    build.args(["--target", TRIPLE]).env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", &target);
    execute(&mut build)?;
    Ok(target.join(TRIPLE).join("release/weir-fuzz-program"))
}

/// With a target that is named, build scripts and macros are built without coverage.
const TRIPLE: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// One run of the program; how many inputs it found.
fn slice(program: &Path, corpus: &Path, target: &str, seconds: u64) -> Result<u64, String> {
    let findings = root().join("fuzz/found").join(target);
    std::fs::create_dir_all(&findings).map_err(|error| format!("{}: {error}", findings.display()))?;
    let before = count(&findings);
    let mut run = Command::new(program);
    run.env("WEIR_FUZZ", target).arg(format!("-max_total_time={seconds}")).args([
        SECONDS_FOR_ONE,
        SLOW,
        MEMORY,
        "-max_len=16384",
        "-print_final_stats=1",
    ]);
    run.arg(format!("-artifact_prefix={}/", findings.display())).arg(corpus);
    let cpu = children_seconds();
    let output = run.output().map_err(|error| format!("{target}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let found = count(&findings).saturating_sub(before);
    let executions =
        text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok());
    // A program that stops at a finding prints no statistics, but its last line of progress.
    let progress =
        || text.lines().rev().find_map(|line| line.strip_prefix('#')?.split_whitespace().next()?.parse().ok());
    let executions = executions.or_else(progress).unwrap_or(0);
    add(target, Spent { seconds: children_seconds() - cpu, executions, found })?;
    if found > 0 || !output.status.success() {
        let from = text.lines().position(|line| line.contains("panicked") || line.contains("ERROR: libFuzzer"));
        for line in text.lines().skip(from.unwrap_or(0)).take(30) {
            println!("{target}: {line}");
        }
    }
    Ok(found)
}

fn count(folder: &Path) -> u64 {
    std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
}

/// The seconds of CPU of all processes that this one has waited for.
fn children_seconds() -> f64 {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Adds to the log. Two runs of different targets may end at once, so that each holds the file meanwhile.
fn add(target: &str, new: Spent) -> Result<(), String> {
    let path = root().join(LOG);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut open = OpenOptions::new();
    let mut file = open.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut before = String::new();
    file.read_to_string(&mut before).map_err(failed)?;
    let text = added(&before, target, new);
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)
}

fn added(before: &str, target: &str, new: Spent) -> String {
    let mut all: BTreeMap<String, Spent> = TARGETS.map(|name| (name.to_owned(), Spent::default())).into();
    for line in before.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [name, seconds, executions, found] = fields[..] {
            let number = |text: &str| text.parse::<u64>().unwrap_or(0);
            let seconds = seconds.parse().unwrap_or(0.0);
            all.insert(name.to_owned(), Spent { seconds, executions: number(executions), found: number(found) });
        }
    }
    let spent = all.entry(target.to_owned()).or_default();
    spent.seconds += new.seconds;
    spent.executions += new.executions;
    spent.found += new.found;
    let mut text = format!("{HEADER}\n");
    for (name, Spent { seconds, executions, found }) in &all {
        let _ = writeln!(text, "{name}\t{seconds:.1}\t{executions}\t{found}");
    }
    text
}
