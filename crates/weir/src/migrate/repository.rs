//! The file of a bootstrapped repository that the controllers are applied from.
//!
//! Flux's kustomize controller applies the commit that replaces itself. Nothing leaves the file, so nothing is pruned,
//! whoever of the two gets to the end of the run; what is built before and after is compared to be sure of it.

use super::swap::{self, Manifests};
use crate::controllers::{Role, is_ours};
use crate::error::CliError;
use crate::folder;
use crate::objects::Say;
use crate::remote::Fetcher;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weir_api::Kustomization;
use weir_base::{Budget, Tree};
use weir_doc::Node;
use weir_git::{Reference, Repository};
use weir_object::{ObjectId, ObjectRef, meta};
use weir_render::{Manner, render_in};

/// Name of the file that `flux bootstrap` writes.
const COMPONENTS: &str = "gotk-components.yaml";

pub struct Checkout<'k> {
    clone: PathBuf,
    kustomization: &'k Kustomization,
    /// The file, from the root of the clone.
    file: String,
    text: String,
    tree: Tree,
}

impl<'k> Checkout<'k> {
    pub fn open(clone: &Path, kustomization: &'k Kustomization) -> Result<Self, CliError> {
        let clone = std::fs::canonicalize(clone)
            .map_err(|error| CliError::new(format!("--path {}: {error}", clone.display())))?;
        let tree = folder::read(&clone, &Budget::standard())?;
        let path = path_of(kustomization);
        let within = if path.is_empty() { String::new() } else { format!("{path}/") };
        let is_file = |file: &str| {
            file.strip_prefix(&within)
                .is_some_and(|rest| rest == COMPONENTS || rest.ends_with(&format!("/{COMPONENTS}")))
        };
        let found: Vec<String> = tree.iter().map(|(file, _)| file.to_string()).filter(|file| is_file(file)).collect();
        let shown = format!("{}/{path}", clone.display());
        let file = match found.as_slice() {
            [file] => file.clone(),
            [] => {
                return Err(CliError::new(format!(
                    "there is no {COMPONENTS} below {shown}: the controllers are applied from elsewhere (a remote base?), where \
                     they have to be changed by hand"
                )));
            }
            _ => {
                return Err(CliError::new(format!(
                    "there are several {COMPONENTS} below {shown}: {}",
                    found.join(", ")
                )));
            }
        };
        let text = tree.read(&file).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
        Ok(Self { clone, kustomization, file, text, tree })
    }

    pub fn manifests(&self) -> Result<Manifests, CliError> {
        Manifests::read(&self.text, &self.file)
    }

    /// What stands in the file for a role.
    pub fn deployment(&self, manifests: &Manifests, role: Role) -> Result<Node, CliError> {
        let found = manifests.deployment(role).cloned();
        found.ok_or_else(|| CliError::new(format!("{} has no Deployment {}", self.file, role.controller())))
    }

    /// Whether every role is weir's, or none, in the file as it is.
    pub fn is_done(&self, roles: &[Role], by_weir: bool) -> Result<bool, CliError> {
        let manifests = self.manifests()?;
        for role in roles {
            if is_ours(&self.deployment(&manifests, *role)?) != by_weir {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Builds what the Kustomization would apply before and after, and compares: nothing that is still needed may be missing,
    /// and what the folder's own patches make of the Deployments has to fit.
    pub fn check(&self, new: &str, roles: &[Role], image: Option<&str>, say: &Say<'_>) -> Result<(), CliError> {
        let before = match self.build(&self.text) {
            Ok(before) => before,
            Err(error) => {
                say.warning(&format!("what is built from the repository cannot be compared here: {error}"));
                return Ok(());
            }
        };
        let after = self.build(new)?;
        let kept: BTreeSet<ObjectId> =
            after.iter().filter_map(|one| ObjectRef::of(one).ok()).map(|one| one.id).collect();
        let is_extra = |one: &&Node| meta::annotation(one, swap::ADDED).is_some();
        for object in before.iter().filter(|one| !is_extra(one)) {
            let id = ObjectRef::of(object)?.id;
            if !kept.contains(&id) {
                return Err(CliError::new(format!("{id} would be pruned: the file is left as it is")));
            }
        }
        let Some(image) = image else { return Ok(()) };
        for role in roles {
            let is_it = |one: &&Node| meta::kind(one) == "Deployment" && meta::name(one) == Some(role.controller());
            let Some(deployment) = after.iter().find(is_it) else { continue };
            let patched = |what: &str| {
                CliError::new(format!(
                    "the patches beside {} change the {what} of Deployment {}: take them out first",
                    self.file,
                    role.controller()
                ))
            };
            let called = swap::arguments(deployment, *role)?;
            if !is_ours(deployment) {
                return Err(patched("arguments"));
            }
            swap::takes(*role, &called)?;
            let containers = deployment.path(&["spec", "template", "spec", "containers"]).and_then(Node::as_seq);
            if !containers.into_iter().flatten().any(|container| container.str_at(&["image"]) == Some(image)) {
                return Err(patched("image"));
            }
        }
        Ok(())
    }

    fn build(&self, text: &str) -> Result<Vec<Node>, CliError> {
        let budget = Budget::standard();
        let mut tree = self.tree.clone();
        tree.insert(&self.file, text.as_bytes().to_vec())
            .map_err(|error| CliError::new(format!("{}: {error}", self.file)))?;
        let overlay = weir_kustomization::overlay(self.kustomization).map_err(CliError::new)?;
        let fetcher = Fetcher::with_local();
        let manner = Manner { remotes: Some(&fetcher), ..Manner::default() };
        Ok(render_in(&tree, path_of(self.kustomization), &overlay, manner, &budget)?.objects)
    }

    pub fn write(&self, text: &str) -> Result<(), CliError> {
        folder::replace(&self.clone.join(&self.file), text.as_bytes())
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<String, CliError> {
        let repository = Repository::open(&self.clone)?;
        let branch = repository.head_branch().ok_or_else(|| {
            CliError::new(format!(
                "{}: no branch is checked out, so that it is not known what was pushed",
                self.clone.display()
            ))
        })?;
        Ok(repository.resolve(&Reference { branch: Some(branch), ..Reference::default() })?.commit)
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn clone_folder(&self) -> &Path {
        &self.clone
    }
}

/// The path of a Kustomization, as the tree has it.
fn path_of(kustomization: &Kustomization) -> &str {
    let path = kustomization.spec.path.as_deref().unwrap_or_default().trim_matches('/');
    if path == "." { "" } else { path.trim_start_matches("./") }
}
