//! What the status says of the artifact, and whether the spec still asks for the same.

use super::plan::Plan;
use weir_api::GitRepository;
use weir_api::common::{Artifact, Condition};
use weir_api::reasons;
use weir_api::source::GitRepositoryStatus;
use weir_runtime::conditions;

/// Conditions whose end is worth an event.
const FAILURES: [&str; 3] = [reasons::FETCH_FAILED, reasons::INCLUDE_UNAVAILABLE, reasons::STORAGE_OPERATION_FAILED];

/// Whether the artifact of the status was made by the rules of this plan, from these includes.
pub(super) fn is_same(object: &GitRepository, plan: &Plan, includes: &[Artifact]) -> bool {
    let Some(status) = &object.status else { return false };
    let same_artifacts = status.included_artifacts.len() == includes.len()
        && status.included_artifacts.iter().zip(includes).all(|(one, other)| same_artifact(one, other));
    status.observed_ignore == plan.ignore
        && status.observed_recurse_submodules == plan.selection.submodules
        && status.observed_sparse_checkout == plan.selection.sparse
        && status.observed_include == plan.includes
        && same_artifacts
}

fn same_artifact(one: &Artifact, other: &Artifact) -> bool {
    one.revision == other.revision && one.digest == other.digest
}

/// Notes what an artifact was made of.
pub(super) fn note(status: &mut GitRepositoryStatus, artifact: Artifact, plan: &Plan, includes: Vec<Artifact>) {
    status.artifact = Some(artifact);
    status.included_artifacts = includes;
    status.observed_ignore.clone_from(&plan.ignore);
    status.observed_recurse_submodules = plan.selection.submodules;
    status.observed_sparse_checkout.clone_from(&plan.selection.sparse);
    status.observed_include.clone_from(&plan.includes);
}

/// Whether the last pass failed.
pub(super) fn had_failed(object: &GitRepository) -> bool {
    let conditions: &[Condition] = object.status.as_ref().map_or(&[], |status| &status.conditions);
    FAILURES.iter().any(|kind| conditions::is_true(conditions, kind))
}
