//! The types: manifests of users, defaults, tolerance, and the shared traits.

use std::time::Duration;

use crate::{
    Alert, ArtifactGenerator, Bucket, Condition, ExternalArtifact, FluxObject, FluxStatus, GitRepository, HelmChart,
    HelmRelease, HelmRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation, KINDS, Kustomization,
    OCIRepository, Provider, Receiver, Time, common::VerificationProvider, crd, names, reasons,
    source::GitVerificationMode,
};
use kube_core::Resource;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// What a structural schema without patterns and rules has to say against a value.
fn violations(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        _ => true,
    };
    if !fits {
        out.push(format!("{path}: not of type {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        out.push(format!("{path}: {value} is not allowed"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            out.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, child) in value.as_object().into_iter().flatten() {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (known @ Value::Object(_), _) | (_, known @ Value::Object(_)) => {
                violations(known, child, &format!("{path}.{name}"), out);
            }
            _ if schema["x-kubernetes-preserve-unknown-fields"] == true || path == ".metadata" => {}
            _ => out.push(format!("{path}.{name}: unknown")),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        violations(&schema["items"], item, &format!("{path}[]"), out);
    }
}

/// Checks a manifest against the schema of its version and reads it.
fn read<K: DeserializeOwned>(manifest: &Value) -> K {
    let info = KINDS.iter().find(|info| info.kind == manifest["kind"]).unwrap();
    let crd = crd::to_json(&crd::build(info));
    let version = crd["spec"]["versions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|version| manifest["apiVersion"] == format!("{}/{}", info.group, version["name"].as_str().unwrap()))
        .unwrap_or_else(|| panic!("{} is not served", manifest["apiVersion"]));
    let mut out = Vec::new();
    violations(&version["schema"]["openAPIV3Schema"], manifest, "", &mut out);
    assert!(out.is_empty(), "{out:?}");
    serde_json::from_value(manifest.clone()).unwrap()
}

#[test]
fn alert_for_security() {
    let alert: Alert = read(&json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": "Alert",
        "metadata": { "name": "security-alerts", "namespace": "flux-system" },
        "spec": {
            "providerRef": { "name": "slack-security" },
            "eventSeverity": "error",
            "eventSources": [{ "kind": "Kustomization", "name": "*" }, { "kind": "HelmRelease", "name": "*" }],
        },
    }));
    assert_eq!(alert.spec.event_sources.len(), 2);
    assert_eq!(alert.spec.event_severity.as_str(), "error");
}

#[test]
fn git_repository_over_ssh() {
    let repository: GitRepository = read(&json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "name": "production-manifests" },
        "spec": {
            "url": "ssh://git@github.com/example/production-manifests",
            "secretRef": { "name": "git-ssh-credentials" },
            "interval": "5m",
            "ref": { "branch": "main" },
        },
    }));
    assert_eq!(repository.interval(), Duration::from_secs(300));
    assert_eq!(repository.timeout(), Some(Duration::from_secs(60)));
    assert_eq!(repository.spec.reference.unwrap().branch.as_deref(), Some("main"));
}

#[test]
fn git_repository_with_verification_and_no_interval() {
    let repository: GitRepository = read(&json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "name": "production-manifests" },
        "spec": {
            "url": "ssh://git@github.com/example/production-manifests",
            "verify": { "mode": "head", "secretRef": { "name": "gpg-public-keys" } },
        },
    }));
    assert_eq!(repository.interval(), Duration::from_secs(600));
    assert_eq!(repository.spec.verify.unwrap().mode, GitVerificationMode::LegacyHead);
}

#[test]
fn image_policy_with_verification_in_the_older_version() {
    let policy: ImagePolicy = read(&json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1beta2",
        "kind": "ImagePolicy",
        "metadata": { "name": "app-policy" },
        "spec": {
            "imageRepositoryRef": { "name": "app-images" },
            "policy": { "semver": { "range": ">=1.0.0" } },
            "verify": { "provider": "cosign", "secretRef": { "name": "cosign-public-key" } },
        },
    }));
    assert_eq!(policy.spec.verify.as_ref().unwrap().provider, VerificationProvider::Cosign);
    assert_eq!(policy.interval(), Duration::ZERO, "only the digest policy Always looks periodically");
    let written = serde_json::to_value(&policy).unwrap();
    assert_eq!(written["apiVersion"], "image.toolkit.fluxcd.io/v1", "written in the storage version");
}

#[test]
fn kustomization_with_decryption_only() {
    let kustomization: Kustomization = read(&json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "infrastructure" },
        "spec": { "decryption": { "provider": "sops", "secretRef": { "name": "sops-age-key" } } },
    }));
    assert!(kustomization.spec.source_ref.is_none() && !kustomization.spec.prune);
    assert_eq!(kustomization.timeout(), Some(Duration::from_secs(570)));
    assert_eq!(kustomization.retry_interval(), Duration::from_secs(600));
}

#[test]
fn kustomization_of_a_tenant() {
    let manifest = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "team-frontend", "namespace": "team-frontend" },
        "spec": {
            "sourceRef": { "kind": "GitRepository", "name": "team-frontend-repo" },
            "path": "./manifests",
            "prune": true,
            "targetNamespace": "team-frontend",
            "serviceAccountName": "team-frontend-deployer",
        },
    });
    let kustomization: Kustomization = read(&manifest);
    assert_eq!(serde_json::to_value(&kustomization).unwrap(), manifest, "nothing is added on writing");
}

