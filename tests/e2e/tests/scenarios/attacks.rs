//! What a tenant may try: each is refused, with the reason on the object, and the victim keeps what it has. On the real API
//! server, whose rights are what counts.

use crate::manifests::{config_map, namespace};
use crate::rig::Rig;
use weir_e2e::{Cluster, on_kube_apiserver};

on_kube_apiserver!(what_a_tenant_may_not_do_is_refused);

const SPACE: &str = "attacker";
const VICTIM: &str = "victim";
/// Is in the victim's Secret, and must be nowhere else.
const CANARY: &str = "canary-51c0";

const RIGHTS: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: attacker}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: attacker}
rules:
- {apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: attacker}
subjects: [{kind: ServiceAccount, name: deployer, namespace: attacker}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
";

/// Ten to the twelfth looks.
const CEL_BOMB: &str = "serviceAccountName: deployer
timeout: 1s
wait: true
healthCheckExprs:
- apiVersion: v1
  kind: ConfigMap
  current: '[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, \
    [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, [0,1,2,3,4,5,6,7,8,9].all(g, [0,1,2,3,4,5,6,7,8,9].all(h, \
    [0,1,2,3,4,5,6,7,8,9].all(i, [0,1,2,3,4,5,6,7,8,9].all(j, [0,1,2,3,4,5,6,7,8,9].all(k, [0,1,2,3,4,5,6,7,8,9].all(l, \
    a + l < 99))))))))))))'";

/// Files, further fields of the spec, the reason and a part of the message.
struct Attack {
    name: &'static str,
    file: (&'static str, String),
    more: &'static str,
    reason: &'static str,
    says: &'static str,
}

fn attacks() -> Vec<Attack> {
    let role_binding = |kind: &str, place: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: mine{place}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n\
             subjects: [{{kind: ServiceAccount, name: deployer, namespace: {SPACE}}}]\n"
        )
    };
    let kustomization = |resource: &str| format!("resources: ['{resource}']\n");
    let own = || config_map(SPACE, "own", "1");
    let bomb = (1..=12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let before = format!("*a{}", level - 1);
        format!("{text}a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", "))
    });
    let tenant = "serviceAccountName: deployer";
    let attack = |name, file, more, reason, says| Attack { name, file, more, reason, says };
    let kubeconfig = |name, says| {
        attack(name, ("a.yaml", own()), "kubeConfig: {secretRef: {name: NAME}}", "ReconciliationFailed", says)
    };
    vec![
        attack(
            "other-namespace",
            ("a.yaml", config_map(VICTIM, "mine", "1")),
            tenant,
            "ReconciliationFailed",
            "User \"system:serviceaccount:attacker:deployer\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"victim\"",
        ),
        attack(
            "cluster-scoped",
            ("a.yaml", namespace("mine")),
            tenant,
            "ReconciliationFailed",
            "cannot patch resource \"namespaces\"",
        ),
        attack(
            "cluster-role-binding",
            ("a.yaml", role_binding("ClusterRoleBinding", "")),
            tenant,
            "ReconciliationFailed",
            "cannot patch resource \"clusterrolebindings\"",
        ),
        attack(
            "role-binding",
            ("a.yaml", role_binding("RoleBinding", ", namespace: attacker")),
            tenant,
            "ReconciliationFailed",
            "attempting to grant RBAC permissions not currently held",
        ),
        attack(
            "target-namespace",
            ("a.yaml", own()),
            "serviceAccountName: deployer\ntargetNamespace: victim",
            "ReconciliationFailed",
            "in the namespace \"victim\"",
        ),
        attack(
            "account-of-another",
            ("a.yaml", own()),
            "serviceAccountName: '../victim:admin'",
            "ReconciliationFailed",
            "is not the name of a service account",
        ),
        attack(
            "variables-of-another",
            ("a.yaml", own()),
            "serviceAccountName: deployer\npostBuild: {substituteFrom: [{kind: Secret, name: '../../victim/secrets/vars'}]}",
            "BuildFailed",
            "substitute from 'Secret/../../victim/secrets/vars' error",
        ),
        attack(
            "keys-of-another",
            ("a.yaml", own()),
            "serviceAccountName: deployer\ndecryption: {provider: sops, secretRef: {name: '../../victim/secrets/vars'}}",
            "BuildFailed",
            "cannot get sops decryption Secret",
        ),
        attack("path", ("a.yaml", own()), tenant, "ArtifactFailed", "leads out of the source"),
        attack(
            "base-outside",
            ("kustomization.yaml", kustomization("../../../../../../etc/passwd")),
            tenant,
            "BuildFailed",
            "kustomization.yaml",
        ),
        attack(
            "base-absolute",
            ("kustomization.yaml", kustomization("/etc/passwd")),
            tenant,
            "BuildFailed",
            "kustomization.yaml",
        ),
        attack(
            "base-metadata",
            ("kustomization.yaml", kustomization("https://169.254.169.254/latest/meta-data/")),
            tenant,
            "BuildFailed",
            "169.254.169.254",
        ),
        attack(
            "base-loopback",
            ("kustomization.yaml", kustomization("https://127.0.0.1:1/a.yaml")),
            tenant,
            "BuildFailed",
            "127.0.0.1",
        ),
        attack(
            "aliases",
            ("a.yaml", format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bomb}}\n{bomb}")),
            tenant,
            "BuildFailed",
            "a.yaml",
        ),
        // The file is a link to /etc/passwd.
        attack("link", ("kustomization.yaml", kustomization("link.yaml")), tenant, "BuildFailed", "link.yaml"),
        attack(
            "regex",
            (
                "kustomization.yaml",
                "resources: []\npatches: [{patch: '[]', target: {name: '((((a{1000}){1000}){1000}){1000})'}}]\n"
                    .to_owned(),
            ),
            tenant,
            "BuildFailed",
            "kustomization.yaml",
        ),
        attack("cel", ("a.yaml", own()), CEL_BOMB, "HealthCheckFailed", "ConfigMap/attacker/own"),
        attack(
            "kubeconfig-of-another",
            ("a.yaml", own()),
            "kubeConfig: {secretRef: {name: '../../victim/secrets/vars'}}",
            "ReconciliationFailed",
            "unable to read KubeConfig secret",
        ),
        kubeconfig("kubeconfig-exec", "user.exec is not allowed"),
        kubeconfig("kubeconfig-as", "user.as is not allowed"),
        kubeconfig("kubeconfig-file", "user.tokenFile names a file of the controller"),
        kubeconfig("kubeconfig-loopback", "cluster.server: 127.0.0.1 leads to a loopback"),
        kubeconfig(
            "kubeconfig-metadata",
            "cluster.server: 169.254.169.254 leads to a loopback, link-local or metadata",
        ),
        kubeconfig("kubeconfig-insecure", "cluster.insecure-skip-tls-verify is not allowed"),
    ]
}

