//! `spec.kubeConfig`: what a Kustomization applies, watches and prunes on another cluster, which is an embedded one in both
//! backends.

use crate::manifests::{config_map, deployment, namespace};
use crate::rig::Rig;
use weir_e2e::{Cluster, installed, on_both, on_kube_apiserver};
use weir_testkit::{Kubectl, eventually};

on_both!(another_cluster_is_reconciled, a_kubeconfig_may_change_or_be_missing);
// The embedded server makes no tokens of accounts.
on_kube_apiserver!(a_cluster_is_entered_with_tokens_of_an_account);

const SPACE: &str = "remotes";
const KUBECONFIG: &str = "prune: true\ninterval: 1h\nretryInterval: 1s\nkubeConfig: {secretRef: {name: access}}";

/// A Secret with the kubeconfig of a cluster under a key.
fn access(cluster: &Cluster, key: &str) -> String {
    let text = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let text: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: access\n  namespace: {SPACE}\n  labels: \
         {{reconcile.fluxcd.io/watch: Enabled}}\nstringData:\n  {key}: |\n{text}"
    )
}

fn value(kubectl: &Kubectl, name: &str) -> Result<String, String> {
    kubectl.run(&["get", "configmap", "-n", SPACE, name, "-o", "jsonpath={.data.value}"])
}

fn has(kubectl: &Kubectl, name: &str, wanted: &str) {
    eventually(&format!("{name} has '{wanted}'"), || match value(kubectl, name)? {
        now if now == wanted => Ok(()),
        now => Err(now),
    });
}

