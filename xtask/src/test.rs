//! The test command of the README.

use crate::command::{cargo, run};
use crate::{kubed, layers, moto, prerequisites};
use std::process::Command;

/// Everything. The end-to-end tests drive the built program, so it is built first.
pub fn all() -> Result<(), String> {
    prerequisites::check()?;
    layers::check()?;
    build()?;
    run(with_kubed(cargo().args(["test", "--locked", "--workspace"]))?.env("WEIR_MOTO", moto::install()?))
}

pub fn e2e(filter: &[&str]) -> Result<(), String> {
    prerequisites::check()?;
    build()?;
    run(with_kubed(cargo().args(["test", "--locked", "--package", "weir-e2e", "--"]).args(filter))?)
}

fn build() -> Result<(), String> {
    run(cargo().args(["build", "--locked", "--package", "weir"]))
}

pub fn with_kubed(command: &mut Command) -> Result<&mut Command, String> {
    Ok(command.env("WEIR_KUBED", kubed::build()?))
}
