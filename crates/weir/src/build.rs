//! `weir build`: what the controllers would apply, without a cluster.

use crate::error::CliError;
use crate::local;
use crate::output::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use weir_render::{Substitution, Variables};

#[derive(Subcommand)]
pub enum Command {
    Kustomization(KustomizationArgs),
}

/// Build the objects of a Kustomization from local files, with the controller's own renderer.
#[derive(Args)]
pub struct KustomizationArgs {
    /// Name of the Kustomization in the file.
    name: String,
    /// Folder of the source that `spec.path` leads to.
    #[arg(long)]
    path: PathBuf,
    /// File with the Kustomization.
    #[arg(long)]
    kustomization_file: PathBuf,
    /// Leave out the variables of `postBuild.substituteFrom`, which are on the cluster.
    #[arg(long)]
    dry_run: bool,
    /// Fail when a variable is not set and has no default.
    #[arg(long)]
    strict_substitute: bool,
}

pub fn run(command: &Command, output: &Output) -> Result<ExitCode, CliError> {
    let Command::Kustomization(args) = command;
    let object = local::kustomization(&args.kustomization_file, None, &args.name)?;
    let mut overlay = weir_kustomization::overlay(&object).map_err(CliError::new)?;
    if let Some(post_build) = &object.spec.post_build {
        if !post_build.substitute_from.is_empty() && !args.dry_run {
            return Err(CliError::new(
                "spec.postBuild.substituteFrom is on the cluster (use --dry-run to build without it)",
            ));
        }
        let mut variables = Variables::default();
        for (name, value) in &post_build.substitute {
            variables.insert(name, value).map_err(|error| CliError::new(error.to_string()))?;
        }
        let always = post_build.substitute_strategy == Some(weir_api::kustomize::SubstituteStrategy::Always);
        overlay.substitution = Some(Substitution { variables, strict: args.strict_substitute, always });
    }
    let objects = local::build(&args.path, &overlay, &[])?;
    output.text(&weir_kustomize::to_yaml(&objects));
    Ok(ExitCode::SUCCESS)
}
