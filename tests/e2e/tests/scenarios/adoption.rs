//! Objects that were there before: made by hand with kubectl, or by Flux.

use crate::manifests::{config_map, deployment};
use crate::rig::{Rig, inventory};
use serde_json::{Value, json};
use weir_e2e::{Cluster, condition, on_both};
use weir_testkit::eventually;

on_both!(what_kubectl_made_is_taken_over, what_flux_made_is_taken_over_without_a_write);

const APPLY: &str = "kustomize-controller/Apply";

fn what_kubectl_made_is_taken_over(cluster: &Cluster) {
    let space = "adopted";
    let names = ["client", "server", "edited", "unmanaged", "operated"];
    let maps = names.map(|name| config_map(space, name, "git"));
    let mut files: Vec<(String, &str)> =
        names.iter().zip(&maps).map(|(name, text)| (format!("app/{name}.yaml"), text.as_str())).collect();
    let web = deployment(space, "web", 1);
    files.push(("app/web.yaml".to_owned(), &web));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let rig = Rig::new(cluster, space, &files);

    let by_hand = |name: &str| format!("{}  added: by hand\n", config_map(space, name, "by hand"));
    let run = |args: &[&str], input: &str| rig.kubectl.run_with_input(args, input).unwrap();
    let client = ["apply", "-f", "-"];
    run(&client, &by_hand("client"));
    run(&["apply", "--server-side", "-f", "-"], &by_hand("server"));
    run(&client, &config_map(space, "edited", "by hand"));
    let edit = |kind: &str, name: &str, manager: &str, patch: &str| {
        let manager = format!("--field-manager={manager}");
        run(&["patch", kind, "-n", space, name, &manager, "--type=strategic", "-p", patch], "");
    };
    edit("configmap", "edited", "kubectl-edit", r#"{"data":{"added":"by hand"},"metadata":{"labels":{"by":"hand"}}}"#);
    // Made before the server kept account of who owns what.
    run(&["create", "-f", "-"], &by_hand("unmanaged"));
    edit("configmap", "unmanaged", "kubectl-edit", r#"{"metadata":{"managedFields":[{}]}}"#);
    let theirs = config_map(space, "unmanaged", "by hand").replace("  value:", "  theirs:");
    run(&["apply", "--server-side", "--field-manager=somebody", "-f", "-"], &theirs);
    assert_eq!(managers(&rig, "configmap", "unmanaged"), ["before-first-apply/Update", "somebody/Apply"]);
    run(&["create", "--field-manager=operator", "-f", "-"], &by_hand("operated"));
    let scaled = web.replace("replicas: 1", "replicas: 2").replace("web:1", "web:0");
    run(&client, &scaled);
    let sidecar =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"by-hand","image":"registry.example.com/x:1"}]}}}}"#;
    edit("deployment", "web", "kubectl-edit", sidecar);
    let before = names.map(|name| rig.field("configmap", name, ".metadata.uid"));

    let _controller = rig.controller(&[]);
    rig.apply(&[rig.kustomization("app", "interval: 1h\nprune: true")]);
    let app = rig.ready("app");
    assert_eq!(inventory(&app).len(), 6, "{app}");
    for (at, name) in names.iter().enumerate() {
        let live = rig.kubectl.json(&["get", "configmap", "-n", space, name]).unwrap();
        assert_eq!(live["metadata"]["uid"], before[at].as_str(), "{name} is the same object");
        let rest = match *name {
            // What others own stays theirs, but for what is in Git.
            "unmanaged" => json!({"value": "git", "theirs": "by hand"}),
            "operated" => json!({"value": "git", "added": "by hand"}),
            _ => json!({"value": "git"}),
        };
        assert_eq!(live["data"], rest, "{name}");
        let labels = json!({"kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": space});
        assert_eq!(live["metadata"]["labels"], labels, "{name}");
        assert_eq!(live["metadata"]["annotations"], Value::Null, "kubectl's mark is gone: {live}");
        let expect = match *name {
            "unmanaged" => vec![APPLY, "somebody/Apply"],
            "operated" => vec![APPLY, "operator/Update"],
            _ => vec![APPLY],
        };
        assert_eq!(managers(&rig, "configmap", name), expect, "{name}");
    }
    let web = rig.kubectl.json(&["get", "deployment", "-n", space, "web"]).unwrap();
    assert_eq!(web["spec"]["replicas"], 1);
    let containers = web["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!((containers.len(), &containers[0]["image"]), (1, &"registry.example.com/web:1".into()), "{web}");
    let owners = managers(&rig, "deployment", "web");
    assert!(!owners.iter().any(|owner| owner.starts_with("kubectl")), "{owners:?}");

    // From then on it is drift like any other.
    edit("configmap", "client", "kubectl-edit", r#"{"data":{"added":"again"}}"#);
    eventually("what was added is gone", || match rig.field("configmap", "client", ".data.added") {
        text if text.is_empty() => Ok(()),
        text => Err(text),
    });
}

/// Who owns fields of the object itself, and by what.
fn managers(rig: &Rig, kind: &str, name: &str) -> Vec<String> {
    let live = rig.kubectl.json(&["get", kind, "-n", rig.space, name, "--show-managed-fields"]).unwrap();
    let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let own = entries.iter().filter(|entry| entry["subresource"].is_null());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<String> =
        own.map(|entry| format!("{}/{}", text(&entry["manager"]), text(&entry["operation"]))).collect();
    all.sort();
    all
}

const OBJECTS: [(&str, &str); 7] = [
    ("configmap", "map"),
    ("secret", "secret"),
    ("service", "web"),
    ("deployment", "web"),
    ("serviceaccount", "web"),
    ("role", "web"),
    ("rolebinding", "web"),
];

/// What is in Git.
const OTHERS: &str = "apiVersion: v1
kind: Secret
metadata: {name: secret, namespace: flux-made}
stringData: {word: secret}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: flux-made}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: flux-made}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: flux-made}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: flux-made}
subjects: [{kind: ServiceAccount, name: web, namespace: flux-made}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
";

/// The manifests as Flux applies them: labelled, and in the form that its normalisation gives them.
fn as_flux_sends_it(manifests: &str) -> String {
    let labels = "labels: {kustomize.toolkit.fluxcd.io/name: app, kustomize.toolkit.fluxcd.io/namespace: flux-made}";
    manifests
        .replace("stringData: {word: secret}", "data: {word: c2VjcmV0}\ntype: Opaque")
        .replace("port: 80}", "port: 80, protocol: TCP, targetPort: 80}")
        .replace(", namespace: flux-made}\n", &format!(", namespace: flux-made, {labels}}}\n"))
        .replace("  namespace: flux-made\n", &format!("  namespace: flux-made\n  {labels}\n"))
}

fn what_flux_made_is_taken_over_without_a_write(cluster: &Cluster) {
    let space = "flux-made";
    let (map, web) = (config_map(space, "map", "1"), deployment(space, "web", 1));
    let rig = Rig::new(cluster, space, &[("app/a.yaml", &map), ("app/b.yaml", &web), ("app/c.yaml", OTHERS)]);
    let stale = config_map(space, "stale", "1");
    let sent = as_flux_sends_it(&[&map, &web, OTHERS, &stale].map(String::from).join("---\n"));
    let flux = ["apply", "--server-side", "--field-manager=kustomize-controller", "-f", "-"];
    rig.kubectl.run_with_input(&flux, &sent).unwrap();
    // One that Flux has let go of, or never made.
    rig.apply(&[config_map(space, "foreign", "1")]);

    let app = rig.kustomization("app", "interval: 1h\nprune: true\nwait: true");
    rig.apply(&[app.replace("name: app,", "name: app, finalizers: [finalizers.fluxcd.io],")]);
    let source = rig.kubectl.json(&["get", "gitrepository", "-n", space, "repo"]).unwrap();
    let revision = source["status"]["artifact"]["revision"].as_str().unwrap();
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "observedGeneration": 1,
        "message": format!("Applied revision: {revision}"), "lastTransitionTime": "2026-01-01T00:00:00Z"
    });
    let healthy = json!({
        "type": "Healthy", "status": "True", "reason": "Succeeded", "observedGeneration": 1,
        "message": "Health check passed in 1.2s", "lastTransitionTime": "2026-01-01T00:00:00Z"
    });
    let ids = [
        ("flux-made_foreign__ConfigMap", "v1"),
        ("flux-made_map__ConfigMap", "v1"),
        ("flux-made_secret__Secret", "v1"),
        ("flux-made_stale__ConfigMap", "v1"),
        ("flux-made_web__Service", "v1"),
        ("flux-made_web__ServiceAccount", "v1"),
        ("flux-made_web_apps_Deployment", "v1"),
        ("flux-made_web_rbac.authorization.k8s.io_Role", "v1"),
        ("flux-made_web_rbac.authorization.k8s.io_RoleBinding", "v1"),
    ];
    let entries: Vec<Value> = ids.iter().map(|(id, v)| json!({"id": id, "v": v})).collect();
    let status = json!({"status": {
        "observedGeneration": 1, "lastAppliedRevision": revision, "lastAttemptedRevision": revision,
        "conditions": [ready, healthy], "inventory": {"entries": entries},
    }});
    let write = ["patch", "kustomization", "-n", space, "app", "--subresource=status", "--type=merge", "-p"];
    let manager = "--field-manager=gotk-kustomize-controller";
    rig.kubectl.run(&[&write[..], &[&status.to_string(), manager]].concat()).unwrap();
    eventually("the rollout has come to its end", || {
        let web = rig.kubectl.json(&["get", "deployment", "-n", space, "web"])?;
        let is_rolled_out = condition(&web, "Progressing").is_some_and(|c| c["reason"] == "NewReplicaSetAvailable")
            && condition(&web, "Available").is_some_and(|c| c["status"] == "True");
        if is_rolled_out { Ok(()) } else { Err(web["status"].to_string()) }
    });
    let written = || OBJECTS.map(|(kind, name)| (kind, rig.field(kind, name, ".metadata.resourceVersion")));
    let before = written();

    let _controller = rig.controller(&[]);
    // What is stale goes in the first pass; the second asks the server about every object once more.
    eventually("what left Git is gone", || if rig.exists("configmap", "stale") { Err("there") } else { Ok(()) });
    let after = rig.request("app", "again");
    assert_eq!(written(), before, "nothing was written");
    assert!(rig.exists("configmap", "foreign"), "what is not labelled is not ours to delete");
    assert_eq!(inventory(&after).len(), OBJECTS.len(), "{after}");
    assert_eq!(condition(&after, "Ready").unwrap()["lastTransitionTime"], "2026-01-01T00:00:00Z", "{after}");
}
