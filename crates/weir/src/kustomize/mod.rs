//! `weir kustomize`: the original's commands on our engine.

mod build;
mod edit;
mod glob;

use crate::error::CliError;
use crate::output::Output;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Command {
    Build(build::Build),
    /// Change the kustomization file of this folder; comments and order are kept.
    #[command(subcommand)]
    Edit(edit::Command),
}

pub fn run(command: Command, output: &Output) -> Result<ExitCode, CliError> {
    match command {
        Command::Build(args) => build::run(&args, output),
        Command::Edit(command) => edit::run(command, output),
    }
}
