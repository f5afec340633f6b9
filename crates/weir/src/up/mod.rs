//! `weir up`: everything against an embedded API server, or against a cluster that is named.

pub mod backend;
pub mod bootstrap;
mod fleet;
mod progress;
mod target;
mod tree;
mod watch;

use crate::controllers::{self, Plan, Role, Storage, StorageOptions};
use crate::error::CliError;
use crate::output::Output;
use crate::remote::Fetcher;
use clap::{Parser, ValueEnum};
use fleet::{Fleet, Verdict};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch as channel;
use weir_cloud::{CacheOptions, Cloud, Env};
use weir_git::{Hosts, Reach};
use weir_runtime::Runtime;

/// Run a folder, a Git repository or a URL on an embedded Kubernetes API server.
///
/// A folder is run as it is, and a saved file is on the cluster within a second. At the root of a
/// Git repository the commits are run; --worktree runs its files instead.
#[derive(Parser)]
pub struct Args {
    /// Folder, root of a Git repository, or Git URL.
    #[arg(default_value = ".")]
    source: String,
    /// Path in the source whose GitRepository and Kustomization objects are applied; with none there, one
    /// Kustomization is made for the path. Default: the only folder in clusters/, else the root.
    #[arg(long)]
    path: Option<String>,
    /// Run the files of a repository's working tree instead of its commits.
    #[arg(long)]
    worktree: bool,
    /// Read a GitRepository URL from the local disk: a folder, or the root of a repository. May be repeated;
    /// the file .weir.yaml of the source can list more under `replace`.
    #[arg(long, value_name = "URL=PATH")]
    replace: Vec<String>,
    /// Wait until everything is ready and exit: 0, or 1 with the reasons.
    #[arg(long)]
    once: bool,
    /// How long --once waits, in seconds.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Keep the embedded cluster here across runs; else it is gone at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Run against this cluster instead of the embedded one.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    kubeconfig: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub async fn run(args: Args, output: &Output) -> Result<ExitCode, CliError> {
    let target = {
        let (source, path, replace) = (args.source.clone(), args.path.clone(), args.replace.clone());
        let worktree = args.worktree;
        tokio::task::spawn_blocking(move || target::find(&source, path.as_deref(), worktree, &replace))
            .await
            .map_err(|_| CliError::new("reading the source panicked; this is a mistake in weir"))??
    };
    let backend = backend::open(args.data_dir.as_deref(), args.kubeconfig.as_deref()).await?;
    let session = backend.session();
    if args.kubeconfig.is_some() {
        controllers::refuse_beside_flux(session, &Role::ALL.into(), None).await?;
    }
    bootstrap::definitions(session).await?;
    let (stop, stopped) = channel::channel(false);
    let locals = Arc::new(target.locals.clone());
    let (pokes, unwatched) = watch::start(&locals)?;
    unwatched.iter().for_each(|line| output.error(line));
    let artifacts = backend.artifacts();
    let storage = StorageOptions {
        path: &artifacts,
        address: "127.0.0.1:0",
        advertised: "",
        algorithm: weir_artifact::Algorithm::default(),
        retention: weir_artifact::Retention::default(),
    };
    let plan = Plan {
        roles: Role::ALL.into(),
        storage: Some(Storage::open(&storage)?),
        source: weir_source::Options::default(),
        kustomize: weir_kustomization::Options {
            clusters: Some(Arc::new(backend.clusters())),
            cloud: Some(Arc::new(Cloud::new(CacheOptions::default(), Env::of_process())?)),
            remotes: Some(Fetcher::shared(Reach::Anywhere, Hosts::default())),
            ..weir_kustomization::Options::default()
        },
        locals: locals.clone(),
    };
    let runtime = Runtime::new(session.clone(), "weir-up");
    let mut running =
        controllers::start(&runtime, plan, move |objects| vec![pokes.triggers(objects, &locals)], stopped)?;
    bootstrap::objects(session, &target).await?;
    let fleet = Fleet::watch(session.clone());
    let ended = follow(&args, output, &backend, fleet).await;
    // Passes under way end before the process does; what they would still start is not needed.
    let _ = stop.send(true);
    running.finish(Duration::from_secs(5)).await;
    running.abort().await;
    let _ = runtime.outbox.finish(Duration::from_secs(1)).await;
    ended
}

async fn follow(
    args: &Args,
    output: &Output,
    backend: &backend::Backend,
    mut fleet: Fleet,
) -> Result<ExitCode, CliError> {
    let mut progress = progress::Progress::new(output, args.output == Format::Text);
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let mut shown = false;
    loop {
        let verdict = fleet.verdict();
        for row in fleet.changes() {
            progress.row(&row);
        }
        let over = Instant::now() >= deadline;
        let settled = !matches!(verdict, Verdict::Working) || (args.once && over);
        if settled && !shown {
            progress.pause();
            let tree = tree::gather(backend.session(), &fleet).await?;
            match args.output {
                Format::Text => output.result(tree.text().trim_end()),
                Format::Json => output.result(&tree.json()),
            }
            if !args.once {
                shown = true;
                output.error(&format!("\nkeeps reconciling; stop with Ctrl-C\n\n  {}\n", backend.how_to_look()));
            }
        }
        if args.once && settled {
            return Ok(match verdict {
                Verdict::Ready => ExitCode::SUCCESS,
                _ => {
                    for reason in fleet.reasons() {
                        output.error(&reason);
                    }
                    ExitCode::FAILURE
                }
            });
        }
        tokio::select! {
            () = fleet.changed() => {}
            signal = tokio::signal::ctrl_c() => {
                return match signal {
                    Ok(()) => Ok(ExitCode::SUCCESS),
                    Err(error) => Err(CliError::new(format!("Ctrl-C cannot be waited for: {error}"))),
                };
            }
        }
    }
}
