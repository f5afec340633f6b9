//! What the spec asks for; pure.

use crate::Options;
use std::time::Duration;
use weir_api::kustomize::{DeletionPolicy, KustomizationSourceReference, KustomizationSpec, PostBuild};
use weir_api::{FluxObject, Kustomization, reasons};
use weir_doc::{Node, from_value};
use weir_object::{GroupKind, ObjectId, ObjectRef};
use weir_render::Overlay;
use weir_runtime::Failure;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub source: KustomizationSourceReference,
    pub source_namespace: String,
    pub path: String,
    pub overlay: Overlay,
    pub post_build: Option<PostBuild>,
    pub prune: bool,
    pub force: bool,
    pub wait: bool,
    pub health_checks: Vec<ObjectRef>,
    /// Namespace and name.
    pub dependencies: Vec<(String, String)>,
    pub interval: Duration,
    pub timeout: Duration,
    pub concurrency: usize,
    pub overrides: Vec<String>,
    pub early_kinds: Vec<GroupKind>,
    /// When what is missing is looked at again.
    pub requeue: Duration,
}

pub(crate) fn plan(object: &Kustomization, options: &Options) -> Result<Plan, Failure> {
    // Without `..`: a new field has to be thought about here.
    let KustomizationSpec {
        common_metadata,
        depends_on,
        decryption,
        interval: _,
        retry_interval: _,
        kube_config,
        path,
        post_build,
        prune,
        // Read when the object goes.
        deletion_policy: _,
        health_checks,
        health_check_exprs,
        patches,
        images,
        // Becomes the session.
        service_account_name: _,
        source_ref,
        suspend: _,
        target_namespace,
        name_prefix,
        name_suffix,
        timeout: _,
        force,
        wait,
        components,
        ignore_missing_components,
        build_metadata,
        ignore,
    } = &object.spec;
    let missing = [
        (decryption.is_some(), "spec.decryption"),
        (kube_config.is_some(), "spec.kubeConfig"),
        (!health_check_exprs.is_empty(), "spec.healthCheckExprs"),
        (depends_on.iter().any(|d| d.ready_expr.is_some()), "spec.dependsOn[].readyExpr"),
        (!build_metadata.is_empty(), "spec.buildMetadata"),
        (!ignore.is_empty(), "spec.ignore"),
    ];
    if let Some((_, field)) = missing.iter().find(|(is_set, _)| *is_set) {
        return Err(Failure::not_implemented(field));
    }
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let Some(source) = source_ref.clone() else {
        return Err(Failure::stalled(reasons::ARTIFACT_FAILED, "spec.sourceRef is not set: there is nothing to apply"));
    };
    let source_namespace = source.namespace.clone().unwrap_or_else(|| namespace.clone());
    if options.no_cross_namespace_refs && source_namespace != namespace {
        let message = format!(
            "can't access '{}/{source_namespace}/{}', cross-namespace references have been blocked",
            source.kind.as_str(),
            source.name
        );
        return Err(Failure::stalled(reasons::ACCESS_DENIED, message));
    }
    let common = common_metadata.clone().unwrap_or_default();
    Ok(Plan {
        source,
        source_namespace,
        path: path.clone().unwrap_or_default(),
        overlay: Overlay {
            namespace: target_namespace.clone(),
            name_prefix: name_prefix.clone(),
            name_suffix: name_suffix.clone(),
            patches: nodes(patches),
            images: nodes(images),
            components: components.clone(),
            ignore_missing_components: *ignore_missing_components,
            labels: common.labels,
            annotations: common.annotations,
            // Its variables are gathered.
            substitution: None,
        },
        post_build: post_build.clone(),
        prune: *prune,
        force: *force,
        wait: *wait,
        health_checks: health_checks
            .iter()
            .map(|check| {
                let api_version = check.api_version.as_deref().unwrap_or("apps/v1");
                let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
                ObjectRef {
                    id: ObjectId {
                        group: group.to_owned(),
                        kind: check.kind.clone(),
                        namespace: check.namespace.clone().unwrap_or_default(),
                        name: check.name.clone(),
                    },
                    version: version.to_owned(),
                }
            })
            .collect(),
        dependencies: depends_on
            .iter()
            .map(|d| (d.namespace.clone().unwrap_or_else(|| namespace.clone()), d.name.clone()))
            .collect(),
        interval: object.interval(),
        timeout: object.timeout().unwrap_or(Duration::from_secs(30)),
        overrides: options.override_managers.clone(),
        early_kinds: options.custom_apply_stage_kinds.clone(),
        concurrency: options.concurrent_ssa.max(1),
        requeue: options.requeue_dependency,
    })
}

/// What a Kustomization adds to a build, without its variables from elsewhere: for whoever renders
/// without a cluster. The error says which field cannot be built.
pub fn overlay(object: &Kustomization) -> Result<Overlay, String> {
    match plan(object, &Options::default()) {
        Ok(plan) => Ok(plan.overlay),
        Err(failure) => Err(failure.message().to_owned()),
    }
}

/// Entries of a spec as kustomization.yaml has them: the field names are the same.
fn nodes<T: serde::Serialize>(entries: &[T]) -> Vec<Node> {
    entries.iter().filter_map(|entry| serde_json::to_value(entry).ok()).map(|value| from_value(&value)).collect()
}

/// What happens to the objects when the Kustomization goes.
pub(crate) fn deletion_policy(object: &Kustomization) -> DeletionPolicy {
    object.spec.deletion_policy.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &str) -> Kustomization {
        let text = format!(
            r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
                "metadata":{{"name":"apps","namespace":"team"}},"spec":{spec}}}"#
        );
        serde_json::from_str(&text).expect("a Kustomization")
    }

    const SOURCE: &str = r#""sourceRef":{"kind":"GitRepository","name":"repo"}"#;

    #[test]
    fn fields_that_cannot_be_done_yet_are_named() {
        for (field, value) in [
            ("decryption", r#"{"provider":"sops"}"#),
            ("kubeConfig", r#"{"secretRef":{"name":"x"}}"#),
            ("buildMetadata", r#"["originAnnotations"]"#),
        ] {
            let object = object(&format!(r#"{{{SOURCE},"{field}":{value}}}"#));
            let message = format!("spec.{field} is not implemented in this version of weir");
            let failure = plan(&object, &Options::default()).expect_err("not implemented");
            assert_eq!(failure, Failure::Stalled { reason: "NotImplemented", message });
        }
    }

    #[test]
    fn other_namespaces_are_refused_when_locked_down() {
        let object =
            object(r#"{"sourceRef":{"kind":"GitRepository","name":"repo","namespace":"flux-system"},"prune":true}"#);
        let locked = Options { no_cross_namespace_refs: true, ..Options::default() };
        let failure = plan(&object, &locked).expect_err("refused");
        assert!(matches!(failure, Failure::Stalled { reason: "AccessDenied", .. }), "{failure:?}");
        let plan = plan(&object, &Options::default()).expect("allowed");
        assert_eq!((plan.source_namespace.as_str(), plan.prune), ("flux-system", true));
        assert_eq!(plan.timeout, Duration::from_secs(570));
    }
}