fn another_cluster_is_reconciled(cluster: &Cluster) {
    let far = Cluster::sandbox();
    let _server = far.served();
    let there = far.kubectl();
    let (one, pod) = (config_map(SPACE, "one", "1"), deployment(SPACE, "app", 1));
    let files: &[(&str, &str)] = &[
        ("far/one.yaml", &one),
        ("far/two.yaml", &config_map(SPACE, "two", "2")),
        ("far/app.yaml", &pod),
        ("tenant/all.yaml", &config_map(SPACE, "own", "1")),
        ("denied/all.yaml", &config_map("elsewhere", "own", "1")),
    ];
    let rig = Rig::new(cluster, SPACE, files);
    let _controller = rig.controller(&["--remote-reach=anywhere"]);
    let account = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: deployer, namespace: {SPACE}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: deployer, namespace: {SPACE}}}\n\
         subjects: [{{kind: ServiceAccount, name: deployer, namespace: {SPACE}}}]\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}\n"
    );
    let platform = installed::tenant(SPACE);
    there.apply(&[namespace(SPACE), namespace("elsewhere"), account, platform].join("---\n")).unwrap();
    let tenant = format!("{KUBECONFIG}\nserviceAccountName: deployer");
    rig.apply(&[
        access(&far, "value.yaml"),
        rig.kustomization("far", &format!("{KUBECONFIG}\nwait: true")),
        rig.kustomization("tenant", &tenant),
        rig.kustomization("denied", &tenant),
    ]);

    // Applied there, healthy there, and nothing here.
    rig.ready("far");
    has(&there, "one", "1");
    assert!(value(&rig.kubectl, "one").is_err(), "it is on this cluster");
    assert!(!rig.exists("deployment", "app"));
    let message = rig.fails("denied", "ReconciliationFailed");
    assert!(message.contains("system:serviceaccount:remotes:deployer\" cannot"), "{message}");
    rig.ready("tenant");
    has(&there, "own", "1");

    // What somebody changes there is put right at once, by the watch: the interval is an hour.
    there.run(&["patch", "configmap", "-n", SPACE, "one", "--type=merge", "-p", r#"{"data":{"value":"x"}}"#]).unwrap();
    has(&there, "one", "1");

    let commit = rig.publish(&[("far/one.yaml", &config_map(SPACE, "one", "3"))], &["far/two.yaml"], "less");
    rig.applied("far", &commit);
    has(&there, "one", "3");
    assert!(value(&there, "two").is_err(), "it is pruned there");
    rig.delete("far");
    assert!(value(&there, "one").is_err(), "they go with their Kustomization");
}

fn a_kubeconfig_may_change_or_be_missing(cluster: &Cluster) {
    let (far, other) = (Cluster::sandbox(), Cluster::sandbox());
    let (_first, _second) = (far.served(), other.served());
    let (there, then) = (far.kubectl(), other.kubectl());
    for kubectl in [&there, &then] {
        kubectl.apply(&[namespace(SPACE), installed::tenant(SPACE)].join("---\n")).unwrap();
    }
    let rig = Rig::new(cluster, SPACE, &[("far/one.yaml", &config_map(SPACE, "one", "1"))]);
    let controller = rig.controller(&["--remote-reach=anywhere"]);
    rig.apply(&[rig.kustomization("far", KUBECONFIG)]);
    let message = rig.fails("far", "ReconciliationFailed");
    assert_eq!(message, "unable to read KubeConfig secret 'remotes/access': not found");
    rig.apply(&[access(&far, "other")]);
    rig.says("far", "KubeConfig secret 'remotes/access' does not contain a 'value' key with a kubeconfig");
    rig.apply(&[access(&far, "value")]);
    rig.ready("far");
    has(&there, "one", "1");

    // Another cluster under the same name: the watched Secret makes it due, and nothing is taken for applied there.
    rig.apply(&[access(&other, "value")]);
    has(&then, "one", "1");

    // Without the Secret nothing can be deleted, and nothing is forgotten.
    rig.kubectl.run(&["delete", "secret", "-n", SPACE, "access"]).unwrap();
    rig.kubectl.run(&["delete", "kustomization", "-n", SPACE, "far", "--wait=false"]).unwrap();
    rig.says("far", "unable to read KubeConfig secret 'remotes/access': not found");
    rig.apply(&[access(&other, "value")]);
    eventually("the Kustomization is gone", || match rig.get("far") {
        Ok(object) => Err(object["status"].to_string()),
        Err(_) => Ok(()),
    });
    assert!(value(&then, "one").is_err());
    let token = std::fs::read_to_string(far.kubeconfig()).unwrap();
    let token =
        token.lines().find_map(|line| line.trim().strip_prefix("token: ")).unwrap().trim_matches('"').to_owned();
    assert!(!controller.log().join("\n").contains(&token), "the log shows a token");
}

/// The other cluster is this one, entered as an account of it.
fn a_cluster_is_entered_with_tokens_of_an_account(cluster: &Cluster) {
    let rig = Rig::new(cluster, SPACE, &[("far/one.yaml", &config_map(SPACE, "one", "1"))]);
    let text = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let value =
        |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap().trim_matches('"').to_owned();
    let ca = std::fs::read_to_string(value("certificate-authority: ")).unwrap();
    let ca: String = ca.lines().map(|line| format!("    {line}\n")).collect();
    let issuer = rig.kubectl.run(&["get", "--raw", "/.well-known/openid-configuration"]).unwrap();
    let issuer: serde_json::Value = serde_json::from_str(&issuer).unwrap();
    let rbac = "rbac.authorization.k8s.io";
    rig.apply(&[
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: entering, namespace: {SPACE}}}\n"),
        format!(
            "apiVersion: {rbac}/v1\nkind: Role\nmetadata: {{name: tokens, namespace: {SPACE}}}\nrules:\n\
             - {{apiGroups: [''], resources: [serviceaccounts/token], resourceNames: [entering], verbs: [create]}}\n"
        ),
        format!(
            "apiVersion: {rbac}/v1\nkind: RoleBinding\nmetadata: {{name: tokens, namespace: {SPACE}}}\nsubjects: [{{kind: \
             ServiceAccount, name: kustomize-controller, namespace: flux-system}}]\nroleRef: {{apiGroup: {rbac}, kind: Role, \
             name: tokens}}\n"
        ),
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: access, namespace: {SPACE}}}\ndata:\n  provider: generic\n  \
             address: '{}'\n  audiences: '{}'\n  serviceAccountName: entering\n  ca.crt: |\n{ca}",
            value("server: "),
            issuer["issuer"].as_str().unwrap()
        ),
    ]);
    let entered = "interval: 1h\nretryInterval: 1s\nprune: true\nkubeConfig: {configMapRef: {name: access}}";
    rig.apply(&[rig.kustomization("far", entered)]);
    let gate = "--feature-gates=ObjectLevelWorkloadIdentity=true";
    let closed = rig.controller(&["--remote-reach=anywhere"]);
    rig.says("far", "serviceAccountName needs the ObjectLevelWorkloadIdentity feature gate");
    drop(closed);
    let local = rig.controller(&[gate]);
    rig.says("far", "leads to a loopback, link-local or metadata address");
    drop(local);

    // Without an account of its own to act as it is the account whose token it is, which may nothing yet.
    let controller = rig.controller(&["--remote-reach=anywhere", gate, "--default-service-account="]);
    rig.says("far", "User \"system:serviceaccount:remotes:entering\" cannot patch resource \"configmaps\"");
    rig.apply(&[format!(
        "apiVersion: {rbac}/v1\nkind: RoleBinding\nmetadata: {{name: entering, namespace: {SPACE}}}\nsubjects: [{{kind: \
         ServiceAccount, name: entering, namespace: {SPACE}}}]\nroleRef: {{apiGroup: {rbac}, kind: ClusterRole, name: admin}}\n"
    )]);
    rig.ready("far");
    rig.has("one", "1");
    rig.delete("far");
    assert!(rig.value("one").is_err(), "it is pruned there");
    assert!(!controller.log().join("\n").contains("eyJ"), "a token is in the log");
}
