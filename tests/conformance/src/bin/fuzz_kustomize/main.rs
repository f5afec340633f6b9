//! Builds random overlays with the original kustomize and with ours, and compares verdict and bytes:
//! `fuzz_kustomize KUSTOMIZE --n N --seed TEXT [--from CASE] [--only CASE] [--out FOLDER] [--fields all|KIND]`.
//!
//! A case that differs is made smaller and kept in the folder. The seed and the number of a case decide it. With
//! `--fields` the cases are no overlays, but fields of one kind with odd values.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

mod fields;
mod objects;
mod openapi;
mod overlays;
mod random;
mod shrink;
mod yaml;

use anyhow::Context;
use random::Random;
use shrink::Files;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use weir_base::{Budget, Diagnose};
use weir_conformance::{diff, tree};
use weir_kustomize::{Options, build, to_yaml};

/// The folder that is built.
const TOP: &str = "top";

/// So many differences are enough to work on.
const ENOUGH: usize = 12;

/// What makes the files of a case with a number.
type Make = Box<dyn Fn(&mut Random, u64) -> Files + Send + Sync>;

struct Run {
    program: String,
    seed: String,
    out: PathBuf,
    next: AtomicU64,
    built: AtomicUsize,
    found: Mutex<Vec<u64>>,
    make: Make,
}

/// How the answers differ.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    OnlyOriginalBuilds,
    OnlyOursBuilds,
    Output,
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().context(
        "usage: fuzz_kustomize KUSTOMIZE --n N --seed TEXT [--from CASE] [--only CASE] [--out FOLDER] [--fields KIND]",
    )?;
    let (mut from, mut n, mut seed, mut only) = (0, 5000, "0".to_owned(), None);
    let mut out = PathBuf::from("target/fuzz-kustomize");
    let mut make: Make = Box::new(|random, _| overlays::files(random));
    while let Some(flag) = args.next() {
        let value = args.next().with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--from" => from = value.parse()?,
            "--n" => n = value.parse()?,
            "--seed" => seed = value,
            "--only" => only = Some(value.parse::<u64>()?),
            "--out" => out = value.into(),
            "--fields" => {
                let kind = fields::KINDS.into_iter().find(|(name, _)| *name == value).map(|(_, make)| make);
                let known = || fields::KINDS.map(|(name, _)| name).join(", ");
                anyhow::ensure!(kind.is_some() || value == "all", "--fields: expected all, {}", known());
                make = Box::new(move |random, case| fields::files(kind, case, random));
            }
            _ => anyhow::bail!("unknown flag {flag}"),
        }
    }
    let (first, end) = only.map_or((from, from + n), |case| (case, case + 1));
    let found = Mutex::new(Vec::new());
    let run = Run { program, seed, out, next: AtomicU64::new(first), built: AtomicUsize::new(0), found, make };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn({
                    let run = &run;
                    move || work(run, worker, end)
                })
            })
            .collect();
        running.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a worker panicked")))
    })?;
    let found = run.found.lock().map(|found| found.clone()).unwrap_or_default();
    let cases = run.next.load(Ordering::Relaxed).min(end) - first;
    println!("seed {}: {cases} cases, {} built, {} differ", run.seed, run.built.load(Ordering::Relaxed), found.len());
    anyhow::ensure!(found.is_empty(), "they are in {}", run.out.display());
    Ok(())
}

fn work(run: &Run, worker: usize, end: u64) -> anyhow::Result<()> {
    let folder = run.out.join(format!("work-{}-{worker}", std::process::id()));
    loop {
        let case = run.next.fetch_add(1, Ordering::Relaxed);
        let enough = run.found.lock().is_ok_and(|found| found.len() >= ENOUGH);
        if case >= end || enough {
            let _ = std::fs::remove_dir_all(&folder);
            return Ok(());
        }
        if case > 0 && case.is_multiple_of(500) {
            println!("{case} cases");
        }
        let files = (run.make)(&mut Random::of(&run.seed, case), case);
        let (difference, _) = compare(run, &folder, &files)?;
        let Some(difference) = difference else { continue };
        let smallest = shrink::smallest(&files, |files| {
            compare(run, &folder, files).is_ok_and(|(found, _)| found == Some(difference))
        });
        let (_, shown) = compare(run, &folder, &smallest)?;
        let kept = run.out.join(format!("{}-{case}", run.seed));
        let _ = std::fs::remove_dir_all(&kept);
        write(&kept.join("input"), &smallest)?;
        std::fs::write(kept.join("path"), format!("{TOP}\n"))?;
        std::fs::write(kept.join("difference.txt"), &shown)?;
        println!("case {case}: {difference:?}, in {}", kept.display());
        for (name, documents) in &smallest {
            println!("-- {name}\n{}", yaml::print_all(documents));
        }
        println!("{shown}");
        if let Ok(mut found) = run.found.lock() {
            found.push(case);
        }
    }
}

fn write(folder: &Path, files: &Files) -> anyhow::Result<()> {
    for (name, documents) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, yaml::print_all(documents))?;
    }
    Ok(())
}

/// What differs, and how to show it.
fn compare(run: &Run, folder: &Path, files: &Files) -> anyhow::Result<(Option<Difference>, String)> {
    let _ = std::fs::remove_dir_all(folder);
    write(folder, files)?;
    let mut original = Command::new(&run.program);
    // A short life needs neither a second thread nor a collection.
    original.env("GOMAXPROCS", "1").env("GOGC", "off");
    let output = original.args(["build", TOP]).current_dir(folder).output()?;
    let ours = build(&tree(folder)?, TOP, &Options::default(), &Budget::standard());
    let original = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    Ok(match (output.status.success(), ours) {
        (true, Ok(built)) => {
            run.built.fetch_add(1, Ordering::Relaxed);
            let found = to_yaml(&built.objects);
            if found == *original { (None, String::new()) } else { (Some(Difference::Output), diff(&original, &found)) }
        }
        (false, Err(_)) => (None, String::new()),
        (true, Err(why)) => (Some(Difference::OnlyOriginalBuilds), format!("ours: {}\n", why.report())),
        (false, Ok(_)) => {
            let text = original.split("\ngoroutine ").next().unwrap_or_default().trim();
            (Some(Difference::OnlyOursBuilds), format!("original: {text}\n"))
        }
    })
}
