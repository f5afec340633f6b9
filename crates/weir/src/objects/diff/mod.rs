//! `weir diff kustomization`: what the controller would do with a local folder, by a dry-run on the server.

mod fields;
mod lines;
mod print;
mod secrets;

use super::cluster::get;
use super::from_folder::FromFolder;
use super::kind::KUSTOMIZATION;
use super::{Cluster, Say, connection, live};
use crate::error::CliError;
use crate::local::{self, Built};
use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget};
use print::{Entry, Outcome, Section};
use secrets::Hidden;
use std::path::Path;
use std::time::Duration;
use weir_api::Kustomization;
use weir_apply::{Action, Fate, Preview};
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;

/// Compare local files with the cluster.
#[derive(clap::Parser)]
pub struct Diff {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show what a Kustomization would change if its source had the files of a folder. Exit status: 0 nothing, 1 something
    /// differs, 2 failed.
    #[command(visible_alias = "ks")]
    Kustomization(Args),
}

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    from: FromFolder,
    /// With --kustomization-file: the Kustomization need not be on the cluster.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, requires = "kustomization_file")]
    ignore_not_found: bool,
    /// Show on a terminal that it is at work.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    progress_bar: bool,
    /// How the differences are printed; flux prints text only.
    #[arg(short, long, default_value = "text", value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Says whether something differs.
pub(super) async fn run(diff: Diff, say: &Say<'_>) -> Result<bool, CliError> {
    let What::Kustomization(args) = diff.what;
    let progress = match args.progress_bar && say.0.is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
    };
    progress.enable_steady_tick(Duration::from_millis(100));
    progress.set_message("running dry-run");
    let section = args.cluster.within(compared(&args)).await;
    progress.finish_and_clear();
    let section = section?;
    match args.output {
        Format::Text => say.0.text(&section.text(say.0.is_coloured())),
        Format::Json => say.data(&format!("{:#}", section.json())),
    }
    match section.errors()[..] {
        [] => Ok(section.has_drift()),
        ref errors => Err(CliError::new(errors.join("\n"))),
    }
}

async fn compared(args: &Args) -> Result<Section, CliError> {
    local::check_folder(&args.from.path)?;
    let session = args.cluster.connect().await?;
    let reference = args.cluster.object(&KUSTOMIZATION, &args.from.name);
    let object = match &args.from.kustomization_file {
        None => live::read(&get(&session, &reference).await?)?,
        Some(file) => {
            let mut object = local::kustomization(file, Some(&args.cluster.namespace), &args.from.name)?;
            let found = match args.ignore_not_found {
                true => session.get(&reference).await?,
                false => Some(get(&session, &reference).await?),
            };
            // What was applied is known by the cluster alone.
            object.status =
                found.map(|found| live::read::<Kustomization>(&found)).transpose()?.and_then(|live| live.status);
            object
        }
    };
    section(args, &session, &object, &args.from.path).await
}

async fn section(args: &Args, session: &Session, object: &Kustomization, folder: &Path) -> Result<Section, CliError> {
    let id = live::id(object);
    let shown = id.to_string();
    let recipe = weir_kustomization::recipe(session, object, args.from.strict_substitute, true).await;
    let recipe = recipe.map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    let hidden = Hidden::new(&recipe.secrets);
    let Built { objects: built, revealed } = local::build(folder, &recipe.overlay, &args.from.ignore_paths, true)
        .map_err(|error| CliError::new(hidden.text(&error.to_string())))?;
    let hidden = Hidden::new(&[recipe.secrets, revealed].concat());
    let sources = built.clone();
    let target = weir_kustomization::target(session, object, connection::clusters()).await;
    let target = &target.map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    let outlook = weir_kustomization::preview(target, object, built).await;
    let outlook = outlook.map_err(|error| CliError::new(hidden.text(&format!("{shown}: {error}"))))?;
    let mut out = Section { kustomization: shown.clone(), ..Section::default() };
    out.errors = outlook.errors.iter().map(|error| hidden.text(error)).collect();
    out.entries = outlook.objects.iter().map(|preview| entry(preview, &sources, &hidden)).collect();
    if out.errors.is_empty() {
        let applied: Vec<ObjectRef> = outlook.objects.iter().map(|preview| preview.object.clone()).collect();
        let stale = weir_kustomization::stale(target, object, applied).await;
        for (object, fate) in stale.map_err(|error| CliError::new(format!("{shown}: {error}")))? {
            let outcome = match fate {
                Fate::Gone => continue,
                Fate::Kept => Outcome::Skipped,
                Fate::Deleted { .. } => Outcome::Deleted,
            };
            out.entries.push(Entry { object, outcome, at: None, fields: Vec::new() });
        }
    }
    if args.from.recursive {
        for preview in outlook.objects.iter().filter(|preview| live::is_kustomization(&preview.object.id)) {
            // As in flux, one that is new has nothing to be compared with.
            let Some(wanted) = preview.wanted.as_ref().filter(|_| preview.live.is_some()) else { continue };
            if preview.object.id == id {
                continue;
            }
            match Box::pin(nested(args, session, &live::read(wanted)?)).await {
                Ok(nested) => out.nested.push(nested),
                Err(error) => out.errors.push(error.to_string()),
            }
        }
    }
    Ok(out)
}

/// A Kustomization as it would be, from the folder of its source.
async fn nested(args: &Args, session: &Session, object: &Kustomization) -> Result<Section, CliError> {
    section(args, session, object, &args.from.sources.folder_of(object)?).await
}

fn entry(preview: &Preview, built: &[Node], hidden: &Hidden) -> Entry {
    let Preview { object, action, at, live, wanted } = preview;
    let outcome = match (action, live) {
        (Action::Created, None) => Outcome::Created,
        (Action::Created, Some(_)) => Outcome::Recreated,
        (Action::Configured, _) => Outcome::Drifted,
        (Action::Skipped, _) => Outcome::Skipped,
        (Action::Deleted, _) => Outcome::Deleted,
        (Action::Unchanged, _) => Outcome::Unchanged,
    };
    let fields = match (outcome, live, wanted) {
        (Outcome::Drifted | Outcome::Recreated, Some(live), Some(wanted)) => {
            let is_it = |node: &&Node| {
                let id = |path: &[&str]| node.str_at(path).unwrap_or_default().to_owned();
                (id(&["kind"]), id(&["metadata", "name"])) == (object.id.kind.clone(), object.id.name.clone())
                    && [String::new(), object.id.namespace.clone()].contains(&id(&["metadata", "namespace"]))
            };
            hidden.fields(&object.id, live, wanted, built.iter().find(is_it))
        }
        _ => Vec::new(),
    };
    Entry { object: object.clone(), outcome, at: at.is_known().then(|| at.clone()), fields }
}
