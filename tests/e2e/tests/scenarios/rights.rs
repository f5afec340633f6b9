//! Rights that a tenant loses and gets back while nothing else changes.

use crate::manifests::config_map;
use crate::rig::Rig;
use weir_e2e::{Cluster, condition, on_both};
use weir_testkit::eventually;

on_both!(a_right_that_is_taken_away_is_missed_at_the_interval);

const TENANT: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: rights}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: rights}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list, watch, create, patch, delete]}
";

const BINDING: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: rights}
subjects: [{kind: ServiceAccount, name: deployer, namespace: rights}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
";

fn a_right_that_is_taken_away_is_missed_at_the_interval(cluster: &Cluster) {
    let space = "rights";
    let rig = Rig::new(
        cluster,
        space,
        &[("app/a.yaml", &config_map(space, "app", "1")), ("app/b.yaml", &config_map(space, "old", "1"))],
    );
    let _controller = rig.controller(&[]);
    let app = rig.kustomization("app", "interval: 5s\ntimeout: 10m\nprune: true\nserviceAccountName: deployer");
    rig.apply(&[TENANT.to_owned(), BINDING.to_owned(), app]);
    let before = rig.ready("app");

    rig.kubectl.run(&["delete", "rolebinding", "-n", space, "deployer"]).unwrap();
    let message = rig.fails("app", "ReconciliationFailed");
    for part in [
        "ConfigMap/rights/app dry-run failed (Forbidden): configmaps \"app\" is forbidden: ",
        "User \"system:serviceaccount:rights:deployer\" cannot patch resource \"configmaps\" in API group \"\" \
         in the namespace \"rights\"",
        "app/a.yaml:1",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let failed = rig.get("app").unwrap();
    assert_eq!(condition(&failed, "Stalled"), None, "it is tried again: {failed}");
    assert_eq!(failed["status"]["inventory"], before["status"]["inventory"], "nothing is forgotten");

    // Nothing can be deleted either, and that is told.
    let commit = rig.publish(&[], &["app/b.yaml"], "less");
    eventually("the commit is tried", || {
        let failed = rig.get("app")?;
        let tried = failed["status"]["lastAttemptedRevision"].as_str().unwrap_or_default().to_owned();
        if tried.ends_with(&commit) { Ok(()) } else { Err(tried) }
    });
    rig.says("app", "forbidden");
    assert_eq!(rig.value("old").unwrap(), "1");

    rig.apply(&[BINDING.to_owned()]);
    rig.applied("app", &commit);
    assert!(!rig.exists("configmap", "old"));
    assert_eq!(rig.value("app").unwrap(), "1");
}
