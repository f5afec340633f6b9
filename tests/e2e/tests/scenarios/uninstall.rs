//! `weir check` and `weir uninstall`, on a cluster that `weir install` was run on.

use crate::manifests::{config_map, namespace};
use serde_json::json;
use weir_e2e::{Backend, Cluster, Ended, on_both};
use weir_testkit::eventually;

on_both!(an_installation_is_checked_and_removed);

const SPACE: &str = "uninstalled";

/// Waits until no definition is left.
fn gone(cluster: &Cluster) {
    eventually("the definitions are gone", || {
        let left = cluster.kubectl().run(&["get", "crd", "-l", "app.kubernetes.io/part-of=flux", "-o", "name"])?;
        if left.trim().is_empty() { Ok(()) } else { Err(left) }
    });
}

/// Removes whatever is installed, so that nothing of it is there for the next scenario.
pub(crate) fn uninstalled(cluster: &Cluster) {
    says(&cluster.shell("weir uninstall --silent --timeout=60s"), 0, &["✔ uninstall finished"]);
    gone(cluster);
}

fn says(ended: &Ended, code: i32, lines: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for line in lines {
        assert!(ended.stderr.contains(line), "'{line}' is not in\n{}", ended.stderr);
    }
}

fn an_installation_is_checked_and_removed(cluster: &Cluster) {
    cluster.bare();
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    kubectl.apply(&namespace(SPACE)).unwrap();

    // The real server of the tests is built without a version.
    let (well, version) = match cluster.backend {
        Backend::Sandbox => (0, "✔ Kubernetes 1."),
        Backend::KubeApiserver => (1, "✗ Kubernetes version can't be determined"),
    };
    let ended = |passed: &'static str, failed: &'static str| if well == 0 { passed } else { failed };
    let pre = ended("✔ prerequisites checks passed", "✗ prerequisites checks failed");
    let expect = ["► checking prerequisites", version, "✔ the rights that an installation needs are there", pre];
    says(&cluster.shell("weir check --pre"), well, &expect);
    let nothing = cluster.shell("weir check -n uninstalled");
    says(
        &nothing,
        1,
        &["✗ no controllers found in the 'uninstalled' namespace", "(weir install writes them", "✗ check failed"],
    );
    let refused = cluster.shell("weir check --components-extra=source-watcher");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--components-extra=source-watcher is not implemented"), "{}", refused.stderr);
    if cluster.backend == Backend::KubeApiserver {
        // The embedded server asks nobody for his rights.
        let stranger = cluster.shell("weir check --pre --as=stranger");
        says(
            &stranger,
            1,
            &["✗ the rights that an installation needs are not there: create namespaces", "cluster-admin"],
        );
    }

    says(&cluster.shell("weir install --image=registry.example.com/weir:v9 --timeout=60s"), 0, &["✔ install finished"]);
    let checked = cluster.shell("weir check --timeout=60s");
    says(
        &checked,
        well,
        &[
            "✔ bootstrapped: false",
            "✔ source-controller: deployment ready",
            "► source-controller is weir's: registry.example.com/weir:v9",
            "► source-controller lease is held by nobody",
            "✔ kustomizations.kustomize.toolkit.fluxcd.io/v1",
            ended("✔ all checks passed", "✗ check failed"),
        ],
    );
    assert_eq!(checked.stderr.matches('✗').count(), if well == 0 { 0 } else { 2 }, "{}", checked.stderr);
    let missing = cluster.shell("weir check --components=source-controller,helm-controller --timeout=60s");
    says(&missing, 1, &["✗ helm-controller is not in the 'flux-system' namespace (it is not implemented"]);

    // What a Kustomization applied, and objects that wait for a controller.
    kubectl.apply(&config_map(SPACE, "applied", "1")).unwrap();
    let objects = format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: app, namespace: {SPACE}, finalizers: [finalizers.fluxcd.io]}}
spec: {{interval: 1h, path: deploy, prune: true, sourceRef: {{kind: GitRepository, name: repo}}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: {SPACE}, finalizers: [finalizers.fluxcd.io]}}
spec: {{interval: 1h, url: 'https://charts.example.com'}}
"
    );
    kubectl.apply(&objects).unwrap();
    let status =
        json!({"status": {"inventory": {"entries": [{"id": format!("{SPACE}_applied__ConfigMap"), "v": "v1"}]}}});
    kubectl
        .run(&[
            "patch",
            "kustomization",
            "-n",
            SPACE,
            "app",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status.to_string(),
        ])
        .unwrap();

    let unasked = cluster.shell("weir uninstall");
    says(&unasked, 1, &["✗ aborting (--silent deletes without asking"]);
    let dry = cluster.shell("weir uninstall --dry-run");
    says(
        &dry,
        0,
        &[
            "► deleting components in flux-system namespace",
            "✔ Deployment/flux-system/source-controller deleted (dry run)",
            "✔ Kustomization/uninstalled/app finalizers deleted (dry run)",
            "✔ CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io deleted (dry run)",
            "✔ Namespace/flux-system deleted (dry run)",
        ],
    );
    says(&cluster.shell("weir check --timeout=60s"), well, &["✔ source-controller: deployment ready"]);

    let done = cluster.shell("weir uninstall --silent --keep-namespace --timeout=60s");
    says(
        &done,
        0,
        &[
            "✔ NetworkPolicy/flux-system/deny-all deleted",
            "✔ ClusterRole/source-controller-flux-system deleted",
            "✔ Role/flux-system/kustomize-controller deleted",
            "✔ ResourceQuota/flux-system/critical-pods deleted",
            "✔ HelmRepository/uninstalled/charts finalizers deleted",
            "✔ uninstall finished",
        ],
    );
    let order = |what: &str| done.stderr.find(what).unwrap_or_else(|| panic!("{what}: {}", done.stderr));
    assert!(order("Deployment/flux-system/") < order("ServiceAccount/flux-system/"));
    assert!(order("ClusterRoleBinding/") < order("finalizers deleted"));
    assert!(order("finalizers deleted") < order("CustomResourceDefinition/"));
    gone(cluster);
    assert!(cluster.exists("configmap", SPACE, "applied"), "what was applied stays");
    assert!(kubectl.run(&["get", "namespace", "flux-system"]).is_ok(), "the namespace is kept");
    let left = kubectl
        .run(&["get", "deploy,svc,pod,sa,role,rolebinding,netpol,quota,lease", "-n", "flux-system", "-o", "name"])
        .unwrap();
    let left: Vec<&str> = left.lines().filter(|line| *line != "serviceaccount/default").collect();
    assert_eq!(left, [""; 0]);

    says(&cluster.shell("weir uninstall --silent --timeout=60s"), 0, &["✔ Namespace/flux-system deleted"]);
    eventually("the namespace is gone", || match kubectl.run(&["get", "namespace", "flux-system"]) {
        Ok(there) => Err(there),
        Err(_) => Ok(()),
    });
    says(&cluster.shell("weir check"), 1, &["✗ no crds found with the label selector"]);
}
