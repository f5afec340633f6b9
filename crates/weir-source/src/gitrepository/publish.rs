//! Packing the files and storing the artifact.

use super::fetch::Fetched;
use super::include::Included;
use super::plan::Plan;
use super::trouble::{Trouble, off_thread};
use super::{GitRepositories, address};
use weir_api::common::Artifact;
use weir_api::{FluxObject, GitRepository, reasons};
use weir_artifact::ArtifactError;
use weir_base::Budget;
use weir_runtime::{Cx, Failure, Metadata, Severity};

/// Bytes of the files that are copied in, in memory.
const INCLUDED_LIMIT: u64 = 512 << 20;

impl GitRepositories {
    /// The artifact that the status names, when it is really there. One that is not is forgotten.
    pub(super) async fn held(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Option<Artifact> {
        let artifact = object.status.as_ref()?.artifact.clone()?;
        let (store, checked) = (self.store.clone(), artifact.clone());
        let found = off_thread(move || {
            // Old ones that cannot be removed hold nobody up.
            let removed = store.collect(&checked).unwrap_or_default();
            store.verify(&checked).map(|()| removed)
        })
        .await;
        let trouble = match found {
            Ok(removed) => {
                if removed > 0 {
                    let message = format!("garbage collected {removed} artifacts");
                    cx.event(Severity::Trace, reasons::GARBAGE_COLLECTION_SUCCEEDED, &message, &Metadata::new());
                }
                return Some(Artifact { url: self.store.url(&artifact), ..artifact });
            }
            Err(trouble) => trouble,
        };
        if trouble.is_broken {
            let message = format!("failed to verify integrity of artifact: {}", trouble.report.message);
            cx.event(Severity::Error, reasons::ARTIFACT_VERIFICATION_FAILED, &message, &Metadata::new());
        }
        tracing::info!(message = trouble.report.message, "the artifact is built again");
        cx.status_mut().artifact = None;
        cx.remove_condition(reasons::ARTIFACT_IN_STORAGE);
        None
    }

    /// Stores the files with what is included.
    pub(super) async fn publish(
        &self,
        object: &GitRepository,
        fetched: Fetched,
        (plan, includes): (&Plan, &[Artifact]),
        cx: &mut Cx<GitRepository>,
    ) -> Result<Artifact, Failure> {
        let store = self.store.clone();
        let (namespace, name) = address(object);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let spec_ignore = plan.ignore.clone();
        let pairs = plan.includes.iter().zip(includes);
        let includes: Vec<Included> =
            pairs.map(|(include, artifact)| Included::new(include, artifact.clone())).collect();
        let stored = off_thread(move || -> Result<Artifact, Trouble> {
            let Fetched { mut contents, revision, file, .. } = fetched;
            let budget = Budget::new(10_000_000, INCLUDED_LIMIT);
            for include in &includes {
                include.copy(&store, &budget, &mut contents)?;
            }
            let place = (GitRepository::KIND, namespace.as_str(), name.as_str());
            let draft = contents.pack(spec_ignore.as_deref(), store.begin(place, &file)?)?;
            Ok(draft.publish(&revision)?)
        })
        .await;
        stored.map_err(|trouble| {
            let trouble = match trouble.report.reason {
                reasons::ARCHIVE_OPERATION_FAILED => trouble.within("unable to archive artifact to storage"),
                _ => trouble,
            };
            let message = trouble.report.to_string();
            cx.condition(reasons::STORAGE_OPERATION_FAILED, "True", trouble.report.reason, &message);
            Failure::transient(trouble.report.reason, message)
        })
    }

    /// Removes all artifacts of an object.
    pub(super) async fn forget(&self, object: &GitRepository, cx: &Cx<GitRepository>) -> Result<(), Failure> {
        let store = self.store.clone();
        let (namespace, name) = address(object);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let removed = off_thread(move || -> Result<bool, ArtifactError> {
            store.remove((GitRepository::KIND, &namespace, &name))
        });
        let failed = |trouble: Trouble| {
            let message = format!("garbage collection for deleted resource failed: {}", trouble.report);
            Failure::transient(reasons::GARBAGE_COLLECTION_FAILED, message)
        };
        if removed.await.map_err(failed)? {
            let message = "garbage collected artifacts for deleted resource";
            cx.event(Severity::Trace, reasons::GARBAGE_COLLECTION_SUCCEEDED, message, &Metadata::new());
        }
        Ok(())
    }
}
