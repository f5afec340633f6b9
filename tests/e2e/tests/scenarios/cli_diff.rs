//! `weir diff kustomization`: what would change, without changing it.

use crate::manifests::{config_map, namespace};
use std::path::Path;
use weir_e2e::{Cluster, Controller, Ended, on_both};
use weir_testkit::{GitHttp, GitRepo};

on_both!(what_would_change_is_told, no_secret_is_shown, kustomizations_are_followed);

const SECRET: &str = "apiVersion: v1
kind: Secret
metadata: {name: login, namespace: diffed}
stringData: {password: hunter2, user: me}
";

/// Applies a Kustomization of the folder `deploy` and ends the controllers.
fn applied(cluster: &Cluster, repo: &GitRepo, more: &str) {
    let data = tempfile::tempdir().unwrap();
    let storage = [
        format!("--source.storage-path={}", data.path().display()),
        format!("--source.storage-addr=127.0.0.1:{}", weir_e2e::free_port()),
    ];
    let controller = Controller::start(cluster.kubeconfig(), "run", &storage.each_ref().map(String::as_str));
    let server = GitHttp::serve(repo.path());
    let objects = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: repo, namespace: diff}}\n\
         spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}\n---\n\
         apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: app, namespace: diff}}\n\
         spec:\n  interval: 1h\n  path: deploy\n  prune: true\n  sourceRef: {{kind: GitRepository, name: repo}}\n{more}",
        server.url(".git")
    );
    cluster.kubectl().apply(&objects).unwrap();
    cluster.ready("kustomization", "diff", "app", "True");
    controller.kill();
}

fn diff(cluster: &Cluster, folder: &Path, flags: &str) -> Ended {
    cluster.shell(&format!("cd {} && weir diff kustomization app -n diff {flags}", folder.display()))
}

fn what_would_change_is_told(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    kubectl.apply(&[namespace("diff"), namespace("diffed")].join("---\n")).unwrap();
    let config = config_map("diffed", "kept", "one");
    let marked = config_map("diffed", "stays", "one")
        .replace("metadata:\n", "metadata:\n  annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}\n");
    let repo = GitRepo::new(&[
        ("deploy/kept.yaml", &config),
        ("deploy/gone.yaml", &config_map("diffed", "gone", "one")),
        ("deploy/stays.yaml", &marked),
    ]);
    applied(cluster, &repo, "");
    let same = diff(cluster, repo.path(), "--path deploy");
    assert_eq!((same.code, same.stdout.as_str(), same.stderr.as_str()), (Some(0), "", ""));

    let write = |path: &str, text: &str| std::fs::write(repo.path().join("deploy").join(path), text).unwrap();
    write("kept.yaml", &config_map("diffed", "kept", "two"));
    write("space.yaml", &[namespace("diff-new"), config_map("diff-new", "first", "one")].join("---\n"));
    for file in ["gone.yaml", "stays.yaml"] {
        std::fs::remove_file(repo.path().join("deploy").join(file)).unwrap();
    }
    let drift = diff(cluster, repo.path(), "--path deploy");
    let expected = "► Namespace/diff-new created (deploy/space.yaml:1)\n\
                    ► ConfigMap/diff-new/first created (deploy/space.yaml:7)\n\
                    ► ConfigMap/diffed/kept drifted (deploy/kept.yaml:1)\n\n  data.value (deploy/kept.yaml:7)\n    - one\n    + two\n\n\
                    ► ConfigMap/diffed/gone deleted\n\
                    ► ConfigMap/diffed/stays skipped\n";
    assert_eq!((drift.code, drift.stdout.as_str()), (Some(1), expected), "{drift:?}");
    assert_eq!(drift.stderr, "⚠️ identified at least one change, exiting with non-zero exit code\n");
    assert!(!cluster.exists("namespace", "", "diff-new"), "nothing was changed");

    let json = diff(cluster, repo.path(), "--path deploy -o json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json["drift"].as_bool(), json["objects"].as_array().map(Vec::len)), (Some(true), Some(5)));
    assert_eq!(json["objects"][2]["changes"][0]["after"], "two");

    let file = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: app}\nspec:\n  prune: false\n  \
                commonMetadata: {labels: {team: web}}\n  sourceRef: {kind: GitRepository, name: repo}\n";
    write("../ks.yaml", file);
    let other = diff(cluster, repo.path(), "--path deploy --kustomization-file ks.yaml --ignore-paths space.yaml");
    let label = "► ConfigMap/diffed/kept drifted (deploy/kept.yaml:1)\n\n  data.value (deploy/kept.yaml:7)\n    - one\n    + two\n\n\n  \
                 metadata.labels.team\n    + web\n\n";
    assert_eq!((other.code, other.stdout.as_str()), (Some(1), label), "{other:?}");

    write("kept.yaml", &config.replace("data:\n", "data:\n  other: [not, text]\n"));
    let failed = diff(cluster, repo.path(), "--path deploy");
    assert_eq!(failed.code, Some(2), "{failed:?}");
    assert!(failed.stderr.contains("deploy/kept.yaml:1") && !failed.stdout.contains("deleted"), "{failed:?}");
    assert_eq!(diff(cluster, repo.path(), "--path nowhere").code, Some(2));
    let nobody = cluster.shell(&format!("weir diff ks nobody -n diff --path {}", repo.path().display()));
    assert_eq!(nobody.code, Some(2));
    assert_eq!(nobody.stderr, "✗ Kustomization object 'nobody' not found in \"diff\" namespace\n");
}

