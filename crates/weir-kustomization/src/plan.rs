//! What the spec asks for; pure.

use crate::{Options, decryption};
use std::sync::Arc;
use std::time::Duration;
use weir_api::common::{CustomHealthCheck, DependencyReference};
use weir_api::kustomize::{
    DeletionPolicy, KustomizationSourceKind, KustomizationSourceReference, KustomizationSpec, PostBuild,
};
use weir_api::{FluxKind, FluxObject, KINDS, KindInfo, Kustomization, StatusSubresource, reasons};
use weir_apply::{CustomChecks, Expressions, IgnoreRule, ReadyExpression};
use weir_base::Diagnose;
use weir_doc::{Node, from_value};
use weir_object::ObjectRef;
use weir_render::{Overlay, Picker};
use weir_runtime::Failure;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub source: KustomizationSourceReference,
    pub source_namespace: String,
    pub path: String,
    pub overlay: Overlay,
    pub post_build: Option<PostBuild>,
    pub prune: bool,
    /// How the objects are applied.
    pub apply: weir_apply::Options,
    pub wait: bool,
    /// The first failed object ends the waiting.
    pub fail_fast: bool,
    /// A variable that is not set and has no default is an error.
    pub strict: bool,
    /// Sources are read from the API server in each pass.
    pub direct_source: bool,
    pub health_checks: Vec<ObjectRef>,
    pub dependencies: Vec<Dependency>,
    pub interval: Duration,
    pub timeout: Duration,
    /// When what is missing is looked at again.
    pub requeue: Duration,
}

/// Another object that has to be ready first.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub object: ObjectRef,
    /// It is a Kustomization.
    pub is_own_kind: bool,
    pub ready: Option<Arc<ReadyExpression>>,
    /// Whether its Ready condition counts: also beside an expression, if the gate is on.
    pub is_condition_asked: bool,
}

pub(crate) fn plan(object: &Kustomization, options: &Options) -> Result<Plan, Failure> {
    // Without `..`: a new field has to be thought about here.
    let KustomizationSpec {
        common_metadata,
        depends_on,
        // Its keys are gathered.
        decryption,
        interval: _,
        retry_interval: _,
        // Becomes the session.
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
        service_account_name,
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
    decryption::check(decryption.as_ref(), options)?;
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    let Some(source) = source_ref.clone() else {
        return Err(Failure::stalled(reasons::ARTIFACT_FAILED, "spec.sourceRef is not set: there is nothing to apply"));
    };
    let source_namespace = source.namespace.clone().unwrap_or_else(|| namespace.clone());
    if source.kind == KustomizationSourceKind::ExternalArtifact && !options.external_artifacts {
        let message = format!(
            "can't access '{}/{source_namespace}/{}', ExternalArtifact feature gate is disabled",
            source.kind.as_str(),
            source.name
        );
        return Err(Failure::stalled(reasons::ACCESS_DENIED, message));
    }
    let is_account_named = service_account_name.as_ref().is_some_and(|name| !name.is_empty());
    // Another cluster has its own rights.
    let is_named = is_account_named || options.default_service_account.is_some() || kube_config.is_some();
    if options.require_service_account && !is_named {
        let message = "spec.serviceAccountName is not set, and this controller has no rights of its own to apply with: name \
                       a service account (`weir create tenant` writes one), or install with --cluster-admin";
        return Err(Failure::stalled(reasons::ACCESS_DENIED, message));
    }
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
            build_metadata: build_metadata.iter().map(|option| option.as_str().to_owned()).collect(),
            labels: common.labels,
            annotations: common.annotations,
            // Their keys and variables are gathered.
            decryption: None,
            substitution: None,
        },
        post_build: post_build.clone(),
        prune: *prune,
        apply: weir_apply::Options {
            force: *force,
            concurrency: options.concurrent_ssa.max(1),
            overrides: options.override_managers.clone(),
            early_kinds: options.custom_apply_stage_kinds.clone(),
            ignore: ignored(ignore)?,
            checks: Arc::new(checks(health_check_exprs)?),
            migrate_version: options.migrate_api_version,
            check_all: false,
        },
        wait: *wait,
        fail_fast: options.fail_fast,
        strict: options.strict_substitutions,
        direct_source: options.direct_source_fetch,
        health_checks: health_checks
            .iter()
            .map(|check| {
                let api_version = check.api_version.as_deref().unwrap_or("apps/v1");
                let namespace = check.namespace.as_deref().unwrap_or_default();
                ObjectRef::new(api_version, &check.kind, namespace, &check.name)
            })
            .collect(),
        dependencies: dependencies(depends_on, &namespace, options)?,
        interval: object.interval(),
        timeout: object.timeout().unwrap_or(Duration::from_secs(30)),
        requeue: options.requeue_dependency,
    })
}