/// The kubeconfigs of the attacks of their name: cluster and user.
const KUBECONFIGS: [(&str, &str, &str); 6] = [
    (
        "kubeconfig-exec",
        "server: 'https://203.0.113.1'",
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [MARK]}",
    ),
    ("kubeconfig-as", "server: 'https://203.0.113.1'", "token: t, as: 'system:admin', as-groups: ['system:masters']"),
    ("kubeconfig-file", "server: 'https://203.0.113.1'", "tokenFile: /etc/passwd"),
    ("kubeconfig-loopback", "server: 'https://127.0.0.1:1'", "token: t"),
    ("kubeconfig-metadata", "server: 'http://169.254.169.254'", "token: t"),
    ("kubeconfig-insecure", "server: 'https://203.0.113.1', insecure-skip-tls-verify: true", "token: t"),
];

fn kubeconfigs(mark: &str) -> Vec<String> {
    let secret = |(name, cluster, user): &(&str, &str, &str)| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {SPACE}}}\nstringData:\n  value: |\n    \
             current-context: c\n    contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n    \
             clusters: [{{name: c, cluster: {{{cluster}}}}}]\n    users: [{{name: u, user: {{{}}}}}]\n",
            user.replace("MARK", mark)
        )
    };
    KUBECONFIGS.iter().map(secret).collect()
}

