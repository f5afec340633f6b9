//! Commands on the objects of a cluster: names, flags and words are those of the flux program.
//!
//! Progress goes to standard error, a mark before each line; data to standard output. Exit status: 0
//! done, 1 failed, 2 wrong usage; those of `diff` are its own.

mod build;
mod cluster;
mod connection;
mod create;
mod create_kustomization;
mod create_secret;
mod create_source;
mod create_tenant;
mod delete;
mod diff;
mod export;
mod from_folder;
mod get;
pub mod kind;
pub mod live;
mod origins;
mod reconcile;
mod say;
mod suspend;
mod trace;
mod tree;
mod wait;

pub use build::Build;
pub use cluster::{Cluster, MANAGER, duration, namespace};
pub use create::Create;
pub use diff::Diff;
pub use get::Get;
pub use say::Say;
pub use trace::Trace;
pub use tree::Tree;

use crate::error::CliError;
use crate::output::Output;
use clap::Subcommand;
use kind::{GIT, KUSTOMIZATION, Kind};
use std::process::ExitCode;

/// The kinds that a command is about, as words of the command line. `K` is `A` with what only a Kustomization has.
#[derive(Subcommand)]
pub enum About<A: clap::Args, K: clap::Args = A> {
    /// Sources.
    #[command(subcommand, visible_alias = "sources")]
    Source(Source<A>),
    /// Kustomization objects.
    #[command(visible_aliases = ["kustomizations", "ks"])]
    Kustomization(K),
}

#[derive(Subcommand)]
pub enum Source<A: clap::Args> {
    /// GitRepository objects.
    Git(A),
}

impl<A: clap::Args, K: clap::Args + Into<A>> About<A, K> {
    fn parts(self) -> (&'static Kind, A) {
        match self {
            About::Source(Source::Git(args)) => (&GIT, args),
            About::Kustomization(args) => (&KUSTOMIZATION, args.into()),
        }
    }
}

/// Reconcile an object now, and wait for it.
#[derive(clap::Parser)]
pub struct Reconcile {
    #[command(subcommand)]
    about: About<reconcile::Args, reconcile::KustomizationArgs>,
}

/// Pause objects.
#[derive(clap::Parser)]
pub struct Suspend {
    #[command(subcommand)]
    about: About<suspend::SuspendArgs>,
}

/// Go on with objects that are paused.
#[derive(clap::Parser)]
pub struct Resume {
    #[command(subcommand)]
    about: About<suspend::ResumeArgs>,
}

/// Delete an object.
#[derive(clap::Parser)]
pub struct Delete {
    #[command(subcommand)]
    about: About<delete::Args>,
}

/// Print objects as YAML, without what the cluster added.
#[derive(clap::Parser)]
pub struct Export {
    #[command(subcommand)]
    about: About<export::Args, export::Which>,
}

/// One of the commands.
pub enum Command {
    Build(Build),
    Create(Create),
    Diff(Diff),
    Get(Get),
    Reconcile(Reconcile),
    Suspend(Suspend),
    Resume(Resume),
    Delete(Delete),
    Export(Export),
    Trace(Trace),
    Tree(Tree),
}

pub async fn run(command: Command, output: &Output) -> Result<ExitCode, CliError> {
    let say = Say(output);
    let done = match command {
        Command::Build(build) => build::run(build, &say).await,
        Command::Create(create) => create::run(create, &say).await,
        Command::Diff(diff) => return differs(diff, &say).await,
        Command::Get(get) => get::run(get, &say).await,
        Command::Reconcile(Reconcile { about }) => {
            let (kind, args) = about.parts();
            reconcile::run(kind, args, &say).await
        }
        Command::Suspend(Suspend { about }) => {
            let (kind, args) = about.parts();
            suspend::suspend(kind, args, &say).await
        }
        Command::Resume(Resume { about }) => {
            let (kind, args) = about.parts();
            suspend::resume(kind, args, &say).await
        }
        Command::Delete(Delete { about }) => {
            let (kind, args) = about.parts();
            delete::run(kind, args, &say).await
        }
        Command::Export(Export { about }) => {
            let (kind, args) = about.parts();
            export::run(kind, args, &say).await
        }
        Command::Trace(trace) => trace::run(trace, &say).await,
        Command::Tree(tree) => tree::run(tree, &say).await,
    };
    Ok(ended(done, &say))
}

/// The exit status of a command, which says itself why it failed.
pub fn ended(done: Result<(), CliError>, say: &Say<'_>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say.failure(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// As flux: 1 says that something differs, 2 that it is not known.
async fn differs(diff: Diff, say: &Say<'_>) -> Result<ExitCode, CliError> {
    match diff::run(diff, say).await {
        Ok(false) => Ok(ExitCode::SUCCESS),
        Ok(true) => {
            say.warning("identified at least one change, exiting with non-zero exit code");
            Ok(ExitCode::from(1))
        }
        Err(error) => {
            say.failure(&error.to_string());
            Ok(ExitCode::from(2))
        }
    }
}
