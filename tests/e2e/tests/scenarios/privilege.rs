//! The controllers with the rights that `weir install` writes and no others. The embedded server knows no tokens of
//! service accounts.

use crate::manifests::{config_map, namespace};
use crate::replicas::address;
use serde_json::Value;
use std::collections::BTreeSet;
use weir_e2e::installed::{self, Audit, HOME};
use weir_e2e::{Cluster, Controller, on_kube_apiserver};
use weir_testkit::{GitHttp, GitRepo, eventually};

on_kube_apiserver!(
    the_rights_that_are_installed_suffice,
    the_pods_pass_the_restricted_profile,
    the_policies_are_accepted
);

const TEAM: &str = "team-a";

/// Rights that nothing in this scenario needs, and why they are given.
const UNUSED: &[(&str, &str)] = &[("patch events", "an event that is told again")];

fn the_rights_that_are_installed_suffice(cluster: &Cluster) {
    let kubectl = cluster.kubectl();
    let manifests = cluster.shell("weir install --export");
    assert_eq!(manifests.code, Some(0), "{}", manifests.stderr);
    kubectl.run_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &manifests.stdout).unwrap();
    let tenant =
        cluster.shell(&format!("weir create tenant {TEAM} --with-namespace={TEAM} --cluster-role=admin --label=e2e=1"));
    assert_eq!(tenant.code, Some(0), "{}", tenant.stderr);
    kubectl.apply(&namespace("team-b")).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let log = Audit::open(cluster.kubeconfig());
    let repo = GitRepo::new(&[
        ("app/a.yaml", &config_map(TEAM, "app", "${color}")),
        ("app/b.yaml", &config_map(TEAM, "old", "1")),
        ("foreign/a.yaml", &config_map("team-b", "foreign", "1")),
        ("stranger/a.yaml", &config_map(TEAM, "stranger", "1")),
    ]);
    let http = GitHttp::serve(repo.path());
    let args = [
        format!("--storage-path={}", dir.path().join("data").display()),
        format!("--storage-addr={}", address()),
        "--enable-leader-election".to_owned(),
    ];
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let args = args.each_ref().map(String::as_str);
    let as_account = |account: &str| installed::as_account(cluster.kubeconfig(), dir.path(), account);
    let _source = Controller::start_in(HOME, &as_account("source-controller"), "source", &args);
    let kustomize = as_account("kustomize-controller");
    let own = ["--require-service-account", "--enable-leader-election"];
    let controller = Controller::start_in(HOME, &kustomize, "kustomize", &own);

    let kustomization = |name: &str, account: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: {TEAM}}}
