//! The commands that build local files, without a cluster and with what one has.

use crate::manifests::{config_map, namespace};
use std::path::Path;
use std::process::Command;
use weir_base::Budget;
use weir_conformance::EditCase;
use weir_doc::{Dialect, Node, yaml};
use weir_e2e::{Cluster, on_both, program, weir};

on_both!(what_a_cluster_knows_is_asked);

fn fleet(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fleet").join(path).display().to_string()
}

#[test]
fn an_overlay_reaches_its_base_beside_it() {
    let ended = weir(&["kustomize", "build", &fleet("apps/production")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let documents: Vec<&str> = ended.stdout.split("---\n").collect();
    assert_eq!(documents.len(), 4);
    assert!(documents[0].contains("kind: Namespace"), "namespaces come first: {}", ended.stdout);
    assert!(ended.stdout.contains("image: nginx:1.29") && ended.stdout.contains("replicas: 2"));
    assert!(ended.stdout.contains("name: web-config-k6cm94h6ch"), "the generated name has its hash");
}

#[test]
fn missing_files_are_refused_with_the_reason() {
    let ended = weir(&["kustomize", "build", &fleet("repos")]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("has none of kustomization.yaml"), "{ended:?}");
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.yaml")).unwrap();
    std::fs::write(dir.path().join("kustomization.yaml"), "resources:\n- link.yaml\n").unwrap();
    let ended = weir(&["kustomize", "build", &dir.path().display().to_string()]);
    let why = "kustomization.yaml:2: resources: 'link.yaml' is not read, since 'link.yaml' is a symbolic link";
    assert!(ended.code == Some(1) && ended.stderr.contains(why), "{ended:?}");
}

#[test]
fn the_flags_of_the_original_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let object = |kind: &str, name: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{{name}}}\n");
    let objects =
        [object("Namespace", "name: one"), object("ConfigMap", "name: a, namespace: one"), object("Secret", "name: A")];
    std::fs::write(dir.path().join("all.yaml"), objects.join("---\n")).unwrap();
    std::fs::write(dir.path().join("kustomization.yaml"), "bases: []\nresources: [all.yaml]\ncommonLabels: {a: b}\n")
        .unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let (folder, target) = (dir.path().display().to_string(), out.display().to_string());
    let flags = ["--as-current-user", "--network", "--env", "A=b", "--helm-command", "x", "--enable-managedby-label"];
    let ended = weir(&[&["kustomize", "build", &folder, "-o", &target], &flags[..]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stderr.contains("# Warning: ") && ended.stderr.contains("'commonLabels' is deprecated"), "{ended:?}");
    let mut files: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["default_v1_secret_a.yaml", "one_v1_configmap_a.yaml", "v1_namespace_one.yaml"]);
    let text = std::fs::read_to_string(out.join("v1_namespace_one.yaml")).unwrap();
    assert!(text.contains("app.kubernetes.io/managed-by: kustomize-v5.8.1"), "{text}");
    for flag in ["--enable-helm", "--enable-exec", "--enable-alpha-plugins"] {
        let refused = weir(&["kustomize", "build", &folder, flag]);
        assert!(refused.code == Some(1) && refused.stderr.contains(&format!("{flag} is refused")), "{refused:?}");
    }
}