fn ignored(entries: &[weir_api::common::IgnoreRule]) -> Result<Vec<IgnoreRule>, Failure> {
    let mut rules = Vec::new();
    for (at, weir_api::common::IgnoreRule { paths, target }) in entries.iter().enumerate() {
        if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
            let message = format!("spec.ignore[{at}].paths: '{path}' is no JSON pointer: it has to begin with '/'");
            return Err(Failure::stalled(reasons::RECONCILIATION_FAILED, message));
        }
        let target = serde_json::to_value(target.clone().unwrap_or_default()).unwrap_or_default();
        let picker = Picker::read(&from_value(&target), &format!("spec.ignore[{at}].target"))
            .map_err(|error| Failure::stalled(reasons::RECONCILIATION_FAILED, error.report().to_string()))?;
        rules.push(IgnoreRule { paths: paths.clone(), picks: Arc::new(move |object| picker.picks(object)) });
    }
    Ok(rules)
}

fn checks(entries: &[CustomHealthCheck]) -> Result<CustomChecks, Failure> {
    let mut checks = CustomChecks::default();
    for (at, entry) in entries.iter().enumerate() {
        let CustomHealthCheck { api_version, kind, current, failed, in_progress } = entry;
        let expressions = Expressions { in_progress: in_progress.as_deref(), failed: failed.as_deref(), current };
        checks
            .add(at, api_version, kind.as_deref(), expressions)
            .map_err(|error| Failure::stalled(reasons::INVALID_CEL_EXPRESSION, format!("spec.{}", error.report())))?;
    }
    Ok(checks)
}

fn dependencies(
    entries: &[DependencyReference],
    namespace: &str,
    options: &Options,
) -> Result<Vec<Dependency>, Failure> {
    let mut dependencies = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let DependencyReference { api_version, kind, name, namespace: other, ready_expr } = entry;
        let info = depended_on(api_version.as_deref(), kind.as_deref())
            .map_err(|why| Failure::stalled(reasons::RECONCILIATION_FAILED, format!("spec.dependsOn[{at}]{why}")))?;
        let other = other.as_deref().filter(|other| !other.is_empty()).unwrap_or(namespace);
        let text = ready_expr.as_deref().filter(|text| !text.is_empty());
        let ready = text.map(ReadyExpression::new).transpose().map_err(|error| {
            let message = format!("spec.dependsOn[{at}].readyExpr: {}", error.report());
            Failure::stalled(reasons::INVALID_CEL_EXPRESSION, message)
        })?;
        dependencies.push(Dependency {
            object: ObjectRef::new(&info.api_version(), info.kind, other, name),
            is_own_kind: info.kind == Kustomization::INFO.kind,
            is_condition_asked: ready.is_none() || options.additive_cel_dependency_check,
            ready: ready.map(Arc::new),
        });
    }
    Ok(dependencies)
}

/// The kind of a dependency: one of Flux's that says whether it is ready. Others are not read: it would be done with the
/// controller's rights, and what a `readyExpr` says of a Secret tells what is in it.
fn depended_on(api_version: Option<&str>, kind: Option<&str>) -> Result<&'static KindInfo, String> {
    let api_version = api_version.filter(|text| !text.is_empty());
    let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or(Kustomization::INFO.kind);
    let mut known = KINDS.iter().filter(|info| info.status != StatusSubresource::None);
    let Some(info) = known.clone().find(|info| info.kind == kind) else {
        let names: Vec<&str> = known.by_ref().map(|info| info.kind).collect();
        return Err(format!(".kind: '{kind}' cannot be depended on (known are {})", names.join(", ")));
    };
    let fits = |text: &str| {
        text.split_once('/').is_some_and(|(group, version)| group == info.group && info.versions.contains(&version))
    };
    match api_version {
        Some(text) if !fits(text) => {
            Err(format!(".apiVersion: '{text}' has no {kind}: it is of {}", info.api_version()))
        }
        _ => Ok(info),
    }
}

