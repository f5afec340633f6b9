//! While a Kustomization is suspended nothing is done for it; afterwards all that was left undone.

use crate::manifests::config_map;
use crate::rig::{Rig, observe};
use std::time::Duration;
use weir_e2e::{Cluster, on_both};

on_both!(what_is_suspended_is_left_alone_until_it_is_resumed);

const KEPT: &str = "interval: 1h\nprune: true";

fn what_is_suspended_is_left_alone_until_it_is_resumed(cluster: &Cluster) {
    let space = "suspend";
    let map = |name: &str, value: &str| config_map(space, name, value);
    let rig = Rig::new(
        cluster,
        space,
        &[
            ("paused/a.yaml", &map("drifted", "1")),
            ("paused/b.yaml", &map("deleted", "1")),
            ("paused/c.yaml", &map("removed", "1")),
            ("goes/a.yaml", &map("orphan", "1")),
            ("goes/b.yaml", &map("orphan-too", "1")),
            ("runs/a.yaml", &map("runs", "1")),
        ],
    );
    let controller = rig.controller(&[]);
    rig.apply(&[
        rig.kustomization("paused", KEPT),
        rig.kustomization("goes", &format!("{KEPT}\ndeletionPolicy: Delete")),
        rig.kustomization("runs", KEPT),
    ]);
    for name in ["paused", "goes", "runs"] {
        rig.ready(name);
        if name != "runs" {
            rig.patch("kustomization", name, r#"{"spec":{"suspend":true}}"#);
        }
    }
    let before = rig.get("paused").unwrap()["status"].clone();

    // Whatever calls for a pass is heard, and not followed.
    let writes = controller.requests_with("method=\"PATCH\"");
    rig.patch("configmap", "drifted", r#"{"data":{"value":"by hand"}}"#);
    rig.kubectl.run(&["delete", "configmap", "-n", space, "deleted"]).unwrap();
    rig.patch("kustomization", "paused", r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"now"}}}"#);
    observe(Duration::from_secs(2));
    assert_eq!(controller.requests_with("method=\"PATCH\""), writes, "nobody writes");
    let new = map("runs", "2");
    let commit = rig.publish(
        &[("paused/a.yaml", &map("drifted", "2")), ("paused/d.yaml", &map("added", "2")), ("runs/a.yaml", &new)],
        &["paused/c.yaml"],
        "second",
    );
    rig.applied("runs", &commit);
    observe(Duration::from_secs(2));
    assert_eq!(rig.value("drifted").unwrap(), "by hand");
    assert_eq!(rig.value("removed").unwrap(), "1", "nothing is pruned");
    assert!(!rig.exists("configmap", "deleted") && !rig.exists("configmap", "added"));
    assert_eq!(rig.get("paused").unwrap()["status"], before, "and its status stays as it was");

    // One that goes while it is suspended leaves its objects behind.
    rig.delete("goes");
    for name in ["orphan", "orphan-too"] {
        assert_eq!(rig.value(name).unwrap(), "1");
    }

    rig.patch("kustomization", "paused", r#"{"spec":{"suspend":false}}"#);
    let after = rig.applied("paused", &commit);
    assert_eq!(after["status"]["lastHandledReconcileAt"], "now", "{after}");
    for (name, value) in [("drifted", "2"), ("deleted", "1"), ("added", "2")] {
        assert_eq!(rig.value(name).unwrap(), value, "{name}");
    }
    assert!(!rig.exists("configmap", "removed"));
    // Drift is seen to at once as before.
    rig.patch("configmap", "drifted", r#"{"data":{"value":"by hand"}}"#);
    rig.has("drifted", "2");
}
