//! The definitions: structural properties, defaults, and the committed files.

use std::path::Path;

use crate::{KINDS, StatusSubresource, crd, crds};
use serde_json::{Value, json};

/// Calls `visit` with each schema node and its path.
fn walk(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    if let Some(properties) = schema["properties"].as_object() {
        for (name, child) in properties {
            walk(child, &format!("{path}.{name}"), visit);
        }
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(&schema[key], &format!("{path}{suffix}"), visit);
        }
    }
}

fn schemas() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for info in KINDS {
        let crd = crd::to_json(&crd::build(info));
        for version in crd["spec"]["versions"].as_array().unwrap() {
            let name = format!("{}/{}", info.kind, version["name"].as_str().unwrap());
            all.push((name, version["schema"]["openAPIV3Schema"].clone()));
        }
    }
    all
}

/// Follows a path such as `spec.interval` through the properties of a schema.
fn at<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |node, name| &node["properties"][name])
}

#[test]
fn schemas_are_structural() {
    const KEYS: &[&str] = &[
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    for (name, schema) in schemas() {
        walk(&schema, &name, &mut |path, node| {
            let keys = node.as_object().unwrap();
            for key in keys.keys() {
                assert!(KEYS.contains(&key.as_str()), "{path}: unexpected {key}");
            }
            let preserves = node["x-kubernetes-preserve-unknown-fields"] == true;
            assert!(preserves || node["type"].is_string(), "{path}: no single type");
            match node["type"].as_str() {
                Some("object") => assert!(
                    path == format!("{name}.metadata")
                        || keys.contains_key("properties")
                        || keys.contains_key("additionalProperties"),
                    "{path}: an object without fields"
                ),
                Some("array") => assert!(node["items"].is_object(), "{path}: a list without items"),
                Some("integer") => assert_eq!(node["format"], "int64", "{path}"),
                _ => {}
            }
            for field in node["required"].as_array().into_iter().flatten() {
                assert!(node["properties"][field.as_str().unwrap()].is_object(), "{path}: requires {field}");
            }
            if let (Some(default), Some(values)) = (node.get("default"), node["enum"].as_array()) {
                assert!(values.contains(default), "{path}: default {default} is not allowed");
            }
        });
    }
}

#[test]
fn every_field_is_described() {
    for (name, schema) in schemas() {
        walk(&schema, &name, &mut |path, node| {
            let described = node["description"].as_str().is_some_and(|text| !text.contains("  "));
            let plain_element = path.ends_with("[]") || path.ends_with("{}") || path == format!("{name}.metadata");
            assert!(described || plain_element, "{path} lacks a description");
        });
    }
}

#[test]
fn defaults() {
    let schemas = schemas();
    let schema = |name: &str| &schemas.iter().find(|(found, _)| found == name).unwrap().1;
    for (name, path, default) in [
        ("GitRepository/v1", "spec.interval", json!("10m")),
        ("GitRepository/v1", "spec.timeout", json!("60s")),
        ("OCIRepository/v1", "spec.provider", json!("generic")),
        ("HelmChart/v1", "spec.version", json!("*")),
        ("Kustomization/v1", "spec.force", json!(false)),
        ("Kustomization/v1", "spec.suspend", json!(null)),
        ("Receiver/v1", "spec.interval", json!("10m")),
        ("Alert/v1beta3", "spec.eventSeverity", json!("info")),
        ("ImageRepository/v1beta2", "spec.exclusionList", json!(["^.*\\.sig$"])),
        ("ImagePolicy/v1", "spec.verify.provider", json!("cosign")),
        // A default would break the rule that ties the interval to the digest policy.
        ("ImagePolicy/v1", "spec.interval", json!(null)),
        ("ImageUpdateAutomation/v1", "spec.update", json!({ "strategy": "Setters" })),
        ("HelmRelease/v2", "status", json!({ "observedGeneration": -1 })),
        ("ExternalArtifact/v1", "status", json!(null)),
    ] {
        let node = at(schema(name), path);
        assert!(node.is_object(), "{name}.{path}");
        assert_eq!(node["default"], default, "{name}.{path}");
    }
    assert_eq!(at(schema("GitRepository/v1"), "spec.timeout")["pattern"], r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$");
    assert_eq!(at(schema("GitRepository/v1"), "spec.interval")["pattern"], r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$");
    assert_eq!(
        at(schema("HelmRelease/v2"), "spec.values"),
        &json!({ "description": "Values of the chart.", "x-kubernetes-preserve-unknown-fields": true })
    );
}

#[test]
fn definitions_match_the_registry() {
    let crds = crds();
    assert_eq!(crds.len(), 15);
    assert!(crds.windows(2).all(|pair| pair[0].metadata.name < pair[1].metadata.name), "sorted by name");
    for (crd, info) in crds.iter().zip(KINDS) {
        assert_eq!(crd.metadata.name.as_deref(), Some(info.crd_name().as_str()));
        let annotations = crd.metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/substitute"], "disabled");
        assert_eq!(crd.spec.versions.iter().filter(|version| version.storage).count(), 1);
        assert!(crd.spec.versions.iter().all(|version| version.served));
        for version in &crd.spec.versions {
            assert_eq!(version.subresources.is_some(), info.status != StatusSubresource::None, "{}", info.kind);
        }
        let versions: Vec<&str> = crd.spec.versions.iter().map(|version| version.name.as_str()).collect();
        if info.group == "image.toolkit.fluxcd.io" {
            assert_eq!(versions, ["v1", "v1beta2"]);
            assert_eq!(crd.spec.versions[0].schema, crd.spec.versions[1].schema);
        } else {
            assert_eq!(versions, [info.version]);
        }
    }
}

#[test]
fn committed_files_are_current() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/crd");
    let mut expected = Vec::new();
    for crd in crds() {
        let (name, text) = crd::to_file(&crd);
        let committed = std::fs::read_to_string(directory.join(&name)).unwrap();
        assert!(committed == text, "config/crd/{name} differs from the types; generate the files again");
        expected.push(name);
    }
    expected.sort();
    let mut found: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".fluxcd.io_"))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}
