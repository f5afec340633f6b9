//! The controllers' own accounts on the real API server: a controller that a scenario starts has the rights that `weir
//! install` writes and no others, and what it is denied as itself fails the scenario.

use crate::up::weir;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weir_testkit::Kubectl;

/// Where the controllers are installed.
pub const HOME: &str = "flux-system";
/// As whom they apply, in the namespace of each scenario, what names no account of its own.
pub const TENANT: &str = "e2e-tenant";
/// Of what the API server says of requests that scenarios bring about on purpose: acting as an account that nobody gave.
pub const ATTACKS: [&str; 1] = ["impersonate"];
const ROLES: [&str; 2] = ["source", "kustomize"];

/// The kubeconfig of a controller's account, if the cluster has such accounts.
pub fn kubeconfig(cluster: &Path, role: &str) -> Option<PathBuf> {
    let file = cluster.with_file_name(format!("{role}-controller.kubeconfig"));
    (ROLES.contains(&role) && file.exists()).then_some(file)
}

/// Gives the controllers their accounts and rights, if they have none (any more), and takes those away that a scenario
/// gave the accounts beyond that.
pub(crate) fn ensure(cluster: &Path) {
    let kubectl = Kubectl::new(cluster);
    let wide = format!("cluster-reconciler-{HOME}");
    let _ = kubectl.run(&["delete", "clusterrolebinding", &wide, "--ignore-not-found"]);
    give(cluster, &kubectl);
    for role in ROLES {
        let account = format!("--as=system:serviceaccount:{HOME}:{role}-controller");
        let answer = kubectl.run(&["auth", "can-i", "create", "clusterroles", &account]);
        assert!(answer.is_err(), "{role}-controller has rights that are not installed");
    }
}

/// Takes everything of that away, for a scenario that installs by itself.
pub(crate) fn take_away(kubectl: &Kubectl) {
    let own = ["-l", "app.kubernetes.io/part-of=flux", "--wait=true", "--timeout=300s"];
    kubectl.run(&[&["delete", "clusterrole,clusterrolebinding"], &own[..]].concat()).unwrap();
    kubectl.run(&["delete", "namespace", HOME, "--ignore-not-found", "--wait=true", "--timeout=300s"]).unwrap();
}

fn give(cluster: &Path, kubectl: &Kubectl) {
    let accounts = || kubectl.run(&["get", "serviceaccounts", "-n", HOME, "-o", "jsonpath={.items[*].metadata.uid}"]);
    let known = cluster.with_file_name("accounts");
    let uids = accounts().unwrap_or_default();
    let is_there = !uids.is_empty() && std::fs::read_to_string(&known).is_ok_and(|known| known == uids);
    let is_bound = || kubectl.run(&["get", "clusterrolebinding", "kustomize-controller-flux-system"]).is_ok();
    if is_there && is_bound() {
        return;
    }
    let manifests = weir(&["install", "--export", "--network-policy=false"]);
    assert_eq!(manifests.code, Some(0), "{}", manifests.stderr);
    let rights: Vec<&str> = manifests.stdout.split("---\n").filter(|part| is_right(part)).collect();
    kubectl.run_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &rights.join("---\n")).unwrap();
    for role in ROLES {
        write(cluster, &format!("{role}-controller"), &cluster.with_file_name(format!("{role}-controller.kubeconfig")));
    }
    std::fs::write(known, accounts().unwrap()).unwrap();
}

fn is_right(manifest: &str) -> bool {
    let kinds = ["Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
    kinds.iter().any(|kind| manifest.lines().any(|line| line == format!("kind: {kind}")))
}

/// Writes a kubeconfig with a token of an account in the controllers' namespace.
fn write(cluster: &Path, account: &str, file: &Path) {
    let create = ["create", "token", "-n", HOME, account, "--duration=8h"];
    let token = Kubectl::new(cluster).run(&create).unwrap();
    let text = std::fs::read_to_string(cluster).unwrap();
    let lines = text.lines().map(|line| match line.split_once("token: ") {
        Some((indent, _)) => format!("{indent}token: {}\n", token.trim()),
        None => format!("{line}\n"),
    });
    std::fs::write(file, lines.collect::<String>()).unwrap();
}

/// A kubeconfig in a folder with a token of an account in the controllers' namespace.
pub fn as_account(cluster: &Path, dir: &Path, account: &str) -> PathBuf {
    let file = dir.join(format!("{account}.kubeconfig"));
    write(cluster, account, &file);
    file
}

/// The account of a scenario's namespace, which may do anything, and the right of the kustomize controller to act as it, or
/// as an account `deployer` that the scenario makes.
pub fn tenant(namespace: &str) -> String {
    let rbac = "rbac.authorization.k8s.io";
    format!(
        "apiVersion: v1
kind: ServiceAccount
metadata: {{name: {TENANT}, namespace: {namespace}}}
---
apiVersion: {rbac}/v1
kind: ClusterRoleBinding
metadata: {{name: {TENANT}-{namespace}, labels: {{e2e: \"true\"}}}}
subjects: [{{kind: ServiceAccount, name: {TENANT}, namespace: {namespace}}}]
roleRef: {{apiGroup: {rbac}, kind: ClusterRole, name: cluster-admin}}
---
apiVersion: {rbac}/v1
kind: Role
metadata: {{name: {TENANT}, namespace: {namespace}}}
rules:
- {{apiGroups: [''], resources: [serviceaccounts], resourceNames: [{TENANT}, deployer], verbs: [impersonate]}}
---
apiVersion: {rbac}/v1
kind: RoleBinding
metadata: {{name: {TENANT}, namespace: {namespace}}}
subjects: [{{kind: ServiceAccount, name: kustomize-controller, namespace: {HOME}}}]
roleRef: {{apiGroup: {rbac}, kind: Role, name: {TENANT}}}
"
    )
}

/// What the API server notes of the requests of the controllers' accounts.
pub struct Audit {
    file: PathBuf,
    from: usize,
}

impl Audit {
    /// From now on.
    pub fn open(kubeconfig: &Path) -> Self {
        let file = kubeconfig.with_file_name("audit.log");
        let from = std::fs::read(&file).map_or(0, |text| text.len());
        Self { file, from }
    }

    /// The requests since then.
    pub fn events(&self) -> Vec<Value> {
        let text = std::fs::read(&self.file).unwrap();
        let text = String::from_utf8_lossy(&text[self.from.min(text.len())..]).into_owned();
        // The last line may be half there.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What was denied to a controller as itself, and the rights that were used, as `VERB RESOURCE`. To act as an account
    /// that nobody gave it is what scenarios try on purpose: a message with one of `attacks` is none.
    pub fn read(&self, attacks: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut denied, mut used) = (BTreeSet::new(), BTreeSet::new());
        for event in self.events() {
            if event.get("impersonatedUser").is_some() {
                continue;
            }
            let reference = &event["objectRef"];
            let part = |name: &str| reference[name].as_str().unwrap_or_default();
            let resource = match part("subresource") {
                "" => part("resource").to_owned(),
                subresource => format!("{}/{subresource}", part("resource")),
            };
            let right = format!("{} {resource}", event["verb"].as_str().unwrap_or_default());
            let message = event["responseStatus"]["message"].as_str().unwrap_or_default();
            let is_attack = attacks.iter().any(|attack| message.contains(attack));
            if event["responseStatus"]["code"] == 403 && !is_attack {
                denied.insert(format!("{right}: {message}"));
            }
            used.insert(right);
        }
        (denied, used)
    }
}
