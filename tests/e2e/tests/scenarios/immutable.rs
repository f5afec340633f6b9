//! Fields that cannot change: refused with the reason, or the object is made anew where that is asked for.

use crate::manifests::{config_map, deployment};
use crate::rig::Rig;
use weir_e2e::{Cluster, condition, on_both};

on_both!(a_change_that_cannot_be_made_is_explained, force_makes_objects_anew);

fn frozen(space: &str, kind: &str, name: &str, value: &str) -> String {
    let field = if kind == "Secret" { "stringData" } else { "data" };
    format!(
        "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {space}\nimmutable: true\n\
         {field}: {{value: {value}}}\n"
    )
}

fn job(space: &str, name: &str, force: &str, image: &str) -> String {
    let annotation = match force {
        "" => String::new(),
        force => format!(", annotations: {{kustomize.toolkit.fluxcd.io/force: {force}}}"),
    };
    format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: {name}, namespace: {space}{annotation}}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {{name: app, image: 'registry.example.com/job:{image}'}}
"
    )
}

fn service(space: &str, name: &str, address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {space}}}\n\
         spec: {{clusterIP: {address}, selector: {{app: a}}, ports: [{{port: 80}}]}}\n"
    )
}

fn stateful_set(space: &str, name: &str, service: &str) -> String {
    let set = deployment(space, name, 0).replace("kind: Deployment", "kind: StatefulSet");
    set.replace("  replicas:", &format!("  serviceName: {service}\n  replicas:"))
}

fn binding(space: &str, name: &str, role: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}, namespace: {space}}}
subjects: [{{kind: ServiceAccount, name: nobody, namespace: {space}}}]
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
"
    )
}

const KEPT: &str = "interval: 1h\nretryInterval: 1h\nprune: true";