fn no_secret_is_shown(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let variables =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: vars, namespace: diff}\nstringData: {token: t0ken-one}\n";
    kubectl.apply(&[namespace("diff"), namespace("diffed"), variables.to_owned()].join("---\n")).unwrap();
    let config = config_map("diffed", "address", "https://me:${token}@host");
    let repo = GitRepo::new(&[("deploy/secret.yaml", SECRET), ("deploy/config.yaml", &config)]);
    applied(cluster, &repo, "  postBuild: {substituteFrom: [{kind: Secret, name: vars}]}\n");
    let same = diff(cluster, repo.path(), "--path deploy");
    assert_eq!((same.code, same.stdout.as_str(), same.stderr.as_str()), (Some(0), "", ""));

    kubectl.apply(&variables.replace("t0ken-one", "t0ken-two")).unwrap();
    let changed = SECRET.replace("hunter2", "hunter3").replace("user: me", "name: me");
    std::fs::write(repo.path().join("deploy/secret.yaml"), changed).unwrap();
    let drift = diff(cluster, repo.path(), "--path deploy");
    let expected = "► ConfigMap/diffed/address drifted (deploy/config.yaml:1)\n\n  data.value (spec.postBuild)\n    - '***'\n    + \
                    https://me:***@host\n\n\
                    ► Secret/diffed/login drifted (deploy/secret.yaml:1)\n\n  data.name\n    + '***'\n\n\n  data.password\n    - \
                    '*** (before)'\n    + '*** (after)'\n\n\n  data.user\n    - '***'\n\n";
    assert_eq!((drift.code, drift.stdout.as_str()), (Some(1), expected), "{drift:?}");
    let json = diff(cluster, repo.path(), "--path deploy -o json");
    for secret in ["hunter", "t0ken", "aHVudGVy"] {
        assert!(!format!("{json:?}{drift:?}").contains(secret), "{json:?}");
    }
    kubectl.run(&["delete", "secret", "-n", "diff", "vars"]).unwrap();
    let missing = diff(cluster, repo.path(), "--path deploy");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("substitute from 'Secret/vars' error: not found"), "{missing:?}");
}

fn kustomizations_are_followed(cluster: &Cluster) {
    let _server = cluster.served();
    cluster.kubectl().apply(&[namespace("diff"), namespace("diffed")].join("---\n")).unwrap();
    let nested = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: nested, namespace: diff}\n\
                  spec: {interval: 1h, path: ./inner, prune: true, sourceRef: {kind: GitRepository, name: repo}}\n";
    let repo =
        GitRepo::new(&[("deploy/nested.yaml", nested), ("inner/config.yaml", &config_map("diffed", "inner", "one"))]);
    applied(cluster, &repo, "  wait: true\n");
    std::fs::write(repo.path().join("inner/config.yaml"), config_map("diffed", "inner", "two")).unwrap();
    let alone = diff(cluster, repo.path(), "--path deploy");
    assert_eq!((alone.code, alone.stdout.as_str()), (Some(0), ""), "{alone:?}");
    let unknown = diff(cluster, repo.path(), "--path deploy --recursive");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("--local-sources GitRepository/diff/repo=FOLDER"), "{unknown:?}");
    let followed = diff(cluster, repo.path(), "--path deploy -r --local-sources GitRepository/diff/repo=.");
    let expected = "📁 Kustomization/diff/nested changed\n► ConfigMap/diffed/inner drifted (inner/config.yaml:1)\n\n  \
                    data.value (inner/config.yaml:7)\n    - one\n    + two\n\n";
    assert_eq!((followed.code, followed.stdout.as_str()), (Some(1), expected), "{followed:?}");
}
