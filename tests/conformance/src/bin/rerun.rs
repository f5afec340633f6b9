//! Runs the original kustomize on every case and writes what it made: `rerun KUSTOMIZE [NAME-PART]`.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

use anyhow::Context;
use std::process::Command;
use weir_conformance::{cases, root};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().context("usage: rerun KUSTOMIZE [NAME-PART]")?;
    let part = args.next().unwrap_or_default();
    let root = root("kustomize");
    let version = Command::new(&program).arg("version").output().context("running the original")?;
    std::fs::write(root.join("VERSION"), format!("kustomize {}", String::from_utf8_lossy(&version.stdout)))?;
    let mut count = 0;
    for case in cases(&root)?.iter().filter(|case| case.name.contains(&part)) {
        let input = case.folder.join("input").canonicalize()?;
        let output = Command::new(&program).arg("build").arg(&case.path).current_dir(&input).output()?;
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
            // The place of the checkout and stack traces say nothing about the case.
            let text = String::from_utf8_lossy(&output.stderr).replace(&*input.to_string_lossy(), "/input");
            let text = text.split("\ngoroutine ").next().unwrap_or_default();
            std::fs::write(error, format!("{}\n", text.trim_end()))?;
        }
        count += 1;
    }
    println!("{count} cases");
    Ok(())
}
