//! The `weir` program: a command a file.

mod check;
mod cli;
mod controller;
mod controllers;
mod disk;
mod error;
mod folder;
mod install;
mod installed;
mod kustomize;
mod local;
mod log;
mod migrate;
mod objects;
mod output;
mod remote;
mod sandbox;
mod sops;
mod ssh_keys;
mod uninstall;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    log::tell_panics();
    cli::main()
}
