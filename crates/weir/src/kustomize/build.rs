//! `weir kustomize build`.

use crate::disk::OpenFolder;
use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use crate::remote::Fetcher;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weir_base::Budget;
use weir_doc::Node;
use weir_kustomize::remote::{Fetch, Remotes, RepoSpec, resolved};
use weir_kustomize::{
    Built, KustomizeError, LoadRestrictor, Options, Order, build_url, build_with, file_names, to_yaml,
    to_yaml_with_origins,
};

/// Build a folder with a kustomization file and print the objects, as kustomize v5.8.1 does.
#[derive(Args)]
pub struct Build {
    /// Folder with a kustomization file, or the URL of one in a Git repository.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Which files a kustomization may name.
    #[arg(long, value_enum, default_value_t = Restrictor::RootOnly)]
    load_restrictor: Restrictor,
    /// Order of the objects where the kustomization has no sortOptions.
    #[arg(long, value_enum, default_value_t = Reorder::Legacy)]
    reorder: Reorder,
    /// Label the objects as managed by kustomize.
    #[arg(long)]
    enable_managedby_label: bool,
    /// Print where objects and fields come from, as comments: file and line, and the step that set a field.
    #[arg(long)]
    origin: bool,
    /// Write to this file instead of standard output; to a file for each object, if it is a folder.
    #[arg(long, short)]
    output: Option<PathBuf>,
    #[command(flatten)]
    refused: Refused,
    #[command(flatten)]
    functions: Functions,
}

/// What needs programs.
#[derive(Args)]
struct Refused {
    /// Refused: weir starts no programs.
    #[arg(long)]
    enable_alpha_plugins: bool,
    /// Refused: weir starts no programs.
    #[arg(long)]
    enable_exec: bool,
    /// Refused: charts are not inflated by kustomizations.
    #[arg(long)]
    enable_helm: bool,
}

/// What is only about functions and charts, of which none is run.
#[derive(Args)]
struct Functions {
    /// Accepted: no function is run.
    #[arg(long)]
    as_current_user: bool,
    /// Accepted: no function is run.
    #[arg(long, short, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Accepted: no function is run.
    #[arg(long)]
    mount: Vec<String>,
    /// Accepted: no function is run.
    #[arg(long)]
    network: bool,
    /// Accepted: no function is run.
    #[arg(long, default_value = "bridge")]
    network_name: String,
    /// Accepted: no chart is inflated.
    #[arg(long, default_value = "helm")]
    helm_command: String,
    /// Accepted: no chart is inflated.
    #[arg(long)]
    helm_api_versions: Vec<String>,
    /// Accepted: no chart is inflated.
    #[arg(long, default_value = "")]
    helm_kube_version: String,
    /// Accepted: no chart is inflated.
    #[arg(long)]
    helm_debug: bool,
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
    let Refused { enable_alpha_plugins, enable_exec, enable_helm } = args.refused;
    let refused = [
        (enable_alpha_plugins, "--enable-alpha-plugins"),
        (enable_exec, "--enable-exec"),
        (enable_helm, "--enable-helm"),
    ];
    for (is_asked, flag) in refused {
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
        managed_by_label: args.enable_managedby_label,
        provenance: args.origin,
    };
    let printed = |objects: &[Node]| if args.origin { to_yaml_with_origins(objects) } else { to_yaml(objects) };
    let Built { objects, warnings } = built(&args.folder, &options)?;
    warnings.iter().for_each(|warning| output.error(&format!("# Warning: {warning}")));
    match &args.output {
        Some(folder) if folder.is_dir() => {
            for (name, object) in file_names(&objects).iter().zip(&objects) {
                write(&folder.join(name), &printed(std::slice::from_ref(object)))?;
            }
        }
        Some(file) => write(file, &printed(&objects))?,
        None => output.text(&printed(&objects)),
    }
    // The process ends, which gives their memory back at once.
    std::mem::forget(objects);
    Ok(ExitCode::SUCCESS)
}

fn write(file: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(file, text).map_err(|error| CliError::new(format!("{} cannot be written: {error}", file.display())))
}

/// What is built of a folder, as text.
pub(super) fn of_folder(folder: &Path) -> Result<String, CliError> {
    built(folder, &Options::default()).map(|built| to_yaml(&built.objects))
}

/// Builds what a URL leads to, or within the folder, or the smallest one above it that has all that is named.
fn built(folder: &Path, options: &Options) -> Result<Built, CliError> {
    let fetcher = Fetcher::with_local();
    if let Some(url) = folder.to_str().filter(|text| RepoSpec::parse(text).is_ok()) {
        let budget = Budget::standard();
        let build = |remotes: &Remotes| build_url(remotes, url, options, &budget);
        let built = resolved(Remotes::default(), build, KustomizeError::needs, |need| fetcher.fetch(need, &budget));
        return built.map_err(CliError::from);
    }
    let build = |root: &Path, path: &str| {
        let budget = Budget::standard();
        OpenFolder::new(root, &budget, |_| true).build(|tree| {
            let build = |remotes: &Remotes| build_with(tree, remotes, path, options, &budget);
            resolved(Remotes::default(), build, KustomizeError::needs, |need| fetcher.fetch(need, &budget))
        })
    };
    folder::within(folder, build, KustomizeError::leads_out)
}
