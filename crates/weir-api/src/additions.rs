//! What weir takes and Flux does not: the one list, for the way back to Flux.
//!
//! A field that is added to a kind, an annotation, or a flag of a controller belongs here too.

use serde_json::{Map, Value, json};

use crate::kustomize::Kustomization;
use crate::object::FluxKind;

/// Flags of the controllers that Flux's do not know.
pub const FLAGS: &[&str] = &[
    "allowed-base-hosts",
    "allowed-source-hosts",
    "fence-exempt-namespaces",
    "git-max-size",
    "max-watch-streams",
    "protected-kinds",
    "prune-limit",
    "remote-reach",
    "require-service-account",
    "sops-mac",
    "target-namespace-fence",
    "watch-namespaces",
];

/// Annotations of weir have this group, or one below it.
const ANNOTATIONS: &str = "weir.dev";

/// Interval of a Kustomization that has none.
const INTERVAL: &str = "10m0s";

/// An addition that an object uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The field, with its value where that says more.
    pub what: String,
    /// What becomes of it without weir.
    pub instead: String,
}

/// The additions that an object of a kind of Flux uses.
pub fn used(object: &Value) -> Vec<Use> {
    let mut all: Vec<Use> = annotations(object)
        .map(|key| Use {
            what: format!("metadata.annotations['{key}']"),
            instead: "Flux does not look at it".to_owned(),
        })
        .collect();
    if object["kind"] != Kustomization::INFO.kind {
        return all;
    }
    if object["spec"]["interval"].is_null() {
        let instead = format!("Flux requires one; weir's default is {INTERVAL}");
        all.push(Use { what: "spec.interval is not set".to_owned(), instead });
    }
    for (at, dependency) in dependencies(object).enumerate() {
        for field in ["apiVersion", "kind"] {
            if let Some(value) = dependency[field].as_str() {
                let instead = "Flux waits for Kustomizations only".to_owned();
                all.push(Use { what: format!("spec.dependsOn[{at}].{field}: {value}"), instead });
            }
        }
    }
    all
}

/// A merge patch that takes the additions out of an object: an interval is written out, dependencies on other kinds and
/// annotations go. None where there is nothing to take out.
pub fn without(object: &Value) -> Option<Value> {
    let mut patch = json!({});
    let keys: Map<String, Value> = annotations(object).map(|key| (key.to_owned(), Value::Null)).collect();
    if !keys.is_empty() {
        patch["metadata"]["annotations"] = Value::Object(keys);
    }
    if object["kind"] == Kustomization::INFO.kind {
        if object["spec"]["interval"].is_null() {
            patch["spec"]["interval"] = json!(INTERVAL);
        }
        let is_plain = |dependency: &&Value| dependency["kind"].is_null() && dependency["apiVersion"].is_null();
        if !dependencies(object).all(|dependency| is_plain(&dependency)) {
            let is_kustomization =
                |dependency: &&Value| dependency["kind"].is_null() || dependency["kind"] == Kustomization::INFO.kind;
            let kept = dependencies(object).filter(is_kustomization).cloned().map(|mut dependency| {
                if let Some(fields) = dependency.as_object_mut() {
                    fields.remove("kind");
                    fields.remove("apiVersion");
                }
                dependency
            });
            patch["spec"]["dependsOn"] = kept.collect();
        }
    }
    (patch != json!({})).then_some(patch)
}

/// Whether an annotation or label is weir's.
pub fn is_ours(key: &str) -> bool {
    let group = key.split_once('/').map_or("", |(group, _)| group);
    group == ANNOTATIONS || group.strip_suffix(ANNOTATIONS).is_some_and(|rest| rest.ends_with('.'))
}

fn annotations(object: &Value) -> impl Iterator<Item = &str> {
    let all = object["metadata"]["annotations"].as_object();
    all.into_iter().flat_map(Map::keys).map(String::as_str).filter(|key| is_ours(key))
}

fn dependencies(object: &Value) -> impl Iterator<Item = &Value> {
    object["spec"]["dependsOn"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_named_and_taken_out() {
        let object = json!({
            "kind": "Kustomization",
            "metadata": {"annotations": {"a.weir.dev/x": "1", "weir.dev/y": "1", "myweir.dev/z": "1", "z": "1"}},
            "spec": {"dependsOn": [{"name": "a"}, {"name": "b", "kind": "HelmRelease"}, {"name": "c", "kind": "Kustomization"}]},
        });
        let what: Vec<String> = used(&object).into_iter().map(|one| one.what).collect();
        assert_eq!(
            what,
            [
                "metadata.annotations['a.weir.dev/x']",
                "metadata.annotations['weir.dev/y']",
                "spec.interval is not set",
                "spec.dependsOn[1].kind: HelmRelease",
                "spec.dependsOn[2].kind: Kustomization",
            ]
        );
        let expect = json!({
            "metadata": {"annotations": {"a.weir.dev/x": null, "weir.dev/y": null}},
            "spec": {"interval": "10m0s", "dependsOn": [{"name": "a"}, {"name": "c"}]},
        });
        assert_eq!(without(&object), Some(expect));
    }

    #[test]
    fn what_flux_knows_is_left_alone() {
        let plain = json!({"kind": "Kustomization", "spec": {"interval": "1h", "dependsOn": [{"name": "a"}]}});
        assert_eq!((used(&plain), without(&plain)), (Vec::new(), None));
        let source = json!({"kind": "GitRepository", "spec": {}});
        assert_eq!((used(&source), without(&source)), (Vec::new(), None));
    }
}
