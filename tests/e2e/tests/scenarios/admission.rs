//! What the API server's admission says of our objects. The embedded server has no webhooks, quotas or limits.

use crate::manifests::{config_map, deployment};
use crate::rig::{Rig, inventory, observe};
use serde_json::{Value, json};
use std::time::Duration;
use weir_e2e::{Cluster, condition, free_port, on_kube_apiserver};
use weir_testkit::{Authority, Verdict, Webhook};

on_kube_apiserver!(
    what_a_webhook_adds_is_no_drift,
    a_webhook_that_refuses_is_quoted,
    a_webhook_that_is_down_is_told,
    a_quota_and_a_limit_are_told
);

const SOON: &str = "interval: 1h\nretryInterval: 1s\ntimeout: 10m\nprune: true";

/// A configuration of webhooks, which ends with the scenario.
struct Registered<'r> {
    rig: &'r Rig<'r>,
    kind: &'static str,
}

impl<'r> Registered<'r> {
    /// Calls who answers at the port for ConfigMaps and Deployments of the scenario's namespace.
    fn new(rig: &'r Rig<'r>, kind: &'static str, authority: &Authority, port: u16) -> Self {
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": rig.space},
            "webhooks": [{
                "name": "e2e.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 5,
                "clientConfig": Webhook::client_config(authority, port),
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": rig.space}},
                "rules": [{
                    "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["configmaps", "deployments"],
                }],
            }],
        });
        rig.apply(&[configuration.to_string()]);
        let registered = Self { rig, kind };
        registered.is_called();
        registered
    }

    /// The API server takes a moment to know of a configuration; what it says of an object of its own shows it.
    fn is_called(&self) {
        weir_testkit::eventually("the webhook is called", || {
            let probe = config_map(self.rig.space, "probe", "probe");
            let answer =
                self.rig.kubectl.run_with_input(&["create", "--dry-run=server", "-o", "yaml", "-f", "-"], &probe);
            match answer {
                Ok(text) if !text.contains("injected") => Err(text),
                _ => Ok(()),
            }
        });
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let _ = self.rig.kubectl.run(&["delete", self.kind, self.rig.space, "--ignore-not-found"]);
    }
}

/// A label and an annotation on everything, a sidecar in Deployments, and images from elsewhere.
fn inject(request: &Value) -> Verdict {
    let object = &request["object"];
    let mut operations = Vec::new();
    let mut set = |op: &str, path: &str, value: Value| operations.push(json!({"op": op, "path": path, "value": value}));
    if object["metadata"]["labels"].is_null() {
        set("add", "/metadata/labels", json!({"injected": "true"}));
    } else {
        set("add", "/metadata/labels/injected", "true".into());
    }
    if object["metadata"]["annotations"].is_null() {
        set("add", "/metadata/annotations", json!({"injected": "true"}));
    } else {
        set("add", "/metadata/annotations/injected", "true".into());
    }
    if object["kind"] == "Deployment" {
        let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        let image = containers[0]["image"].as_str().unwrap();
        let path = "/spec/template/spec/containers";
        set("replace", &format!("{path}/0/image"), image.replace("registry.", "mirror.").into());
        if !containers.iter().any(|container| container["name"] == "sidecar") {
            set("add", &format!("{path}/-"), json!({"name": "sidecar", "image": "mirror.example.com/sidecar:1"}));
        }
    }
    Verdict::Patched(operations)
}

fn what_a_webhook_adds_is_no_drift(cluster: &Cluster) {
    let space = "adm-adds";
    let rig = Rig::new(
        cluster,
        space,
        &[("app/a.yaml", &config_map(space, "map", "1")), ("app/b.yaml", &deployment(space, "web", 1))],
    );
    let (authority, port) = (Authority::new(), free_port());
    let _webhook = Webhook::start(&authority, port, inject);
    let _registered = Registered::new(&rig, "MutatingWebhookConfiguration", &authority, port);
    let controller = rig.controller(&[]);
    rig.apply(&[rig.kustomization("app", "interval: 2s\ntimeout: 10m\nprune: true\nwait: true")]);
    rig.ready("app");
    let is_injected = |tag: &str| {
        for (kind, name) in [("configmap", "map"), ("deployment", "web")] {
            assert_eq!(rig.field(kind, name, ".metadata.labels.injected"), "true");
            assert_eq!(rig.field(kind, name, ".metadata.annotations.injected"), "true");
        }
        let images = rig.field("deployment", "web", ".spec.template.spec.containers[*].image");
        assert_eq!(images, format!("mirror.example.com/web:{tag} mirror.example.com/sidecar:1"));
    };
    is_injected("1");

    // Several intervals, in which every object is asked about.
    let written = || {
        [("configmap", "map"), ("deployment", "web")]
            .map(|(kind, name)| rig.field(kind, name, ".metadata.resourceVersion"))
    };
    let (before, requests) = (written(), controller.requests());
    observe(Duration::from_secs(10));
    assert_eq!(written(), before, "nothing is written");
    let asked = controller.requests() - requests;
    assert!((8..=50).contains(&asked), "{asked} requests in 10 s: two dry-runs and a status in each interval");
    let events = rig.kubectl.json(&["get", "events", "-n", space]).unwrap();
    assert!(!events.to_string().contains("configured"), "no drift is told: {events}");

    let changed = deployment(space, "web", 1).replace("web:1", "web:2");
    let commit =
        rig.publish(&[("app/a.yaml", &config_map(space, "map", "2")), ("app/b.yaml", &changed)], &[], "second");
    rig.applied("app", &commit);
    is_injected("2");
    assert_eq!(rig.value("map").unwrap(), "2");
}

