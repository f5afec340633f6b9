//! Other repositories' artifacts that are copied in.

use super::contents::Contents;
use super::trouble::Trouble;
use std::time::Duration;
use weir_api::common::Artifact;
use weir_api::source::GitRepositoryInclude;
use weir_api::{FluxKind, GitRepository, reasons};
use weir_artifact::{Store, unpack};
use weir_base::Budget;
use weir_base::tree::join;
use weir_doc::to_value;
use weir_object::{ObjectId, ObjectRef};
use weir_runtime::{Cx, Failure, Ready};

/// The current artifacts of the included objects, in the order of the spec.
pub(super) async fn artifacts(
    object: &GitRepository,
    includes: &[GitRepositoryInclude],
    requeue_dependency: Duration,
    cx: &mut Cx<GitRepository>,
) -> Result<Vec<Artifact>, Failure> {
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let mut artifacts = Vec::new();
    for include in includes {
        let name = &include.repository.name;
        let (reason, message) = match artifact_of(&namespace, name, cx).await {
            Ok(Some(artifact)) => {
                artifacts.push(artifact);
                continue;
            }
            Ok(None) => (reasons::NO_ARTIFACT, format!("no artifact available for include '{name}'")),
            Err(message) => (reasons::NOT_FOUND, format!("could not get resource for include '{name}': {message}")),
        };
        cx.condition(reasons::INCLUDE_UNAVAILABLE, "True", reason, &message);
        return Err(Failure::Waiting { reason, message, after: requeue_dependency, ready: Ready::False });
    }
    cx.remove_condition(reasons::INCLUDE_UNAVAILABLE);
    Ok(artifacts)
}

async fn artifact_of(namespace: &str, name: &str, cx: &Cx<GitRepository>) -> Result<Option<Artifact>, String> {
    let id = ObjectId {
        group: GitRepository::INFO.group.to_owned(),
        kind: GitRepository::INFO.kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let version = GitRepository::INFO.version.to_owned();
    let found = cx.session().get(&ObjectRef { id, version }).await.map_err(|error| error.to_string())?;
    let node = found.ok_or_else(|| format!("GitRepository '{namespace}/{name}' not found"))?;
    let included: GitRepository = serde_json::from_value(to_value(&node)).map_err(|error| error.to_string())?;
    Ok(included.status.and_then(|status| status.artifact))
}

/// Which files of an artifact are copied, and where to.
pub(super) struct Included {
    name: String,
    from: String,
    to: String,
    artifact: Artifact,
}

impl Included {
    pub fn new(include: &GitRepositoryInclude, artifact: Artifact) -> Self {
        let name = include.repository.name.clone();
        let from = include.from_path.clone().unwrap_or_default();
        let to = include.to_path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| name.clone());
        Self { name, from, to, artifact }
    }

    /// Adds the files to those that are there. Blocks.
    pub fn copy(&self, store: &Store, budget: &Budget, contents: &mut Contents) -> Result<(), Trouble> {
        let illegal = |error: weir_base::tree::PathError| self.illegal(&error.to_string());
        let from = join("", self.from.trim_start_matches('/')).map_err(illegal)?;
        let to = join("", self.to.trim_start_matches('/')).map_err(illegal)?;
        let bytes = store.read(&self.artifact).map_err(|error| self.failed(&error.to_string()))?;
        let tree = unpack(&bytes, budget).map_err(|error| self.failed(&error.to_string()))?;
        contents.include(&tree, &from, &to).map_err(|message| self.failed(&message))
    }

    fn failed(&self, message: &str) -> Trouble {
        let Self { name, from, to, .. } = self;
        let from = if from.is_empty() { "." } else { from };
        Trouble::transient(
            reasons::COPY_FAILURE,
            format!("failed to copy '{name}' include from {from} to {to}: {message}"),
        )
    }

    fn illegal(&self, message: &str) -> Trouble {
        Trouble::transient(
            reasons::ILLEGAL_PATH,
            format!("path calculation for include '{}' failed: {message}", self.name),
        )
    }
}
