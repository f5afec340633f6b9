//! Runs the original kustomize on every case and writes what it made: `rerun KUSTOMIZE [NAME-PART]`.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

mod charts;
mod remote;
mod vars;

use anyhow::Context;
use std::path::Path;
use std::process::{Command, Output};
use weir_conformance::{Case, EditCase, cases, root};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().context("usage: rerun KUSTOMIZE [NAME-PART]")?;
    let part = args.next().unwrap_or_default();
    let root = root("kustomize");
    let version = Command::new(&program).arg("version").output().context("running the original")?;
    std::fs::write(root.join("VERSION"), format!("kustomize {}", String::from_utf8_lossy(&version.stdout)))?;
    let chosen: Vec<Case> = cases(&root)?.into_iter().filter(|case| case.name.contains(&part)).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let shares = chosen.chunks(chosen.len().div_ceil(workers).max(1));
        let running: Vec<_> =
            shares.map(|share| scope.spawn(|| share.iter().try_for_each(|case| write(case, &program)))).collect();
        running.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a worker panicked")))
    })?;
    println!("{} cases", chosen.len());
    if part.is_empty() || part == "remote" {
        remote::specs(&program)?;
        remote::builds(&program)?;
    }
    if part.is_empty() || part == "helm" {
        charts::builds(&program)?;
    }
    if part.is_empty() || part == "edit" {
        edits(&program)?;
        vars::edits(&program)?;
    }
    Ok(())
}

/// Writes what `edit` of the original makes of each file.
fn edits(program: &str) -> anyhow::Result<()> {
    let file = root("kustomize-edit").join("cases.json");
    let mut cases: Vec<EditCase> = serde_json::from_slice(&std::fs::read(&file)?)?;
    for case in &mut cases {
        let folder = case.folder()?;
        let output = Command::new(program).arg("edit").args(&case.args).current_dir(folder.path()).output()?;
        case.after = output.status.success().then(|| std::fs::read_to_string(EditCase::file(&folder))).transpose()?;
    }
    std::fs::write(file, serde_json::to_string_pretty(&cases)? + "\n")?;
    println!("{} edits", cases.len());
    Ok(())
}

/// Writes what the original makes of a case.
fn write(case: &Case, program: &str) -> anyhow::Result<()> {
    let input = case.folder.join("input").canonicalize()?;
    let output = Command::new(program).arg("build").arg(&case.path).current_dir(&input).output()?;
    // The place of the checkout says nothing about the case.
    record(case, &output, |text| text.replace(&*input.to_string_lossy(), "/input"))
}

/// Writes an expectation: what was printed, or the error as `plain` leaves it, without stack traces.
fn record(case: &Case, output: &Output, plain: impl Fn(&str) -> String) -> anyhow::Result<()> {
    let (yaml, error) = (case.folder.join("expect.yaml"), case.folder.join("expect.err"));
    for old in [&yaml, &error] {
        match std::fs::remove_file(old) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
    }
    if output.status.success() {
        std::fs::write(yaml, &output.stdout)?;
    } else {
        let text = plain(&String::from_utf8_lossy(&output.stderr));
        let text = text.split("\ngoroutine ").next().unwrap_or_default();
        std::fs::write(error, format!("{}\n", without_times(&without_addresses(text.trim_end()))))?;
    }
    Ok(())
}

/// Copies a folder, with its texts changed.
fn copy(from: &Path, to: &Path, changed: &dyn Fn(&str) -> String) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, changed)?;
        } else {
            std::fs::write(target, changed(&std::fs::read_to_string(entry.path())?))?;
        }
    }
    Ok(())
}

/// The text with `0x...` for each pointer that Go printed.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(if digits >= 5 { "0x..." } else { "0x" });
        out.push_str(if digits >= 5 { &part[digits..] } else { part });
    }
    out
}

/// The text without the time that Go's log begins a line with.
fn without_times(text: &str) -> String {
    let lines: Vec<&str> =
        text.split('\n').map(|line| if has_time(line) { &line[TIME.len()..] } else { line }).collect();
    lines.join("\n")
}

const TIME: &str = "2026/12/01 08:00:00 ";

fn has_time(line: &str) -> bool {
    line.len() >= TIME.len()
        && TIME.bytes().zip(line.bytes()).all(
            |(form, byte)| {
                if form.is_ascii_digit() { byte.is_ascii_digit() } else { byte == form }
            },
        )
}
