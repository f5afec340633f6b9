//! GitRepository: plan -> gather -> resolve -> fetch -> publish.

mod fetch;
mod gather;
mod plan;
mod trouble;

use crate::Locals;
use fetch::Fetched;
use plan::Plan;
use std::sync::Arc;
use std::time::Duration;
use trouble::{Trouble, off_thread};
use weir_api::common::Artifact;
use weir_api::{FluxObject, GitRepository, reasons};
use weir_artifact::{ArtifactError, Store, ignore, pack};
use weir_base::{Budget, Class};
use weir_git::Access;
use weir_runtime::{Cx, Done, Failure, Metadata, Reconciler, conditions};

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The reconciler of GitRepository.
pub struct GitRepositories {
    pub store: Store,
    pub locals: Arc<Locals>,
    /// What is agreed on with ssh servers.
    pub ssh: weir_git::ssh::Options,
}

impl Reconciler for GitRepositories {
    type Object = GitRepository;
    const CONTROLLER: &'static str = "source-controller";
    const STATUS_MANAGER: &'static str = "source-controller";
    const CONDITIONS: &'static [&'static str] = &[
        conditions::READY,
        conditions::RECONCILING,
        conditions::STALLED,
        reasons::ARTIFACT_IN_STORAGE,
        reasons::ARTIFACT_OUTDATED,
        reasons::FETCH_FAILED,
        reasons::STORAGE_OPERATION_FAILED,
    ];

    async fn reconcile(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Result<Done, Failure> {
        let plan = plan::plan(object, &self.locals)?;
        let held = self.held(object).await;
        let access = match gather::access(object, &plan, cx).await {
            Ok(access) => Access { ssh_options: self.ssh.clone(), ..access },
            Err(trouble) => return Err(fetch_failed(cx, trouble)),
        };
        let resolved = fetch::resolve(&plan, &access).await.map_err(|trouble| fetch_failed(cx, trouble))?;
        if let (Some(held), Some(resolved)) = (&held, &resolved)
            && held.revision == resolved.revision
            && same_content(object, &plan)
        {
            cx.remove_condition(reasons::FETCH_FAILED);
            return Ok(done(held, None));
        }
        let fetched = fetch::fetch(&plan, &access, resolved, cx.budget()).await;
        let fetched = fetched.map_err(|trouble| fetch_failed(cx, trouble))?;
        cx.remove_condition(reasons::FETCH_FAILED);
        let artifact = match held {
            Some(held) if held.revision == fetched.revision && same_content(object, &plan) => {
                return Ok(done(&held, None));
            }
            _ => self.publish(object, fetched.clone(), &plan, cx).await?,
        };
        let told = done(&artifact, Some(&fetched));
        cx.status_mut().artifact = Some(artifact);
        cx.status_mut().observed_ignore = plan.ignore;
        Ok(told)
    }

    async fn finalize(&self, object: &GitRepository, _cx: &mut Cx<GitRepository>) -> Result<(), Failure> {
        let (namespace, name) = address(object);
        self.store.collect((GitRepository::KIND, namespace, name), None).map_err(|error| Failure::of(&error))
    }

    fn observes_failed_generations(&self) -> bool {
        true
    }
}

impl GitRepositories {
    /// The artifact that the status names, when it is really there under today's address.
    async fn held(&self, object: &GitRepository) -> Option<Artifact> {
        let artifact = object.status.as_ref()?.artifact.clone()?;
        let store = self.store.clone();
        let checked = off_thread(move || store.verify(&artifact).map(|()| artifact)).await;
        match checked {
            Ok(artifact) => Some(artifact),
            Err(Trouble { report, .. }) => {
                tracing::info!(reason = report.reason, message = report.message, "the artifact is built again");
                None
            }
        }
    }

    async fn publish(
        &self,
        object: &GitRepository,
        fetched: Fetched,
        plan: &Plan,
        cx: &mut Cx<GitRepository>,
    ) -> Result<Artifact, Failure> {
        let (store, spec_ignore) = (self.store.clone(), plan.ignore.clone());
        let (namespace, name) = address(object);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let stored = off_thread(move || -> Result<Artifact, ArtifactError> {
            let mut tree = fetched.tree;
            ignore::filter(&mut tree, spec_ignore.as_deref())?;
            let bytes = pack(&tree)?;
            let place = (GitRepository::KIND, namespace.as_str(), name.as_str());
            let artifact = store.publish(place, &fetched.file, &fetched.revision, &bytes)?;
            store.collect(place, Some(&fetched.file))?;
            Ok(artifact)
        })
        .await;
        match stored {
            Ok(artifact) => {
                cx.remove_condition(reasons::STORAGE_OPERATION_FAILED);
                cx.remove_condition(reasons::ARTIFACT_OUTDATED);
                let message = format!("stored artifact for revision '{}'", artifact.revision);
                cx.condition(reasons::ARTIFACT_IN_STORAGE, "True", reasons::SUCCEEDED, &message);
                Ok(artifact)
            }
            Err(Trouble { report, .. }) => {
                let message = report.to_string();
                cx.condition(reasons::STORAGE_OPERATION_FAILED, "True", report.reason, &message);
                Err(Failure::transient(report.reason, message))
            }
        }
    }
}

/// What was published before was made by the same rules.
fn same_content(object: &GitRepository, plan: &Plan) -> bool {
    object.status.as_ref().is_some_and(|status| status.observed_ignore == plan.ignore)
}

fn done(artifact: &Artifact, new: Option<&Fetched>) -> Done {
    let message = format!("stored artifact for revision '{}'", artifact.revision);
    let metadata = Metadata::from([
        ("revision".to_owned(), artifact.revision.clone()),
        ("digest".to_owned(), artifact.digest.clone()),
    ]);
    let event = new.map(|fetched| (reasons::NEW_ARTIFACT, fetched.announcement()));
    Done { reason: reasons::SUCCEEDED, message, event, metadata }
}

fn fetch_failed(cx: &mut Cx<GitRepository>, Trouble { report, retry_after }: Trouble) -> Failure {
    let message = report.to_string();
    cx.condition(reasons::FETCH_FAILED, "True", report.reason, &message);
    match (report.class, retry_after) {
        (Class::Stalled, _) => Failure::stalled(report.reason, message),
        // As late as the server asks for, but not for ever.
        (_, Some(after)) => Failure::transient(report.reason, message).retried_after(after.min(LONGEST_PAUSE)),
        _ => Failure::transient(report.reason, message),
    }
}

fn address(object: &GitRepository) -> (&str, &str) {
    let meta = &object.metadata;
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// What a checkout may take: 512 MiB.
fn checkout_budget() -> Budget {
    Budget::new(10_000_000, 512 << 20)
}