#[test]
fn a_kustomization_is_built_as_the_controller_builds_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ks.yaml");
    let write = |post_build: &str| {
        let text = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: app, namespace: flux-system}}\n\
             spec:\n  prune: true\n  targetNamespace: staging\n  sourceRef: {{kind: GitRepository, name: x}}\n{post_build}"
        );
        std::fs::write(&file, text).unwrap();
    };
    let app = dir.path().join("app");
    std::fs::create_dir(&app).unwrap();
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: '${colour}'}\n";
    std::fs::write(app.join("a.yaml"), manifest).unwrap();
    let build = |flags: &[&str]| {
        let (path, file) = (app.display().to_string(), file.display().to_string());
        weir(&[&["build", "kustomization", "app", "--path", &path, "--kustomization-file", &file], flags].concat())
    };
    write("  postBuild: {substitute: {colour: red}}\n");
    let ended = build(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = "apiVersion: v1\ndata:\n  colour: red\nkind: ConfigMap\nmetadata:\n  labels:\n    \
                    kustomize.toolkit.fluxcd.io/name: app\n    kustomize.toolkit.fluxcd.io/namespace: flux-system\n  \
                    name: a\n  namespace: staging\n";
    assert_eq!(ended.stdout, expected, "{ended:?}");
    std::fs::write(app.join("left.yaml"), "no: object\n").unwrap();
    assert_eq!(build(&["--ignore-paths", "left.yaml", "--dry-run"]).stdout, expected);
    write("  postBuild: {substitute: {other: red}}\n");
    let ended = build(&["--strict-substitute"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("a.yaml:4") && ended.stderr.contains("variable not set"), "{ended:?}");
    write("  decryption: {provider: sops}\n");
    let encrypted = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sops/secret.yaml");
    std::fs::copy(encrypted, app.join("secret.yaml")).unwrap();
    let ended = build(&["--ignore-paths", "left.yaml", "--dry-run"]);
    assert!(ended.stdout.contains("  password: '**SOPS**'\n"), "{ended:?}");
    assert!(
        !ended.stdout.contains("ENC[") && !ended.stdout.contains("\nsops:"),
        "what is encrypted is masked: {ended:?}"
    );
}

fn what_a_cluster_knows_is_asked(cluster: &Cluster) {
    let _server = cluster.served();
    let kubectl = cluster.kubectl();
    let nested = |name: &str, path: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: built}}\nspec:\n  \
             interval: 1h\n  path: {path}\n  prune: true\n  sourceRef: {{kind: GitRepository, name: repo}}\n"
        )
    };
    let apps = nested("apps", "deploy")
        + "  postBuild: {substitute: {shape: round}, substituteFrom: [{kind: ConfigMap, name: vars}]}\n";
    let variables = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: built}\ndata: {colour: red}\n";
    kubectl.apply(&[namespace("built"), variables.to_owned(), apps.clone()].join("---\n")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let file = dir.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("deploy/config.yaml", &config_map("built", "outer", "${colour:-none}"));
    write("deploy/nested.yaml", &nested("inner", "./inner"));
    write("inner/config.yaml", &config_map("built", "inner", "one"));
    write("inner/outer.yaml", &nested("apps", "./deploy"));
    write("apps.yaml", &apps);
    let build = |name: &str, flags: &str| {
        cluster.shell(&format!("cd {} && weir build ks {name} -n built {flags}", dir.path().display()))
    };
    let names = |stdout: &str| -> Vec<String> {
        let lines = stdout.lines().filter_map(|line| line.strip_prefix("  name: "));
        lines.map(str::to_owned).collect()
    };
    let built = build("apps", "--path deploy");
    assert_eq!(
        (built.code, names(&built.stdout)),
        (Some(0), ["outer", "inner"].map(str::to_owned).to_vec()),
        "{built:?}"
    );
    assert!(built.stdout.contains("value: red"), "{built:?}");
    let dry = build("apps", "--path deploy --kustomization-file apps.yaml --dry-run");
    assert!(dry.code == Some(0) && dry.stdout.contains("value: none"), "{dry:?}");

    let unknown = build("apps", "--path deploy -r");
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(1), ""), "{unknown:?}");
    assert!(unknown.stderr.contains("--local-sources GitRepository/built/repo=FOLDER"), "{unknown:?}");
    let followed = build("apps", "--path deploy -r --local-sources GitRepository/built/repo=.");
    let expected = ["outer", "inner", "inner", "apps"].map(str::to_owned).to_vec();
    assert_eq!((followed.code, names(&followed.stdout)), (Some(0), expected), "one that leads back ends: {followed:?}");
    assert!(followed.stdout.contains("kustomize.toolkit.fluxcd.io/name: inner"), "{followed:?}");

    let nobody = build("nobody", "--path deploy");
    let missing = "✗ Kustomization object 'nobody' not found in \"built\" namespace\n";
    assert_eq!((nobody.code, nobody.stderr.as_str()), (Some(1), missing));
    assert_eq!(build("apps", "--path nowhere").code, Some(1));
    assert_eq!(build("apps", "--path deploy --dry-run").code, Some(2), "a dry run needs the file");
}

/// What the original makes of the same files is in `tests/conformance/kustomize-edit`; there, fields are sorted, comments go
/// and the version is added, which says nothing else.
#[test]
fn a_kustomization_file_is_changed_as_the_original_changes_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/kustomize-edit/cases.json");
    let cases: Vec<EditCase> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut differences = Vec::new();
    for case in &cases {
        let folder = case.folder().unwrap();
        let mut weir = Command::new(program());
        let ended = weir.args(["kustomize", "edit"]).args(&case.args).current_dir(folder.path()).output().unwrap();
        let text = std::fs::read_to_string(EditCase::file(&folder)).unwrap();
        let is_same = match &case.after {
            None => !ended.status.success() && text == case.before,
            Some(after) => {
                let changed = text == case.before || case.before.contains('#') == text.contains('#');
                ended.status.success() && changed && said(&text) == said(after)
            }
        };
        if !is_same {
            let stderr = String::from_utf8_lossy(&ended.stderr);
            differences.push(format!("{:?}\n{}\n{stderr}\n{text}\n---\n{:?}", case.args, case.before, case.after));
        }
    }
    assert!(cases.len() >= 130 && differences.is_empty(), "{}", differences.join("\n=====\n"));
}

/// What a kustomization file says.
fn said(text: &str) -> Node {
    let documents = yaml::parse_all(text.as_bytes(), None, Dialect::Sigs, &Budget::standard()).unwrap();
    let mut said = documents.into_iter().next().filter(|node| !node.is_null()).unwrap_or_else(Node::map);
    for field in ["apiVersion", "kind"] {
        said.remove(field);
    }
    if let Some(tags) = said.remove("imageTags") {
        said.set("images", tags);
    }
    said.as_map_mut().unwrap().retain(|_, value| value.as_seq().is_none_or(|items| !items.is_empty()));
    // The original keeps literals that it changes in no order.
    for field in ["configMapGenerator", "secretGenerator"] {
        for generator in said.get_mut(field).and_then(Node::as_seq_mut).into_iter().flatten() {
            if let Some(literals) = generator.get_mut("literals").and_then(Node::as_seq_mut) {
                literals.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
        }
    }
    for field in ["images", "replicas"] {
        if let Some(items) = said.get_mut(field).and_then(Node::as_seq_mut) {
            items.sort_by(|one, other| one.str_at(&["name"]).cmp(&other.str_at(&["name"])));
        }
    }
    said
}
