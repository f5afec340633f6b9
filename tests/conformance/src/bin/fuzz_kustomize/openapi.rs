//! Random schemas for `openapi`: of the custom kind, of a built-in one, and of types that built-in kinds have.

use crate::random::Random;
use crate::yaml::{Yaml, list, map, plain};

const CONTAINER: &str = "io.k8s.api.core.v1.Container";
const TEMPLATE: &str = "io.k8s.api.core.v1.PodTemplateSpec";

/// A document with some of the definitions.
pub fn schema(random: &mut Random) -> Yaml {
    let mut definitions = map::<&str>([]);
    if !random.one_in(4) {
        let spec = object([("template", reference(TEMPLATE)), ("p", merged(random)), ("q", merged(random))]);
        definitions.set("com.example.v1.Thing", of_kind(object([("spec", spec)]), "example.com", "Thing"));
    }
    if random.one_in(3) {
        definitions
            .set(CONTAINER, object([("env", merged(random)), ("ports", merged(random)), ("args", merged(random))]));
    }
    if random.one_in(6) {
        let spec = object([("containers", merged(random))]);
        definitions.set(TEMPLATE, object([("spec", spec)]));
    }
    if random.one_in(6) {
        let name = random.pick(&["com.example.v1.Deployment", "io.k8s.api.apps.v1.Deployment"]);
        let spec = object([("template", reference(TEMPLATE)), ("replicas", object([]))]);
        let deployment = object([("spec", spec)]);
        definitions.set(name, if random.one_in(4) { deployment } else { of_kind(deployment, "apps", "Deployment") });
    }
    map([("definitions", definitions)])
}

fn object<const N: usize>(fields: [(&str, Yaml); N]) -> Yaml {
    map([("type", plain("object")), ("properties", map(fields))])
}

fn reference(name: &str) -> Yaml {
    map([("$ref", Yaml::Scalar(crate::yaml::Style::Double, format!("#/definitions/{name}")))])
}

fn of_kind(mut definition: Yaml, group: &str, kind: &str) -> Yaml {
    let gvk = map([("group", plain(group)), ("version", plain("v1")), ("kind", plain(kind))]);
    definition.set("x-kubernetes-group-version-kind", list([gvk]));
    definition
}

/// A list whose elements may merge.
fn merged(random: &mut Random) -> Yaml {
    let mut field = map([("type", plain("array"))]);
    field.set("items", if random.one_in(2) { reference(CONTAINER) } else { map([("type", plain("object"))]) });
    if !random.one_in(4) {
        field
            .set("x-kubernetes-patch-strategy", plain(random.pick(&["merge", "merge", "replace", "merge,retainKeys"])));
    }
    match random.below(3) {
        0 => {}
        1 => {
            let keys = [plain("containerPort"), plain("protocol")];
            field.set("x-kubernetes-list-map-keys", list(keys));
        }
        _ => field.set("x-kubernetes-patch-merge-key", plain(random.pick(&["name", "value", "containerPort"]))),
    }
    field
}