fn a_change_that_cannot_be_made_is_explained(cluster: &Cluster) {
    let space = "imm-refused";
    // The same objects twice: as they are made, and as they cannot become.
    let of = |value: &str, image: &str, address: &str| {
        [
            ("job", job(space, "job", "", image)),
            ("secret", frozen(space, "Secret", "secret", value)),
            ("map", frozen(space, "ConfigMap", "map", value)),
            ("service", service(space, "service", address)),
            ("disabled", job(space, "disabled", "Disabled", image)),
            ("statefulset", stateful_set(space, "statefulset", if image == "1" { "one" } else { "two" })),
            ("rolebinding", binding(space, "rolebinding", if image == "1" { "view" } else { "edit" })),
        ]
    };
    let (old, new) = (of("first-word", "1", "10.96.7.7"), of("second-word", "2", "10.96.7.8"));
    let files = |objects: &[(&str, String)], beside: &str| -> Vec<(String, String)> {
        let own = objects.iter().map(|(name, text)| (format!("{name}/object.yaml"), text.clone()));
        let others = objects
            .iter()
            .map(|(name, _)| (format!("{name}/beside.yaml"), config_map(space, &format!("{name}-beside"), beside)));
        own.chain(others).collect()
    };
    let first = files(&old, "1");
    let first: Vec<(&str, &str)> = first.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let rig = Rig::new(cluster, space, &first);
    let _controller = rig.controller(&[]);
    rig.apply(&old.iter().map(|(name, _)| rig.kustomization(name, KEPT)).collect::<Vec<_>>());
    for (name, _) in &old {
        rig.ready(name);
    }
    let uids: Vec<String> = old.iter().map(|(name, _)| uid(&rig, name)).collect();

    let second = files(&new, "2");
    let second: Vec<(&str, &str)> = second.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    rig.publish(&second, &[], "what cannot be changed");
    for (at, (name, expect)) in [
        ("job", ["Job/imm-refused/job dry-run failed (Invalid)", "spec.template", "field is immutable"]),
        ("secret", ["Secret/imm-refused/secret dry-run failed (Invalid)", "data", "field is immutable when"]),
        ("map", ["ConfigMap/imm-refused/map dry-run failed (Invalid)", "data", "field is immutable when"]),
        (
            "service",
            ["Service/imm-refused/service dry-run failed (Invalid)", "spec.clusterIPs[0]", "may not change once set"],
        ),
        ("disabled", ["Job/imm-refused/disabled dry-run failed (Invalid)", "spec.template", "field is immutable"]),
        (
            "statefulset",
            ["StatefulSet/imm-refused/statefulset dry-run failed (Invalid)", "spec.serviceName", "field is immutable"],
        ),
        (
            "rolebinding",
            ["RoleBinding/imm-refused/rolebinding dry-run failed (Invalid)", "roleRef", "field is immutable"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let message = rig.fails(name, "ReconciliationFailed");
        for part in expect {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(message.contains(&format!("{name}/object.yaml:1")), "{message}");
        assert!(message.contains("spec.force"), "the remedy is told: {message}");
        assert!(!message.contains("word"), "no secret is told: {message}");
        assert_eq!(rig.value(&format!("{name}-beside")).unwrap(), "1", "the stage is applied as a whole or not at all");
        assert_eq!(uid(&rig, name), uids[at]);
        let failed = rig.get(name).unwrap();
        assert_eq!(condition(&failed, "Reconciling").unwrap()["reason"], "ProgressingWithRetry", "{failed}");
        assert_ne!(failed["status"]["lastAppliedRevision"], failed["status"]["lastAttemptedRevision"]);
    }

    // As in Git before: all is well again, and nothing was lost meanwhile.
    let commit = rig.publish(&first, &[], "as it was");
    for (at, (name, _)) in old.iter().enumerate() {
        rig.applied(name, &commit);
        assert_eq!(uid(&rig, name), uids[at]);
    }
}

fn force_makes_objects_anew(cluster: &Cluster) {
    let space = "imm-force";
    let of = |value: &str, image: &str, address: &str| {
        [
            ("forced/a.yaml", job(space, "job", "", image)),
            ("forced/b.yaml", frozen(space, "Secret", "secret", value)),
            ("forced/c.yaml", frozen(space, "ConfigMap", "map", value)),
            ("forced/d.yaml", service(space, "service", address)),
            ("forced/e.yaml", config_map(space, "forced-beside", value)),
            ("marked/a.yaml", job(space, "marked", "Enabled", image)),
            ("marked/b.yaml", config_map(space, "marked-beside", value)),
        ]
    };
    let first = of("one", "1", "10.96.9.7");
    let rig = Rig::new(cluster, space, &first.each_ref().map(|(path, text)| (*path, text.as_str())));
    let _controller = rig.controller(&[]);
    rig.apply(&[rig.kustomization("forced", &format!("{KEPT}\nforce: true")), rig.kustomization("marked", KEPT)]);
    rig.ready("forced");
    rig.ready("marked");
    let objects =
        [("job", "job"), ("secret", "secret"), ("configmap", "map"), ("service", "service"), ("job", "marked")];
    let uids = || objects.map(|(kind, name)| rig.field(kind, name, ".metadata.uid"));
    let beside = || ["forced-beside", "marked-beside"].map(|name| rig.field("configmap", name, ".metadata.uid"));
    let (before, kept) = (uids(), beside());

    let second = of("two", "2", "10.96.9.8");
    let commit = rig.publish(&second.each_ref().map(|(path, text)| (*path, text.as_str())), &[], "second");
    rig.applied("forced", &commit);
    rig.applied("marked", &commit);
    for (at, (old, new)) in before.iter().zip(uids()).enumerate() {
        assert_ne!(*old, new, "{:?} is a new one", objects[at]);
    }
    assert_eq!(beside(), kept, "what can be changed is changed");
    assert_eq!(rig.value("forced-beside").unwrap(), "two");
    for name in ["job", "marked"] {
        let image = rig.field("job", name, ".spec.template.spec.containers[0].image");
        assert_eq!(image, "registry.example.com/job:2");
    }
    assert_eq!(rig.field("configmap", "map", ".data.value"), "two");
    assert_eq!(rig.field("secret", "secret", ".data.value"), "dHdv");
    assert_eq!(rig.field("service", "service", ".spec.clusterIP"), "10.96.9.8");
}

/// Of the object that has the name of its kind.
fn uid(rig: &Rig, name: &str) -> String {
    let kind = match name {
        "map" => "configmap",
        "disabled" => "job",
        kind => kind,
    };
    rig.field(kind, name, ".metadata.uid")
}
