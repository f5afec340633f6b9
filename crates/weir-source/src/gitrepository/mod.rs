//! GitRepository: plan -> held -> gather -> include -> resolve -> fetch -> publish.

mod contents;
mod fetch;
mod gather;
mod include;
mod observed;
mod plan;
mod publish;
mod triggers;
mod trouble;

pub use plan::refusal;
pub use triggers::triggers;

use crate::{Locals, Options};
use fetch::Fetched;
use std::sync::Arc;
use std::time::Duration;
use trouble::Trouble;
use weir_api::common::Artifact;
use weir_api::{GitRepository, reasons};
use weir_artifact::Store;
use weir_base::Class;
use weir_git::{Access, Resolved};
use weir_runtime::{Cx, Done, Failure, Metadata, Reconciler, Severity, conditions};

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Characters of a commit's message that an event tells.
const SUMMARY: usize = 50;

/// The reconciler of GitRepository.
pub struct GitRepositories {
    pub store: Store,
    pub locals: Arc<Locals>,
    pub options: Options,
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
        reasons::INCLUDE_UNAVAILABLE,
        reasons::SOURCE_VERIFIED,
        reasons::STORAGE_OPERATION_FAILED,
    ];

    async fn reconcile(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Result<Done, Failure> {
        let plan = plan::plan(object, &self.locals)?;
        plan.check(&self.options.hosts)?;
        cx.remove_condition(reasons::STORAGE_OPERATION_FAILED);
        let held = self.held(object, cx).await;
        let gone = held.is_none() && object.status.as_ref().is_some_and(|status| status.artifact.is_some());
        let access = gather::access(object, &plan, cx).await.map_err(|trouble| fetch_failed(cx, trouble))?;
        let access = Access { ssh_options: self.options.ssh.clone(), hosts: self.options.hosts.clone(), ..access };
        let includes = include::artifacts(object, &plan.includes, self.options.requeue_dependency, cx).await?;
        let is_same = observed::is_same(object, &plan, &includes);
        let resolved = fetch::resolve(&plan, &access).await.map_err(|trouble| fetch_failed(cx, trouble))?;
        if let (Some(held), Some(resolved)) = (&held, &resolved)
            && held.revision == resolved.revision
            && is_same
        {
            return Ok(unchanged(object, held, cx));
        }
        building(held.as_ref(), resolved.as_ref(), gone, cx).await?;
        let fetched = fetch::fetch(&plan, &access, resolved, self.options.max_size, cx.budget()).await;
        let fetched = fetched.map_err(|trouble| fetch_failed(cx, trouble))?;
        if let Some(held) = held.filter(|held| held.revision == fetched.revision && is_same) {
            let message = format!("artifact up-to-date with remote revision: '{}'", held.revision);
            cx.event(Severity::Trace, reasons::ARTIFACT_UP_TO_DATE, &message, &Metadata::new());
            return Ok(unchanged(object, &held, cx));
        }
        cx.remove_condition(reasons::FETCH_FAILED);
        let told = announcement(&fetched);
        let artifact = self.publish(object, fetched, (&plan, &includes), cx).await?;
        let is_new = object.status.as_ref().and_then(|status| status.artifact.as_ref()).map(|old| &old.digest)
            != Some(&artifact.digest);
        observed::note(cx.status_mut(), artifact.clone(), &plan, includes);
        let event = match is_new {
            true => Some((reasons::NEW_ARTIFACT, told)),
            false => observed::had_failed(object).then_some((reasons::SUCCEEDED, told)),
        };
        Ok(in_storage(&artifact, event, cx))
    }

    async fn finalize(&self, object: &GitRepository, cx: &mut Cx<GitRepository>) -> Result<(), Failure> {
        self.forget(object, cx).await
    }

    fn observes_failed_generations(&self) -> bool {
        true
    }
}

/// Says what is about to be built, before it may take long.
async fn building(
    held: Option<&Artifact>,
    resolved: Option<&Resolved>,
    gone: bool,
    cx: &mut Cx<GitRepository>,
) -> Result<(), Failure> {
    let new = resolved.filter(|new| held.is_none_or(|held| held.revision != new.revision));
    let message = match (new, gone) {
        (_, true) => "building artifact: disappeared from storage".to_owned(),
        (Some(new), _) => format!("building artifact: new upstream revision '{}'", new.revision),
        // Whether anything is to be built only a fetch can tell.
        (None, _) if held.is_some() => return Ok(()),
        (None, _) => "building artifact".to_owned(),
    };
    if let (Some(new), true) = (new, held.is_some()) {
        let outdated = format!("new upstream revision '{}'", new.revision);
        cx.condition(reasons::ARTIFACT_OUTDATED, "True", reasons::NEW_REVISION, &outdated);
    }
    cx.progress(reasons::PROGRESSING, &message);
    cx.checkpoint().await.map(drop)
}

/// The artifact that is there is the one that is asked for.
fn unchanged(object: &GitRepository, held: &Artifact, cx: &mut Cx<GitRepository>) -> Done {
    cx.remove_condition(reasons::FETCH_FAILED);
    cx.status_mut().artifact = Some(held.clone());
    let told = || format!("stored artifact for commit '{}'", held.revision);
    let event = observed::had_failed(object).then(|| (reasons::SUCCEEDED, told()));
    in_storage(held, event, cx)
}

fn in_storage(artifact: &Artifact, event: Option<(&'static str, String)>, cx: &mut Cx<GitRepository>) -> Done {
    let message = format!("stored artifact for revision '{}'", artifact.revision);
    cx.remove_condition(reasons::ARTIFACT_OUTDATED);
    cx.condition(reasons::ARTIFACT_IN_STORAGE, "True", reasons::SUCCEEDED, &message);
    let metadata = Metadata::from([
        ("revision".to_owned(), artifact.revision.clone()),
        ("digest".to_owned(), artifact.digest.clone()),
    ]);
    Done { reason: reasons::SUCCEEDED, message, event, repeats: false, metadata }
}

fn announcement(fetched: &Fetched) -> String {
    match &fetched.summary {
        Some(summary) => {
            let cut: String = summary.chars().take(SUMMARY).collect();
            format!("stored artifact for commit '{cut}'")
        }
        None => format!("stored artifact for revision '{}'", fetched.revision),
    }
}

fn fetch_failed(cx: &mut Cx<GitRepository>, trouble: Trouble) -> Failure {
    let Trouble { report, retry_after, .. } = trouble;
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
