//! `weir build`: what the controllers would apply, without a cluster.

use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use weir_api::{FluxKind, Kustomization};
use weir_base::Budget;
use weir_doc::{Dialect, Node, to_value, yaml};
use weir_object::meta;
use weir_render::{Substitution, Variables, render};

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
    let object = kustomization(args)?;
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
    let mut last = None;
    for root in folder::roots(&args.path)? {
        let budget = Budget::standard();
        let tree = folder::read(&root, &budget)?;
        match render(&tree, &folder::relative(&args.path, &root), &overlay, &budget) {
            Ok(rendered) => {
                output.text(&weir_kustomize::to_yaml(&rendered.objects));
                return Ok(ExitCode::SUCCESS);
            }
            Err(weir_render::RenderError::Kustomize(error)) if error.leads_out() => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or_else(|| CliError::new("there is no folder to build"), CliError::from))
}

fn kustomization(args: &KustomizationArgs) -> Result<Kustomization, CliError> {
    let shown = args.kustomization_file.display().to_string();
    let text = std::fs::read(&args.kustomization_file).map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    let documents = yaml::parse_all(&text, Some(&shown.as_str().into()), Dialect::Sigs, &Budget::standard())?;
    let is_it = |node: &&Node| {
        meta::kind(node) == Kustomization::INFO.kind
            && meta::group_version(node).is_some_and(|(group, _)| group == Kustomization::INFO.group)
            && meta::name(node) == Some(args.name.as_str())
    };
    let node = documents.iter().find(is_it).ok_or_else(|| {
        CliError::new(format!("{shown} has no Kustomization named '{}' of {}", args.name, Kustomization::INFO.group))
    })?;
    serde_json::from_value(to_value(node)).map_err(|error| CliError::new(format!("{}: {error}", node.meta.at)))
}
