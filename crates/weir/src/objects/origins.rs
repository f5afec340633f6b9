//! Where the manifests of a Kustomization's objects are: by building it again from the files of its source.

use super::live;
use crate::disk::OpenFolder;
use crate::error::CliError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use weir_api::Kustomization;
use weir_artifact::{Fetcher, UNPACKED_BYTES, unpack, unpack_budget};
use weir_base::{Budget, Diagnose, Origin, Tree};
use weir_kube::Session;
use weir_object::{ObjectId, ObjectRef};
use weir_render::{Manner, Overlay, render_in};

/// A server that is not there is not waited for.
const RETRIES: u32 = 1;

/// Folders that stand for sources, by `KIND/NAMESPACE/NAME`.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct LocalSources {
    /// Folders with the files of sources: KIND/NAMESPACE/NAME=FOLDER,...
    #[arg(long, value_delimiter = ',', value_name = "SOURCES", value_parser = local_source)]
    local_sources: Vec<(String, PathBuf)>,
}

fn local_source(text: &str) -> Result<(String, PathBuf), String> {
    let (source, folder) = text.split_once('=').ok_or("write KIND/NAMESPACE/NAME=FOLDER")?;
    Ok((source.to_owned(), folder.into()))
}

impl LocalSources {
    pub fn folder(&self, source: &str) -> Option<&Path> {
        self.local_sources.iter().find(|(known, _)| known == source).map(|(_, folder)| folder.as_path())
    }

    /// Where a Kustomization's spec.path leads in the folder of its source.
    pub fn folder_of(&self, object: &Kustomization) -> Result<PathBuf, CliError> {
        let source = live::source(object);
        let folder = self.folder(&source).ok_or_else(|| {
            CliError::new(format!(
                "cannot get local path for {source} of kustomization {} (name its folder: --local-sources {source}=FOLDER)",
                live::id(object).name
            ))
        })?;
        Ok(folder.join(object.spec.path.as_deref().unwrap_or_default().trim_start_matches('/')))
    }
}

/// The places of a Kustomization's manifests, in the files of its source.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// What was read; none for a folder.
    pub revision: Option<String>,
    places: HashMap<ObjectId, Origin>,
}

impl Origins {
    pub fn of(&self, object: &ObjectId) -> Option<&Origin> {
        self.places.get(object).filter(|at| at.is_known())
    }
}

/// What a Kustomization is built from.
enum Files {
    Folder(PathBuf),
    Artifact(Tree),
}

/// Builds a Kustomization from the artifact that its source has now, or from a folder. The error says why that cannot be
/// done from here, and what can.
pub(super) async fn origins(
    session: &Session,
    object: &Kustomization,
    sources: &LocalSources,
) -> Result<Origins, String> {
    let name = live::source(object);
    let folder = sources.folder(&name).map(std::fs::canonicalize).transpose();
    let folder = folder.map_err(|error| format!("the folder of {name} cannot be opened: {error}"))?;
    let (files, revision) = match folder {
        Some(folder) => (Files::Folder(folder), None),
        None => artifact(session, object)
            .await
            .map(|(tree, revision)| (Files::Artifact(tree), revision))
            .map_err(|error| format!("{error} (name a folder that has its files: --local-sources {name}=FOLDER)"))?,
    };
    let overlay = overlay(session, object).await?;
    let path = object.spec.path.clone().unwrap_or_default();
    let budget = Budget::new(100_000_000, UNPACKED_BYTES);
    let remotes = crate::remote::Fetcher::outside();
    let work = move || {
        let manner = Manner { remotes: Some(&remotes), ..Manner::default() };
        let render = |tree: &Tree| render_in(tree, &path, &overlay, manner, &budget);
        match files {
            Files::Folder(folder) => OpenFolder::new(&folder, &Budget::standard(), |_| true).build(render),
            Files::Artifact(tree) => Ok(render(&tree)),
        }
    };
    let rendered = tokio::task::spawn_blocking(work).await.map_err(|error| format!("the build ended: {error}"))?;
    let rendered = rendered.map_err(|error| error.to_string())?;
    let objects = rendered.map_err(|error| format!("{name} cannot be built: {}", error.report()))?.objects;
    let known: Vec<(ObjectRef, Origin)> =
        objects.iter().filter_map(|node| Some((ObjectRef::of(node).ok()?, node.meta.at.clone()))).collect();
    let scoped = weir_apply::scoped(session, known.iter().map(|(object, _)| object.clone())).await;
    let places = scoped.into_iter().map(|object| object.id).zip(known.into_iter().map(|(_, at)| at)).collect();
    Ok(Origins { revision, places })
}

/// Names of objects may have variables in them. Where these cannot be read, most objects are found without.
async fn overlay(session: &Session, object: &Kustomization) -> Result<Overlay, String> {
    match weir_kustomization::recipe(session, object, false, false).await {
        Ok(recipe) => Ok(recipe.overlay),
        Err(_) => weir_kustomization::overlay(object),
    }
}

async fn artifact(session: &Session, object: &Kustomization) -> Result<(Tree, Option<String>), String> {
    let name = live::source(object);
    let reference = live::source_ref(object).ok_or("spec.sourceRef is not set")?;
    let found = session.get(&reference).await.map_err(|error| format!("{name}: {error}"))?;
    let node = found.ok_or_else(|| format!("{name} is not there"))?;
    let artifact = weir_kustomization::artifact_of(&node).ok_or_else(|| format!("{name} has no artifact"))?;
    let read = Fetcher::new(None, RETRIES).read(&artifact).await;
    let bytes = read.map_err(|error| format!("the artifact of {name} cannot be read from here: {error}"))?;
    let unpacked = tokio::task::spawn_blocking(move || unpack(&bytes, &unpack_budget()));
    let tree = unpacked.await.map_err(|error| format!("unpacking ended: {error}"))?;
    let tree = tree.map_err(|error| format!("the artifact of {name}: {}", error.report()))?;
    Ok((tree, Some(artifact.revision)))
}