fn a_webhook_that_refuses_is_quoted(cluster: &Cluster) {
    let space = "adm-refuses";
    let map = |name: &str, value: &str| config_map(space, name, value);
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("app/a.yaml", &map("good", "1")),
            ("app/b.yaml", &map("bad", "probe")),
            ("other/a.yaml", &map("other", "1")),
        ],
    );
    let (authority, port) = (Authority::new(), free_port());
    let _webhook = Webhook::start(&authority, port, |request| match request["object"]["data"]["value"] == "probe" {
        true => Verdict::Denied("values of probes are not wanted here".to_owned()),
        false => Verdict::Patched(Vec::new()),
    });
    let _registered = Registered::new(&rig, "ValidatingWebhookConfiguration", &authority, port);
    let _controller = rig.controller(&[]);
    rig.apply(&["app", "other"].map(|name| rig.kustomization(name, SOON)));
    let message = rig.fails("app", "ReconciliationFailed");
    for part in [
        "ConfigMap/adm-refuses/bad dry-run failed: ",
        "admission webhook \"e2e.example.com\" denied the request: values of probes are not wanted here",
        "app/b.yaml:1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!rig.exists("configmap", "good"), "the stage is applied as a whole or not at all");
    rig.ready("other");
    let commit = rig.publish(&[("app/b.yaml", &map("bad", "2"))], &[], "as it is wanted");
    rig.applied("app", &commit);
    assert_eq!((rig.value("good").unwrap(), rig.value("bad").unwrap()), ("1".to_owned(), "2".to_owned()));
}

fn a_webhook_that_is_down_is_told(cluster: &Cluster) {
    let space = "adm-down";
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("app/a.yaml", &config_map(space, "map", "1")),
            (
                "other/a.yaml",
                &format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: other, namespace: {space}}}\n"),
            ),
        ],
    );
    let (authority, port) = (Authority::new(), free_port());
    let _registered = Registered::new(&rig, "MutatingWebhookConfiguration", &authority, port);
    let controller = rig.controller(&[]);
    rig.apply(&["app", "other"].map(|name| rig.kustomization(name, SOON)));
    rig.ready("other");
    let message = rig.fails("app", "ReconciliationFailed");
    for part in [
        "ConfigMap/adm-down/map dry-run failed (InternalError): ",
        "failed calling webhook \"e2e.example.com\": ",
        "connection refused",
        "app/a.yaml:1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let failed = rig.get("app").unwrap();
    assert_eq!(inventory(&failed), [""; 0], "nothing was made");
    assert_eq!(condition(&failed, "Stalled"), None, "it is tried again: {failed}");
    let requests = controller.requests();
    observe(Duration::from_secs(5));
    let asked = controller.requests() - requests;
    assert!(asked <= 30, "{asked} requests in 5 s, with a retry in each second");

    // It comes up: nobody has to say so.
    let _webhook = Webhook::start(&authority, port, inject);
    rig.ready("app");
    assert_eq!(rig.field("configmap", "map", ".metadata.labels.injected"), "true");
}

fn a_quota_and_a_limit_are_told(cluster: &Cluster) {
    let space = "adm-quota";
    let secret = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {space}}}\nstringData: {{a: secret-word}}\n"
        )
    };
    let pod = |cpu: u32| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod, namespace: {space}}}\nspec:\n  containers:\n  \
             - {{name: app, image: registry.example.com/app, resources: {{limits: {{cpu: {cpu}}}}}}}\n"
        )
    };
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("counted/a.yaml", &secret("first")),
            ("counted/b.yaml", &secret("second")),
            ("limited/a.yaml", &pod(2)),
            ("limited/b.yaml", &config_map(space, "beside", "1")),
        ],
    );
    let quota = |secrets: u32| {
        format!(
            "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: few, namespace: {space}}}\n\
             spec: {{hard: {{count/secrets: {secrets}}}}}\n"
        )
    };
    let limits = format!(
        "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: small, namespace: {space}}}\n\
         spec: {{limits: [{{type: Container, max: {{cpu: 1}}}}]}}\n"
    );
    rig.apply(&[quota(1), limits]);
    let is_counted = |hard: &str| {
        weir_testkit::eventually("the quota is counted", || match rig.field("resourcequota", "few", ".status.hard") {
            text if text == format!(r#"{{"count/secrets":"{hard}"}}"#) => Ok(()),
            text => Err(text),
        });
    };
    is_counted("1");
    let _controller = rig.controller(&[]);
    rig.apply(&["counted", "limited"].map(|name| rig.kustomization(name, SOON)));

    // A limit is one of an object, and stands before the stage.
    let message = rig.fails("limited", "ReconciliationFailed");
    for part in [
        "Pod/adm-quota/pod dry-run failed (Forbidden): pods \"pod\" is forbidden: ",
        "maximum cpu usage per Container is 1, but limit is 2",
        "limited/a.yaml:1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!rig.exists("configmap", "beside"));
    // A quota is one of all of them together: each alone would do, so that the first is made.
    let message = rig.fails("counted", "ReconciliationFailed");
    for part in [
        "Secret/adm-quota/second ",
        " failed (Forbidden): secrets \"second\" is forbidden: exceeded quota: few, ",
        "requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("secret-word"), "{message}");
    assert!(rig.exists("secret", "first") && !rig.exists("secret", "second"));

    rig.apply(&[quota(2)]);
    let commit = rig.publish(&[("limited/a.yaml", &pod(1))], &[], "smaller");
    rig.applied("limited", &commit);
    rig.applied("counted", &commit);
    assert!(rig.exists("secret", "second") && rig.exists("configmap", "beside"));
}
