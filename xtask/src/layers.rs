//! The edges between the crates, as ARCHITECTURE.md draws them.

use crate::command::{cargo, read};
use serde_json::Value;

/// What each crate may depend on. A crate that is not here is not part of the design yet.
const EDGES: &[(&str, &[&str])] = &[
    // L0
    ("weir-base", &[]),
    ("weir-doc", &["weir-base"]),
    // L1: engines without I/O; never weir-api
    ("weir-cel", &["weir-base", "weir-doc"]),
    ("weir-sops", &["weir-base", "weir-doc"]),
    ("weir-merge", &["weir-base", "weir-doc"]),
    ("weir-object", &["weir-base", "weir-doc", "weir-merge"]),
    ("weir-kustomize", &["weir-base", "weir-doc", "weir-merge", "weir-object"]),
    ("weir-render", &["weir-base", "weir-doc", "weir-kustomize", "weir-object", "weir-sops"]),
    ("weir-api", &[]),
    // L2
    ("weir-git", &["weir-base", "weir-net"]),
    ("weir-net", &["weir-base"]),
    ("weir-cloud", &["weir-base", "weir-doc", "weir-net"]),
    ("weir-artifact", &["weir-api", "weir-base", "weir-net"]),
    ("weir-kube", &["weir-base", "weir-doc", "weir-net", "weir-object"]),
    ("weir-runtime", &["weir-api", "weir-base", "weir-doc", "weir-kube", "weir-net", "weir-object"]),
    ("weir-apply", &["weir-base", "weir-cel", "weir-doc", "weir-kube", "weir-merge", "weir-object"]),
    ("weir-sandbox", &["weir-base", "weir-doc", "weir-merge", "weir-object"]),
    // L3: no edges between them
    ("weir-source", &["weir-api", "weir-artifact", "weir-base", "weir-doc", "weir-git", "weir-object", "weir-runtime"]),
    (
        "weir-kustomization",
        &[
            "weir-api",
            "weir-apply",
            "weir-artifact",
            "weir-base",
            "weir-cloud",
            "weir-doc",
            "weir-kube",
            "weir-object",
            "weir-render",
            "weir-runtime",
        ],
    ),
    // dev: servers in process; depends on no crate of weir
    ("weir-testkit", &[]),
];

/// Free to use any crate: the program itself, the tests, this task.
const TOP: [&str; 5] = ["weir", "weir-e2e", "weir-conformance", "weir-fuzz", "xtask"];

pub fn check() -> Result<(), String> {
    let text = read(cargo().args(["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if TOP.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name} has no place in the layers"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"].as_str() == Some("dev");
            if to.starts_with("weir-") && !is_dev && !allowed.contains(&to) {
                wrong.push(format!("{name} must not depend on {to}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("layers:\n  {}", wrong.join("\n  "))) }
}
