//! Everything a tenant causes is done as the tenant.

use crate::manifests::{config_map, namespace};
use weir_e2e::{Cluster, on_both};
use weir_testkit::GitRepo;

on_both!(a_tenant_is_denied_outside_its_namespace);

const TEAM: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: team-a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: team-a}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: team-a}
subjects: [{kind: ServiceAccount, name: deployer, namespace: team-a}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
";

fn kustomization(name: &str, path: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: team-a}}
spec:
  path: {path}
  prune: true
  serviceAccountName: deployer
  dependsOn: [{{name: platform, namespace: flux-system}}]
  sourceRef: {{kind: GitRepository, name: repo}}
"
    )
}

fn a_tenant_is_denied_outside_its_namespace(cluster: &Cluster) {
    let source = |name: &str, namespace: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{url: 'https://git.example.com/all', ref: {{branch: main}}}}\n"
        )
    };
    let platform = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: platform, namespace: flux-system}
spec:
  path: platform
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
";
    let repo = GitRepo::new(&[
        ("clusters/c/sync.yaml", &format!("{}---\n{platform}", source("flux-system", "flux-system"))),
        (
            "clusters/c/team.yaml",
            &[source("repo", "team-a"), kustomization("good", "good"), kustomization("bad", "bad")].join("---\n"),
        ),
        ("platform/all.yaml", &[namespace("team-a"), namespace("team-b"), TEAM.to_owned()].join("---\n")),
        ("good/a.yaml", &config_map("team-a", "own", "1")),
        ("bad/a.yaml", &config_map("team-a", "beside", "1")),
        ("bad/b.yaml", &config_map("team-b", "foreign", "1")),
    ]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "team-a", "good", "True");
    let message = cluster.fails("kustomization", "team-a", "bad", "ReconciliationFailed");
    let denied = "User \"system:serviceaccount:team-a:deployer\" cannot";
    assert!(message.contains(denied) && message.contains("in the namespace \"team-b\""), "{message}");
    assert!(message.contains("bad/b.yaml:1"), "the message names the file: {message}");
    assert!(!cluster.exists("configmap", "team-b", "foreign"));
    assert!(!cluster.exists("configmap", "team-a", "beside"), "a stage is applied as a whole or not at all");
    assert!(cluster.exists("configmap", "team-a", "own"));
}
