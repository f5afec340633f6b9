//! The `weir` program: a command a file.

mod cli;
mod controller;
mod controllers;
mod error;
mod folder;
mod install;
mod kustomize;
mod local;
mod log;
mod objects;
mod output;
mod remote;
mod sandbox;
mod sops;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    log::tell_panics();
    cli::main()
}