#[test]
fn helm_release_round_trips() {
    let manifest = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": { "name": "app" },
        "spec": {
            "chartRef": { "kind": "OCIRepository", "name": "app" },
            "interval": "1h0m0s",
            "install": {
                "disableOpenAPIValidation": true,
                "skipCRDs": true,
                "strategy": { "name": "RetryOnFailure", "retryInterval": "2m0s" },
            },
            "upgrade": { "crds": "CreateReplace", "remediation": { "retries": -1 }, "serverSideApply": "auto" },
            "values": { "replicas": 2, "nested": { "list": [1, "a", null], "ratio": 0.5 } },
            "valuesFrom": [{ "kind": "Secret", "name": "app", "targetPath": "a.b[0]", "literal": true }],
            "postRenderers": [{ "kustomize": { "patches": [{ "patch": "x: y" }] } }],
        },
        "status": {
            "observedGeneration": 3,
            "lastAttemptedReleaseActionDuration": "1.5s",
            "history": [{
                "digest": "sha256:0", "name": "app", "namespace": "apps", "version": 1, "status": "deployed",
                "chartName": "app", "chartVersion": "1.0.0", "configDigest": "sha256:1",
                "firstDeployed": "2026-01-02T03:04:05Z", "lastDeployed": "2026-01-02T03:04:05Z",
                "testHooks": {},
            }],
        },
    });
    let release: HelmRelease = read(&manifest);
    assert_eq!(serde_json::to_value(&release).unwrap(), manifest);
    assert_eq!(release.timeout(), Some(Duration::from_secs(300)));
}

#[test]
fn unknown_fields_are_ignored_and_bad_values_named() {
    let text = json!({ "spec": { "url": "oci://host/app", "later": 1 }, "status": { "new": {} }, "more": [] });
    assert!(serde_json::from_value::<OCIRepository>(text).is_ok());
    let text = json!({ "spec": { "url": "oci://host/app", "interval": "10 minutes" } });
    let error = serde_json::from_value::<OCIRepository>(text).unwrap_err().to_string();
    assert!(error.contains("10 minutes"), "{error}");
}

/// A kind can be read from nothing but its type, and written back with its type.
fn empty<K: Resource<DynamicType = ()> + DeserializeOwned + Serialize>() {
    let object: K = serde_json::from_value(json!({ "metadata": { "name": "x" } })).unwrap();
    let written = serde_json::to_value(&object).unwrap();
    assert_eq!(written["kind"], K::kind(&()).as_ref());
    assert_eq!(written["apiVersion"], K::api_version(&()).as_ref());
    assert_eq!(written["metadata"], json!({ "name": "x" }));
    assert_eq!(object.meta().name.as_deref(), Some("x"));
    let info = KINDS.iter().find(|info| info.kind == K::kind(&())).unwrap();
    let path = format!("/apis/{}/namespaces/ns/{}", info.api_version(), info.plural);
    assert_eq!(K::url_path(&(), Some("ns")), path);
}

/// The status can be reached and changed through the traits alone.
fn with_status<K: FluxObject + Default>() {
    empty::<K>();
    let mut object = K::default();
    assert!(object.status().is_none() && !object.suspended());
    object.status_mut().conditions_mut().push(Condition {
        type_: reasons::READY.into(),
        status: "True".into(),
        reason: reasons::SUCCEEDED.into(),
        message: String::new(),
        observed_generation: Some(4),
        last_transition_time: serde_json::from_value::<Time>(json!("2026-01-02T03:04:05Z")).unwrap(),
    });
    object.status_mut().set_observed_generation(4);
    object.status_mut().set_last_handled_reconcile_at("now".into());
    let status = object.status().unwrap();
    assert_eq!(status.observed_generation(), Some(4), "{}", K::KIND);
    let handled = (K::KIND != "ExternalArtifact").then_some("now");
    assert_eq!(status.last_handled_reconcile_at(), handled, "{}", K::KIND);
    assert_eq!(status.condition("Ready").unwrap().reason, "Succeeded");
    assert!(status.condition("Stalled").is_none());
    let again: K = serde_json::from_value(serde_json::to_value(&object).unwrap()).unwrap();
    assert_eq!(again.status().unwrap().conditions(), status.conditions());
}

#[test]
fn all_kinds() {
    empty::<Alert>();
    empty::<Provider>();
    with_status::<Kustomization>();
    with_status::<ExternalArtifact>();
    with_status::<GitRepository>();
    with_status::<OCIRepository>();
    with_status::<HelmRepository>();
    with_status::<HelmChart>();
    with_status::<Bucket>();
    with_status::<ArtifactGenerator>();
    with_status::<HelmRelease>();
    with_status::<Receiver>();
    with_status::<ImageRepository>();
    with_status::<ImagePolicy>();
    with_status::<ImageUpdateAutomation>();
}

#[test]
fn pausing() {
    let mut generator = ArtifactGenerator::default();
    assert_eq!(generator.interval(), Duration::from_secs(3600));
    let annotations = generator.meta_mut().annotations.get_or_insert_default();
    annotations.insert(names::GENERATOR_RECONCILE.into(), "Disabled".into());
    assert!(generator.suspended());
    let bucket: Bucket =
        serde_json::from_value(json!({ "spec": { "bucketName": "b", "endpoint": "e", "suspend": true } })).unwrap();
    assert!(bucket.suspended());
}

#[test]
fn timeouts_have_floors() {
    let kustomization: Kustomization = serde_json::from_value(json!({ "spec": { "interval": "40s" } })).unwrap();
    assert_eq!(kustomization.timeout(), Some(Duration::from_secs(30)));
    let repository: ImageRepository =
        serde_json::from_value(json!({ "spec": { "image": "host/app", "timeout": "5ms" } })).unwrap();
    assert_eq!(repository.timeout(), Some(Duration::from_secs(1)));
    let repository: ImageRepository = serde_json::from_value(json!({ "spec": { "image": "host/app" } })).unwrap();
    assert_eq!(repository.timeout(), Some(Duration::from_secs(600)));
}
