//! Building a Kustomization from a folder of the disk.

use crate::disk::OpenFolder;
use crate::error::CliError;
use crate::folder;
use crate::remote::Fetcher;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_api::{FluxKind, Kustomization};
use weir_artifact::ignore::Rules;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, Value, to_value, yaml};
use weir_kustomize::FILE_NAMES;
use weir_object::meta;
use weir_render::{Manner, Overlay, RenderError, render_in};

/// What a folder gave.
pub struct Built {
    pub objects: Vec<Node>,
    /// Values that were decrypted and stand in no Secret.
    pub revealed: Vec<String>,
}

/// The objects at a folder, each with its file as it is called from here. `ignored` are patterns as .gitignore has them,
/// seen from the folder: as in flux, of what is found there, and not of what a kustomization file names. With `provenance`
/// each field knows who set it.
pub fn build(folder: &Path, overlay: &Overlay, ignored: &[String], provenance: bool) -> Result<Built, CliError> {
    let fetcher = Fetcher::with_local();
    let build = |root: &Path, path: &str| {
        let budget = Budget::standard();
        let manner = Manner { remotes: Some(&fetcher), provenance, reveals: true };
        let built = OpenFolder::new(root, &budget, kept(root, path, ignored))
            .build(|tree| render_in(tree, path, overlay, manner, &budget))?;
        Ok(built.map(|rendered| {
            let (mut objects, revealed) = (rendered.objects, rendered.revealed);
            objects.iter_mut().for_each(|object| name(object, root));
            Built { objects, revealed }
        }))
    };
    folder::within(folder, build, |error| match error {
        RenderError::Kustomize(error) => error.leads_out(),
        _ => None,
    })
}

pub fn check_folder(folder: &Path) -> Result<(), CliError> {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(CliError::new(format!("invalid resource path \"{}\": it is no folder", folder.display()))),
    }
}

/// Which files of a tree there are for a build of one of its folders.
fn kept(root: &Path, folder: &str, ignored: &[String]) -> impl Fn(&str) -> bool + use<> {
    let is_named = || FILE_NAMES.iter().any(|name| root.join(folder).join(name).is_file());
    let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let rules = (!ignored.is_empty() && !is_named()).then(|| Rules::new([], Some(&ignored.join("\n"))));
    move |path| {
        let inside = rules.as_ref().and_then(|rules| Some((rules, path.strip_prefix(&start)?)));
        inside.is_none_or(|(rules, inside)| rules.keeps(inside))
    }
}

/// Names files as they are called from here.
fn name(object: &mut Node, root: &Path) {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).unwrap_or_else(|_| PathBuf::from("/"));
    rename(object, &|file| {
        let whole = root.join(file);
        whole.strip_prefix(&here).unwrap_or(&whole).display().to_string().into()
    });
}

fn rename(node: &mut Node, shown: &impl Fn(&str) -> Arc<str>) {
    let at = &node.meta.at;
    // What came from elsewhere has a URL.
    if let Some(file) = at.file.as_ref().filter(|file| !file.contains("://")) {
        node.meta.at = Origin::new(Some(shown(file)), at.line, at.col);
    }
    match &mut node.value {
        Value::Map(map) => map.values_mut().for_each(|value| rename(value, shown)),
        Value::Seq(items) => items.iter_mut().for_each(|item| rename(item, shown)),
        _ => {}
    }
}

/// The Kustomization of a name in a file; of any namespace for none, else also one that has none.
pub fn kustomization(file: &Path, namespace: Option<&str>, name: &str) -> Result<Kustomization, CliError> {
    let shown = file.display().to_string();
    let text = std::fs::read(file).map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    let documents = yaml::parse_all(&text, Some(&shown.as_str().into()), Dialect::Sigs, &Budget::standard())?;
    let is_it = |node: &&Node| {
        meta::kind(node) == Kustomization::INFO.kind
            && meta::group_version(node).is_some_and(|(group, _)| group == Kustomization::INFO.group)
            && meta::name(node) == Some(name)
            && (namespace.is_none() || meta::namespace(node).is_none_or(|own| Some(own) == namespace))
    };
    let node = documents.iter().find(is_it).ok_or_else(|| {
        let place = namespace.map_or_else(String::new, |namespace| format!(" in the namespace '{namespace}'"));
        CliError::new(format!("{shown} has no Kustomization named '{name}'{place} of {}", Kustomization::INFO.group))
    })?;
    let read = serde_json::from_value::<Kustomization>(to_value(node));
    let mut object = read.map_err(|error| CliError::new(format!("{}: {error}", node.meta.at)))?;
    if object.metadata.namespace.is_none() {
        object.metadata.namespace = namespace.map(str::to_owned);
    }
    Ok(object)
}
