//! `weir build kustomization`: what the controller would apply, from local files.

use super::cluster::get;
use super::from_folder::FromFolder;
use super::kind::KUSTOMIZATION;
use super::{Cluster, Say, live};
use crate::error::CliError;
use crate::local;
use clap::Subcommand;
use std::path::Path;
use tokio::sync::OnceCell;
use weir_api::Kustomization;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_render::Overlay;

/// Print what the controllers would apply.
#[derive(clap::Parser)]
pub struct Build {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Build the objects of a Kustomization from a folder, with the controller's own renderer.
    #[command(visible_alias = "ks")]
    Kustomization(Args),
}

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    from: FromFolder,
    /// With --kustomization-file: ask no cluster, and leave out the variables of postBuild.substituteFrom, which are there.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, requires = "kustomization_file")]
    dry_run: bool,
    /// Print where objects and fields come from, as comments: file and line, and the step that set a field.
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) async fn run(build: Build, say: &Say<'_>) -> Result<(), CliError> {
    let What::Kustomization(args) = build.what;
    let builder = Builder { args: &args, session: OnceCell::new() };
    let objects = args.cluster.within(builder.first()).await?;
    say.0.text(&match args.origin {
        true => weir_kustomize::to_yaml_with_origins(&objects),
        false => weir_kustomize::to_yaml(&objects),
    });
    Ok(())
}

struct Builder<'a> {
    args: &'a Args,
    /// Connected when something is asked.
    session: OnceCell<Session>,
}

impl Builder<'_> {
    async fn session(&self) -> Result<&Session, CliError> {
        self.session.get_or_try_init(|| self.args.cluster.connect()).await
    }

    async fn first(&self) -> Result<Vec<Node>, CliError> {
        let Args { from: FromFolder { name, path, kustomization_file, .. }, cluster, .. } = self.args;
        local::check_folder(path)?;
        let object = match kustomization_file {
            Some(file) => local::kustomization(file, Some(&cluster.namespace), name)?,
            None => live::read(&get(self.session().await?, &cluster.object(&KUSTOMIZATION, name)).await?)?,
        };
        self.objects(&object, path, &[]).await
    }

    /// The objects of a Kustomization, then those of the ones among them. `above` are those that led here.
    async fn objects(&self, object: &Kustomization, folder: &Path, above: &[ObjectRef]) -> Result<Vec<Node>, CliError> {
        let overlay = self.overlay(object).await?;
        let mut objects = local::build(folder, &overlay, &self.args.from.ignore_paths, self.args.origin)?.objects;
        let owner = weir_kustomization::owner(object);
        objects.iter_mut().for_each(|object| owner.label(object));
        if !self.args.from.recursive {
            return Ok(objects);
        }
        let path = [above, &[live::reference(object)]].concat();
        let mut inside = Vec::new();
        for node in &objects {
            if !ObjectRef::of(node).is_ok_and(|object| live::is_kustomization(&object.id)) {
                continue;
            }
            let nested = live::read(node)?;
            if path.contains(&live::reference(&nested)) {
                continue;
            }
            let folder = self.args.from.sources.folder_of(&nested)?;
            inside.extend(Box::pin(self.objects(&nested, &folder, &path)).await?);
        }
        objects.extend(inside);
        Ok(objects)
    }

    async fn overlay(&self, object: &Kustomization) -> Result<Overlay, CliError> {
        let strict = self.args.from.strict_substitute;
        let post_build = object.spec.post_build.as_ref();
        let is_asked =
            !self.args.dry_run && post_build.is_some_and(|post_build| !post_build.substitute_from.is_empty());
        let overlay = match is_asked {
            true => weir_kustomization::recipe(self.session().await?, object, strict, false)
                .await
                .map(|recipe| recipe.overlay),
            false => weir_kustomization::recipe_alone(object, strict),
        };
        overlay.map_err(|error| CliError::new(format!("{}: {error}", live::id(object))))
    }
}
