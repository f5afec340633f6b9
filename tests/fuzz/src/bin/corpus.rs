//! Writes what the fuzzers begin with: `corpus FOLDER`; a folder in it for each target.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

use anyhow::Context;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).context("usage: corpus FOLDER")?.into();
    for (target, _) in weir_fuzz::TARGETS {
        println!("{target}: {} inputs", weir_fuzz::corpus::write(target, &folder.join(target))?);
    }
    Ok(())
}
