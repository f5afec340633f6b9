//! Sources that another controller publishes, such as Flux's beside ours: their artifacts are taken, and news of them is
//! seen at once.

use crate::manifests::config_map;
use crate::rig::Rig;
use serde_json::{Value, json};
use weir_e2e::{Cluster, on_both};

on_both!(what_others_publish_is_applied_at_once);

const SPACE: &str = "foreign";

fn source(group: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: own, namespace: {SPACE}}}\nspec: {spec}\n")
}

fn what_others_publish_is_applied_at_once(cluster: &Cluster) {
    let kinds = [
        ("OCIRepository", "ocirepositories", "{interval: 1h, url: 'oci://registry.example.com/app'}"),
        ("Bucket", "buckets", "{interval: 1h, bucketName: app, endpoint: s3.example.com}"),
        ("ExternalArtifact", "externalartifacts", "{sourceRef: {apiVersion: example.com/v1, kind: Maker, name: own}}"),
    ];
    let folder = |kind: &str| kind.to_lowercase();
    let files = |value: &str| -> Vec<(String, String)> {
        kinds.map(|(kind, ..)| (format!("{}/a.yaml", folder(kind)), config_map(SPACE, &folder(kind), value))).into()
    };
    let first = files("1");
    let first: Vec<(&str, &str)> = first.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let rig = Rig::new(cluster, SPACE, &first);
    // Beside ours nobody else serves artifacts here, so theirs are those of the GitRepository.
    let publish = || {
        let repo = rig.kubectl.json(&["get", "gitrepository", "-n", SPACE, "repo"]).unwrap();
        let artifact: &Value = &repo["status"]["artifact"];
        let patch = json!({"status": {"artifact": artifact}}).to_string();
        for (_, plural, _) in kinds {
            let at = ["patch", plural, "-n", SPACE, "own", "--subresource=status", "--type=merge", "-p", &patch];
            rig.kubectl.run(&at).unwrap();
        }
    };
    rig.apply(&kinds.map(|(kind, _, spec)| source("source.toolkit.fluxcd.io", kind, spec)));
    publish();
    let _controller = rig.controller(&["--feature-gates=ExternalArtifact=true"]);
    let of = |kind: &str| {
        let object = rig.kustomization(&folder(kind), "interval: 1h\nprune: true");
        object.replace("{kind: GitRepository, name: repo}", &format!("{{kind: {kind}, name: own}}"))
    };
    rig.apply(&kinds.map(|(kind, ..)| of(kind)));
    for (kind, ..) in kinds {
        rig.ready(&folder(kind));
        rig.has(&folder(kind), "1");
    }
    let second = files("2");
    let second: Vec<(&str, &str)> = second.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    rig.publish(&second, &[], "second");
    publish();
    for (kind, ..) in kinds {
        rig.has(&folder(kind), "2");
    }
}
