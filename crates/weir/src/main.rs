//! The `weir` program: a command a file.

mod cli;
mod controller;
mod controllers;
mod error;
mod log;
mod output;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
