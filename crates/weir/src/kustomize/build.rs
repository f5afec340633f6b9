//! `weir kustomize build`.

use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use weir_base::Budget;
use weir_kustomize::{KustomizeError, LoadRestrictor, Options, Order, build, to_yaml};

/// Build a folder with a kustomization file and print the objects, as kustomize v5.8.1 does.
#[derive(Args)]
pub struct Build {
    /// Folder with a kustomization file.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Which files a kustomization may name.
    #[arg(long, value_enum, default_value_t = Restrictor::RootOnly)]
    load_restrictor: Restrictor,
    /// Order of the objects where the kustomization has no sortOptions.
    #[arg(long, value_enum, default_value_t = Reorder::Legacy)]
    reorder: Reorder,
    /// Write to this file instead of standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Refused: weir starts no programs.
    #[arg(long)]
    enable_alpha_plugins: bool,
    /// Refused: charts are not inflated by kustomizations.
    #[arg(long)]
    enable_helm: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Restrictor {
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone")]
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Reorder {
    Legacy,
    None,
}

pub fn run(args: &Build, output: &Output) -> Result<ExitCode, CliError> {
    for (is_asked, flag) in [(args.enable_alpha_plugins, "--enable-alpha-plugins"), (args.enable_helm, "--enable-helm")]
    {
        if is_asked {
            return Err(CliError::new(format!("{flag} is refused: a build reads files and starts no program")));
        }
    }
    let options = Options {
        load_restrictor: match args.load_restrictor {
            Restrictor::RootOnly => LoadRestrictor::RootOnly,
            Restrictor::None => LoadRestrictor::None,
        },
        order: match args.reorder {
            Reorder::Legacy => Order::Legacy,
            Reorder::None => Order::None,
        },
    };
    let text = to_yaml(&built(args, &options)?);
    match &args.output {
        Some(file) => std::fs::write(file, text)
            .map_err(|error| CliError::new(format!("{} cannot be written: {error}", file.display())))?,
        None => output.text(&text),
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds within the folder, or the smallest one above it that has all that is named.
fn built(args: &Build, options: &Options) -> Result<Vec<weir_doc::Node>, CliError> {
    let mut last: Option<KustomizeError> = None;
    for root in folder::roots(&args.folder)? {
        let budget = Budget::standard();
        let tree = folder::read(&root, &budget)?;
        match build(&tree, &folder::relative(&args.folder, &root), options, &budget) {
            Ok(built) => return Ok(built.objects),
            Err(error) if error.leads_out() => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or_else(|| CliError::new("there is no folder to build"), CliError::from))
}
