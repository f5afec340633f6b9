//! The protections that flags ask for: prunes that are held until they are confirmed, and the fence around a namespace.

use crate::manifests::{config_map, namespace};
use crate::rig::{Rig, inventory};
use weir_e2e::{Cluster, on_both};
use weir_testkit::eventually;

on_both!(a_large_prune_waits_for_its_confirmation, protected_kinds_and_the_fence);

/// The value that confirms what a message says is held.
fn token(message: &str) -> String {
    message.rsplit_once("kustomize.weir.dev/confirm-prune=").unwrap().1.to_owned()
}

fn confirm(rig: &Rig<'_>, name: &str, token: &str) {
    let patch = format!(r#"{{"metadata":{{"annotations":{{"kustomize.weir.dev/confirm-prune":"{token}"}}}}}}"#);
    rig.patch("kustomization", name, &patch);
}

fn a_large_prune_waits_for_its_confirmation(cluster: &Cluster) {
    let space = "guard-limit";
    let maps: Vec<(String, String)> =
        (0..6).map(|n| (format!("app/{n}.yaml"), config_map(space, &format!("map-{n}"), "1"))).collect();
    let files: Vec<(&str, &str)> = maps.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let rig = Rig::new(cluster, space, &files);
    let _controller = rig.controller(&["--prune-limit=2"]);
    rig.apply(&[rig.kustomization("app", "interval: 1h\nprune: true")]);
    rig.ready("app");

    // Two are not more than the limit.
    let commit = rig.publish(&[], &["app/0.yaml", "app/1.yaml"], "two");
    rig.applied("app", &commit);
    assert!(!rig.exists("configmap", "map-0") && !rig.exists("configmap", "map-1"));

    // Three are; what is new is applied all the same, and nothing is forgotten.
    let new = config_map(space, "new", "1");
    rig.publish(&[("app/new.yaml", &new)], &["app/2.yaml", "app/3.yaml", "app/4.yaml"], "three");
    let object = rig.says("app", "nothing is deleted: 3 objects would be, more than --prune-limit=2: ");
    assert_eq!(inventory(&object).len(), 5, "{object}");
    rig.has("new", "1");
    let held = rig.fails("app", "PruneFailed");
    assert!(held.contains("ConfigMap/guard-limit/map-2"), "{held}");
    confirm(&rig, "app", "000000000000");
    rig.request("app", "wrong");
    assert!(rig.exists("configmap", "map-2"), "another confirmation is none");

    confirm(&rig, "app", &token(&held));
    rig.ready("app");
    for name in ["map-2", "map-3", "map-4"] {
        assert!(!rig.exists("configmap", name), "{name}");
    }

    // The end of a Kustomization is a prune too.
    let commit = rig.publish(&[("app/0.yaml", &maps[0].1), ("app/1.yaml", &maps[1].1)], &[], "four");
    rig.applied("app", &commit);
    rig.kubectl.run(&["delete", "kustomization", "-n", space, "app", "--wait=false"]).unwrap();
    let object = rig.says("app", "nothing is deleted: 4 objects would be");
    assert!(rig.exists("configmap", "map-0"));
    let message = object["status"]["conditions"].to_string();
    let token = message.split_once("confirm-prune=").unwrap().1.get(..12).unwrap().to_owned();
    confirm(&rig, "app", &token);
    eventually("it is gone with its objects", || match rig.get("app") {
        Ok(object) => Err(object["status"].to_string()),
        Err(_) => Ok(()),
    });
    assert!(!rig.exists("configmap", "map-0"));
}

fn protected_kinds_and_the_fence(cluster: &Cluster) {
    let space = "guard-kinds";
    let claim = |name: &str| {
        format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}, namespace: {space}}}\nspec: {{accessModes: \
             [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n"
        )
    };
    let files: &[(&str, &str)] = &[
        ("app/data.yaml", &claim("data")),
        ("app/map.yaml", &config_map(space, "map", "1")),
        ("stray/a.yaml", &config_map("default", "stray", "1")),
        ("stray/b.yaml", &namespace("guard-stray")),
        ("target/a.yaml", &config_map("default", "moved", "1")),
    ];
    let rig = Rig::new(cluster, space, files);
    let kinds = "--protected-kinds=/Namespace,/PersistentVolumeClaim";
    let _controller = rig.controller(&[kinds, "--target-namespace-fence", "--fence-exempt-namespaces=flux-system"]);
    let base = "interval: 1h\nprune: true";
    rig.apply(&[
        rig.kustomization("app", base),
        rig.kustomization("stray", base),
        rig.kustomization("target", &format!("{base}\ntargetNamespace: {space}")),
    ]);
    rig.ready("app");
    rig.ready("target");
    assert!(rig.exists("configmap", "moved"), "in its target namespace");
    let message = rig.fails("stray", "ReconciliationFailed");
    let outside = "objects outside of the namespace 'guard-kinds' are refused by --target-namespace-fence: ";
    assert!(message.starts_with(outside), "{message}");
    assert!(message.contains("stray/a.yaml:1") && message.contains("ConfigMap/default/stray"), "{message}");
    assert!(message.contains("stray/b.yaml:1") && message.contains("Namespace/guard-stray"), "{message}");
    assert!(!cluster.exists("namespace", "", "guard-stray"));

    rig.publish(&[("app/other.yaml", &config_map(space, "other", "1"))], &["app/data.yaml", "app/map.yaml"], "less");
    let held = rig.fails("app", "PruneFailed");
    assert!(held.contains("2 objects would be, 1 of kinds that are protected by --protected-kinds"), "{held}");
    assert!(rig.exists("persistentvolumeclaim", "data") && rig.exists("configmap", "map"), "all or nothing");
    confirm(&rig, "app", &token(&held));
    rig.ready("app");
    assert!(!rig.exists("configmap", "map"));
}
