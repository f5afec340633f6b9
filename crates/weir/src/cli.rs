use crate::error::CliError;
use crate::output::Output;
use crate::{check, controller, install, kustomize, log, migrate, objects, sandbox, sops, uninstall, up};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A Flux-compatible GitOps toolkit for Kubernetes.
#[derive(Parser)]
#[command(name = "weir", version, disable_help_subcommand = true)]
struct Cli {
    /// Least severe messages to log on standard error: error, warn, info, debug or trace. Default: error, of
    /// `weir controller` info.
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<log::Level>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Args),
    Controller(Box<controller::Args>),
    Sandbox(sandbox::Args),
    Build(objects::Build),
    Create(objects::Create),
    Diff(objects::Diff),
    Get(objects::Get),
    Reconcile(objects::Reconcile),
    Suspend(objects::Suspend),
    Resume(objects::Resume),
    Delete(objects::Delete),
    Export(objects::Export),
    Install(Box<install::Install>),
    Check(Box<check::Check>),
    Migrate(Box<migrate::Migrate>),
    Uninstall(Box<uninstall::Uninstall>),
    Trace(objects::Trace),
    Tree(objects::Tree),
    /// Work with kustomizations as the kustomize program does.
    #[command(subcommand)]
    Kustomize(kustomize::Command),
    /// Decrypt and encrypt files as the sops program does, with age and OpenPGP keys.
    #[command(subcommand)]
    Sops(Box<sops::Command>),
}

/// Parses the command line and runs the command. Exit status: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let (level, encoding) = match &cli.command {
        Command::Controller(args) => (log::Level::Info, args.log_encoding()),
        _ => (log::Level::Error, log::Encoding::Json),
    };
    log::init(cli.log_level.unwrap_or(level), encoding);
    let output = Output::new();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&output, &CliError::new(format!("the runtime did not start: {error}"))),
    };
    // The process has one TLS provider; a second call finds it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let result = runtime.block_on(async {
        match cli.command {
            Command::Up(args) => up::run(args, &output).await,
            Command::Controller(args) => controller::run(*args).await,
            Command::Sandbox(args) => sandbox::run(args, &output).await,
            Command::Build(build) => objects::run(objects::Command::Build(build), &output).await,
            Command::Kustomize(command) => kustomize::run(command, &output),
            Command::Sops(command) => sops::run(*command, &output),
            Command::Create(create) => objects::run(objects::Command::Create(create), &output).await,
            Command::Diff(diff) => objects::run(objects::Command::Diff(diff), &output).await,
            Command::Get(get) => objects::run(objects::Command::Get(get), &output).await,
            Command::Reconcile(reconcile) => objects::run(objects::Command::Reconcile(reconcile), &output).await,
            Command::Suspend(suspend) => objects::run(objects::Command::Suspend(suspend), &output).await,
            Command::Resume(resume) => objects::run(objects::Command::Resume(resume), &output).await,
            Command::Delete(delete) => objects::run(objects::Command::Delete(delete), &output).await,
            Command::Trace(trace) => objects::run(objects::Command::Trace(trace), &output).await,
            Command::Tree(tree) => objects::run(objects::Command::Tree(tree), &output).await,
            Command::Install(args) => install::run(*args, &output).await,
            Command::Check(args) => check::run(*args, &output).await,
            Command::Migrate(args) => migrate::run(*args, &output).await,
            Command::Uninstall(args) => uninstall::run(*args, &output).await,
            Command::Export(export) => objects::run(objects::Command::Export(export), &output).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(code) => code,
        Err(error) => fail(&output, &error),
    }
}

/// Whether these arguments start a controller; why not, else.
pub fn starts_controller(words: &[String]) -> Result<(), String> {
    let line = ["weir"].into_iter().chain(words.iter().map(String::as_str));
    match Cli::try_parse_from(line) {
        Ok(Cli { command: Command::Controller(_), .. }) => Ok(()),
        Ok(_) => Err("the arguments start no controller".to_owned()),
        Err(error) => {
            let text = error.to_string();
            Err(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        }
    }
}

fn fail(output: &Output, error: &CliError) -> ExitCode {
    output.error(&format!("weir: {error}"));
    ExitCode::FAILURE
}