fn what_a_tenant_may_not_do_is_refused(cluster: &Cluster) {
    let attacks = attacks();
    let files: Vec<(String, String)> =
        attacks.iter().map(|attack| (format!("{}/{}", attack.name, attack.file.0), attack.file.1.clone())).collect();
    let all: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .chain([("forged/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: forged, namespace: attacker}\n")])
        .collect();
    let rig = Rig::new(cluster, SPACE, &all);
    std::os::unix::fs::symlink("/etc/passwd", rig.repo.path().join("link/link.yaml")).unwrap();
    rig.repo.git(&["add", "link/link.yaml"]);
    rig.publish(&[], &[], "link");
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: vars, namespace: {VICTIM}}}\nstringData: {{one.agekey: {CANARY}}}\n"
    );
    // What the victim has looks as if the attacker owned it.
    let theirs = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: theirs\n  namespace: {VICTIM}\n  labels: \
         {{kustomize.toolkit.fluxcd.io/name: forged, kustomize.toolkit.fluxcd.io/namespace: {SPACE}}}\ndata: {{value: kept}}\n"
    );
    let scratch = tempfile::tempdir().unwrap();
    let mark = scratch.path().join("was-run");
    rig.apply(&[namespace(VICTIM), secret, theirs, RIGHTS.to_owned()]);
    rig.apply(&kubeconfigs(mark.to_str().unwrap()));
    let controller = rig.controller(&["--no-cross-namespace-refs=true"]);
    let base = "interval: 1h\nretryInterval: 1s\nprune: true\n";
    for attack in &attacks {
        let object = rig.kustomization(attack.name, &format!("{base}{}", attack.more.replace("NAME", attack.name)));
        rig.apply(&[object.replace("  path: path\n", "  path: ../../../../etc\n")]);
    }
    let foreign =
        rig.kustomization("foreign-source", base).replace("name: repo}", &format!("name: repo, namespace: {VICTIM}}}"));
    let forged = rig.kustomization("forged", &format!("{base}serviceAccountName: deployer"));
    rig.apply(&[foreign, forged]);
    for attack in &attacks {
        let message = rig.fails(attack.name, attack.reason);
        assert!(message.contains(attack.says), "{}: '{}' is not in: {message}", attack.name, attack.says);
        assert!(!message.contains("root:") && !message.contains(CANARY), "{}: {message}", attack.name);
    }
    assert!(!mark.exists(), "the program of a kubeconfig was run");
    let message = rig.fails("foreign-source", "AccessDenied");
    assert!(message.contains("cross-namespace references have been blocked"), "{message}");

    // An inventory that names what others have prunes nothing: it is done as the tenant.
    rig.ready("forged");
    let entry = format!("{VICTIM}_theirs__ConfigMap");
    let inventory = format!(r#"{{"status":{{"inventory":{{"entries":[{{"id":"{entry}","v":"v1"}}]}}}}}}"#);
    let patch =
        ["patch", "kustomization", "-n", SPACE, "forged", "--subresource=status", "--type=merge", "-p", &inventory];
    rig.kubectl.run(&patch).unwrap();
    rig.patch(
        "kustomization",
        "forged",
        r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"forged"}}}"#,
    );
    let message = rig.fails("forged", "PruneFailed");
    assert!(
        message.contains("cannot delete resource \"configmaps\"") || message.contains("cannot get resource"),
        "{message}"
    );
    let kept = rig.kubectl.run(&["get", "configmap", "-n", VICTIM, "theirs", "-o", "jsonpath={.data.value}"]);
    assert_eq!(kept.as_deref(), Ok("kept"));
    let theirs = rig.kubectl.run(&["get", "configmaps", "-n", VICTIM, "-o", "name"]).unwrap();
    assert!(!theirs.contains("mine"), "{theirs}");
    let all = rig.kubectl.run(&["get", "events,kustomizations,configmaps", "-n", SPACE, "-o", "yaml"]).unwrap();
    assert!(!all.contains(CANARY) && !controller.log().join("\n").contains(CANARY), "a secret of another is told");
}