spec:
  interval: 1h
  retryInterval: 1s
  path: {name}
  prune: true
  wait: true
  sourceRef: {{kind: GitRepository, name: repo}}
  postBuild: {{substituteFrom: [{{kind: ConfigMap, name: vars}}, {{kind: Secret, name: vars}}]}}
{account}"
        )
    };
    let named = format!("  serviceAccountName: {TEAM}\n");
    let all = [
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: repo, namespace: {TEAM}}}\n\
             spec: {{interval: 1h, url: '{}', ref: {{branch: main}}, secretRef: {{name: login}}}}\n",
            http.url(".git")
        ),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: {TEAM}}}\nstringData: {{username: u, password: p}}\n"
        ),
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: vars, namespace: {TEAM}}}\ndata: {{color: red}}\n"),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: vars, namespace: {TEAM}, labels: {{reconcile.fluxcd.io/watch: Enabled}}}}\n\
             stringData: {{color: blue}}\n"
        ),
        kustomization("app", &named),
        kustomization("foreign", &format!("{named}  dependsOn: [{{name: app}}]\n")),
        kustomization("nobody", ""),
        kustomization("stranger", "  serviceAccountName: default\n"),
    ];
    kubectl.apply(&all.join("---\n")).unwrap();
    cluster.ready("kustomization", TEAM, "app", "True");
    let value = |name: &str| kubectl.run(&["get", "configmap", "-n", TEAM, name, "-o", "jsonpath={.data.value}"]);
    assert_eq!(value("app").as_deref(), Ok("blue"));

    // What is not given is refused, and says how it can be had.
    let message = cluster.fails("kustomization", TEAM, "nobody", "AccessDenied");
    assert!(
        message.contains("spec.serviceAccountName is not set") && message.contains("weir create tenant"),
        "{message}"
    );
    let message = cluster.fails("kustomization", TEAM, "stranger", "ReconciliationFailed");
    assert!(message.contains("cannot impersonate"), "{message}");
    let message = cluster.fails("kustomization", TEAM, "foreign", "ReconciliationFailed");
    assert!(message.contains(&format!("User \"system:serviceaccount:{TEAM}:{TEAM}\" cannot patch")), "{message}");

    // An upgrade, drift, a Secret that changes, a prune.
    let patch = ["--type=merge", "-p", r#"{"data":{"value":"green"}}"#];
    kubectl.run(&[&["patch", "configmap", "-n", TEAM, "old"], &patch[..]].concat()).unwrap();
    eventually("drift is put right", || if value("old")? == "1" { Ok(()) } else { Err(value("old")?) });
    let secret = ["--type=merge", "-p", r#"{"stringData":{"color":"violet"}}"#];
    kubectl.run(&[&["patch", "secret", "-n", TEAM, "vars"], &secret[..]].concat()).unwrap();
    eventually("the Secret is watched", || if value("app")? == "violet" { Ok(()) } else { Err(value("app")?) });
    kubectl.run(&["delete", "kustomization", "-n", TEAM, "app", "--timeout=60s"]).unwrap();
    assert!(!cluster.exists("configmap", TEAM, "app"));
    assert_eq!(controller.terminate(), Some(0));

    let (denied, used) = log.read(&["\"default\"", "\"stranger\""]);
    assert_eq!(denied, BTreeSet::new(), "what a controller is denied as itself");
    let granted = granted(&manifests.stdout, &kubectl);
    let unused: Vec<String> = granted.difference(&used).cloned().collect();
    let explained = |right: &&String| !UNUSED.iter().any(|(known, _)| known == right) && !is_of_absent_kinds(right);
    let unexplained: Vec<&String> = unused.iter().filter(explained).collect();
    assert!(unexplained.is_empty(), "rights that nobody uses: {unexplained:#?}");
}

/// Kinds that this version answers with NotImplemented have no objects here; Buckets and the like are watched all the same.
fn is_of_absent_kinds(right: &str) -> bool {
    let (verb, resource) = right.split_once(' ').unwrap();
    let absent = [
        "artifactgenerators",
        "buckets",
        "externalartifacts",
        "helmcharts",
        "helmreleases",
        "helmrepositories",
        "imagepolicies",
        "imagerepositories",
        "imageupdateautomations",
        "ocirepositories",
        "receivers",
    ];
    let is_read_or_written = matches!(verb, "get" | "list" | "watch" | "patch");
    absent.iter().any(|kind| resource == *kind && is_read_or_written || resource == format!("{kind}/status"))
}

/// The rights of the controllers, as `VERB RESOURCE`.
fn granted(manifests: &str, kubectl: &weir_testkit::Kubectl) -> BTreeSet<String> {
    let list = kubectl.run_with_input(&["create", "--dry-run=client", "-o", "json", "-f", "-"], manifests).unwrap();
    let mut all = BTreeSet::new();
    let stream = serde_json::Deserializer::from_str(&list).into_iter::<Value>();
    let objects = stream.map(Result::unwrap).flat_map(|value| match value["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![value],
    });
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let is_role = matches!(object["kind"].as_str(), Some("Role" | "ClusterRole")) && !name.starts_with("flux-");
        for rule in object["rules"].as_array().into_iter().flatten().filter(|_| is_role) {
            for verb in rule["verbs"].as_array().unwrap() {
                for resource in rule["resources"].as_array().unwrap() {
                    all.insert(format!("{} {}", verb.as_str().unwrap(), resource.as_str().unwrap()));
                }
            }
        }
    }
    all
}

/// The API server's own admission judges: the namespace is labelled so that it enforces the profile.
fn the_pods_pass_the_restricted_profile(cluster: &Cluster) {
    let kubectl = cluster.kubectl();
    let manifests = cluster.shell("weir install --export --replicas=2 --image-pull-secret=login --toleration-keys=a");
    assert_eq!(manifests.code, Some(0), "{}", manifests.stderr);
    let is_wanted =
        |part: &&str| ["Namespace", "Deployment"].iter().any(|kind| part.contains(&format!("kind: {kind}\n")));
    let wanted: Vec<&str> = manifests.stdout.split("---\n").filter(is_wanted).collect();
    assert_eq!(wanted.len(), 3);
    kubectl.run_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], wanted[0]).unwrap();
    for deployment in &wanted[1..] {
        let text =
            kubectl.run_with_input(&["create", "--dry-run=client", "-o", "json", "-f", "-"], deployment).unwrap();
        let template = &serde_json::from_str::<Value>(&text).unwrap()["spec"]["template"];
        let mut pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = "one".into();
        pod["metadata"]["namespace"] = HOME.into();
        let create = |pod: &Value| kubectl.run_with_input(&["create", "--dry-run=server", "-f", "-"], &pod.to_string());
        create(&pod).unwrap();
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
        let refused = create(&pod).unwrap_err();
        assert!(refused.contains("violates PodSecurity \"restricted:latest\""), "{refused}");
    }
}

/// With every option that changes them.
fn the_policies_are_accepted(cluster: &Cluster) {
    let kubectl = cluster.kubectl();
    let manifests = cluster.shell(
        "weir install --export --source-ports=8443 --source-cidrs=10.1.0.0/16,fd00::/8 --kustomize-ports=8200,443 \
         --kustomize-cidrs=10.3.0.0/16 --api-server-cidrs=10.96.0.0/16 --events-addr=https://events.example.com:8443/",
    );
    assert_eq!(manifests.code, Some(0), "{}", manifests.stderr);
    let parts = manifests.stdout.split("---\n");
    let policies: Vec<&str> = parts.filter(|part| part.contains("kind: NetworkPolicy\n")).collect();
    assert_eq!(policies.len(), 6, "{policies:#?}");
    let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    kubectl.run_with_input(&apply, &policies.join("---\n")).unwrap();
}
