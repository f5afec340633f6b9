//! `weir sandbox`: the embedded API server alone.

use crate::error::CliError;
use crate::output::Output;
use crate::up::{backend, bootstrap};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serve the embedded Kubernetes API server with Flux's kinds and without controllers, until Ctrl-C.
#[derive(Parser)]
pub struct Args {
    /// Keep the cluster here across runs; the kubeconfig is DIR/kubeconfig. Else it is gone at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub async fn run(args: Args, output: &Output) -> Result<ExitCode, CliError> {
    let backend = backend::open(args.data_dir.as_deref(), None).await?;
    bootstrap::definitions(backend.session()).await?;
    output.error(&backend.how_to_look());
    tokio::signal::ctrl_c().await.map_err(|error| CliError::new(format!("Ctrl-C cannot be waited for: {error}")))?;
    Ok(ExitCode::SUCCESS)
}