/// What a Kustomization adds to a build, without its variables from elsewhere: for whoever renders
/// without a cluster. The error says which field cannot be built.
pub fn overlay(object: &Kustomization) -> Result<Overlay, String> {
    match plan(object, &Options::outside()) {
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
    fn who_has_no_rights_of_its_own_wants_an_account() {
        let restricted = Options { require_service_account: true, ..Options::default() };
        let refused = |spec: &str, options: &Options| match plan(&object(spec), options) {
            Err(Failure::Stalled { reason, message }) => Some((reason, message)),
            _ => None,
        };
        let (reason, message) = refused(&format!("{{{SOURCE}}}"), &restricted).expect("is refused");
        assert_eq!(reason, "AccessDenied");
        assert!(message.contains("spec.serviceAccountName is not set"), "{message}");
        assert_eq!(refused(&format!(r#"{{{SOURCE},"serviceAccountName":"team"}}"#), &restricted), None);
        let remote = format!(r#"{{{SOURCE},"kubeConfig":{{"secretRef":{{"name":"x"}}}}}}"#);
        assert_eq!(refused(&remote, &restricted), None, "its kubeconfig has rights of its own");
        let default = Options { default_service_account: Some("default".to_owned()), ..restricted };
        assert_eq!(refused(&format!("{{{SOURCE}}}"), &default), None);
    }

    #[test]
    fn external_artifacts_wait_for_their_gate() {
        let object = object(r#"{"sourceRef":{"kind":"ExternalArtifact","name":"x"}}"#);
        let failure = plan(&object, &Options::default()).expect_err("is refused");
        let message = "can't access 'ExternalArtifact/team/x', ExternalArtifact feature gate is disabled";
        assert_eq!(failure, Failure::stalled(reasons::ACCESS_DENIED, message));
        assert!(plan(&object, &Options { external_artifacts: true, ..Options::default() }).is_ok());
    }

    #[test]
    fn expressions_that_cannot_be_used_stall() {
        for (field, message) in [
            (
                r#""dependsOn":[{"name":"a"},{"name":"b","readyExpr":"dep.status.ready"}]"#,
                "spec.dependsOn[1].readyExpr: 1:11: the expression has to be of type bool, it is of type dyn; compare it, \
                 as in ... == true",
            ),
            (
                r#""dependsOn":[{"name":"a","readyExpr":"foo == 1"}]"#,
                "spec.dependsOn[0].readyExpr: 1:1: undeclared reference to 'foo' (use only the declared variables and CEL's \
                 own functions)",
            ),
            (
                r#""healthCheckExprs":[{"apiVersion":"a/v1","kind":"B","current":"status."}]"#,
                "spec.healthCheckExprs[0].current: 1:8: expected the name of a field, found the end",
            ),
            (
                r#""healthCheckExprs":[{"apiVersion":"a/v1","kind":"B","current":"true"},{"apiVersion":"a/v2","kind":"B","current":"true"}]"#,
                "spec.healthCheckExprs[1] is the second for B.a (keep one of them; the version in apiVersion plays no part)",
            ),
        ] {
            let object = object(&format!("{{{SOURCE},{field}}}"));
            let failure = plan(&object, &Options::default()).expect_err("cannot be used");
            assert_eq!(failure, Failure::stalled(reasons::INVALID_CEL_EXPRESSION, message), "{field}");
        }
    }

    #[test]
    fn dependencies_are_of_kinds_that_say_whether_they_are_ready() {
        let of = |entry: &str| {
            let object = object(&format!(r#"{{{SOURCE},"dependsOn":[{{"name":"a"{entry}}}]}}"#));
            plan(&object, &Options::default()).map(|plan| {
                let Dependency { object, is_own_kind, .. } = &plan.dependencies[0];
                (format!("{} {}", object.api_version(), object), *is_own_kind)
            })
        };
        let own = |text: &str| Ok((text.to_owned(), true));
        assert_eq!(of(""), own("kustomize.toolkit.fluxcd.io/v1 Kustomization/team/a"));
        assert_eq!(of(r#","namespace":"b""#), own("kustomize.toolkit.fluxcd.io/v1 Kustomization/b/a"));
        let release = Ok(("helm.toolkit.fluxcd.io/v2 HelmRelease/team/a".to_owned(), false));
        assert_eq!(of(r#","kind":"HelmRelease""#), release);
        assert_eq!(of(r#","kind":"HelmRelease","apiVersion":"helm.toolkit.fluxcd.io/v2""#), release);
        for (entry, expect) in [
            (
                r#","kind":"Secret""#,
                "spec.dependsOn[0].kind: 'Secret' cannot be depended on (known are ArtifactGenerator, ",
            ),
            (r#","kind":"Alert""#, "'Alert' cannot be depended on"),
            (
                r#","kind":"HelmRelease","apiVersion":"v1""#,
                "spec.dependsOn[0].apiVersion: 'v1' has no HelmRelease: it is of helm",
            ),
        ] {
            match of(entry) {
                Err(Failure::Stalled { message, .. }) => assert!(message.contains(expect), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_expression_replaces_the_condition_unless_the_gate_is_on() {
        let object = object(&format!(
            r#"{{{SOURCE},"dependsOn":[{{"name":"a"}},{{"name":"b","namespace":"other","readyExpr":"true"}},{{"name":"c","readyExpr":""}}]}}"#
        ));
        let asked = |options: &Options| -> Vec<(bool, bool)> {
            let plan = plan(&object, options).expect("a plan");
            plan.dependencies.iter().map(|d| (d.ready.is_some(), d.is_condition_asked)).collect()
        };
        assert_eq!(asked(&Options::default()), [(false, true), (true, false), (false, true)]);
        let additive = Options { additive_cel_dependency_check: true, ..Options::default() };
        assert_eq!(asked(&additive), [(false, true), (true, true), (false, true)]);
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
