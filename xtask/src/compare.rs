//! `kustomize build` and ours on every kustomization below a folder, whoever wrote it.

use crate::command::{cargo, root, run as execute};
use crate::conformance;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Nothing is fetched: bases that are elsewhere fail in both programs, and fast.
const NO_PROXY: &str = "http://127.0.0.1:9";

#[derive(PartialEq)]
enum Verdict {
    Same,
    BothFail,
    Differ(String),
}

struct Programs {
    original: PathBuf,
    ours: PathBuf,
    flags: Vec<String>,
}

/// Compares below `args[0]`; further arguments are flags of both programs.
pub fn run(args: &[&str]) -> Result<(), String> {
    let Some((folder, flags)) = args.split_first() else { return Err("expected a folder".to_owned()) };
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir"]))?;
    let programs = Programs {
        original: conformance::kustomize()?,
        ours: root().join("target/release/weir"),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
    };
    let mut folders = Vec::new();
    find(Path::new(folder), &mut folders)?;
    folders.sort();
    let (next, same, failed, differ) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
            match programs.compare(folder)? {
                Verdict::Same => same.fetch_add(1, Ordering::Relaxed),
                Verdict::BothFail => failed.fetch_add(1, Ordering::Relaxed),
                Verdict::Differ(how) => {
                    println!("{}: {how}", folder.display());
                    differ.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
        Ok::<(), String>(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..std::thread::available_parallelism().map_or(1, usize::from)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked".to_owned())?)
    })?;
    let [same, failed, differ] = [same, failed, differ].map(AtomicUsize::into_inner);
    println!("{} kustomizations: {same} the same bytes, {failed} fail in both, {differ} differ", folders.len());
    if differ == 0 { Ok(()) } else { Err(format!("{differ} differ")) }
}

/// All folders with a kustomization; links are not followed.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if FILE_NAMES.iter().any(|name| folder.join(name).is_file()) {
        found.push(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() && entry.file_name() != ".git" {
            find(&entry.path(), found)?;
        }
    }
    Ok(())
}

impl Programs {
    fn compare(&self, folder: &Path) -> Result<Verdict, String> {
        let theirs = self.output(Command::new(&self.original).arg("build"), folder)?;
        let own = self.output(Command::new(&self.ours).args(["kustomize", "build"]), folder)?;
        let first = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.lines().rfind(|line| !line.starts_with('#')).unwrap_or_default().to_owned()
        };
        Ok(match (theirs.status.success(), own.status.success()) {
            (true, true) if theirs.stdout == own.stdout => Verdict::Same,
            (true, true) => Verdict::Differ("the output is another".to_owned()),
            (false, false) => Verdict::BothFail,
            (true, false) => Verdict::Differ(format!("only ours fails: {}", first(&own))),
            (false, true) => Verdict::Differ(format!("only the original fails: {}", first(&theirs))),
        })
    }

    fn output(&self, program: &mut Command, folder: &Path) -> Result<Output, String> {
        program.args(&self.flags).arg(".").current_dir(folder).env("GIT_TERMINAL_PROMPT", "0");
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"] {
            program.env(name, NO_PROXY);
        }
        program.env("GIT_SSH_COMMAND", "false").output().map_err(|error| format!("{program:?}: {error}"))
    }
}
