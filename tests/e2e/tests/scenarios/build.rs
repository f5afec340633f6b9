//! The commands that need no cluster.

use std::path::Path;
use weir_e2e::weir;

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
fn programs_and_missing_files_are_refused_with_the_reason() {
    let ended = weir(&["kustomize", "build", "--enable-helm", &fleet("apps/production")]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("--enable-helm is refused"), "{ended:?}");
    let ended = weir(&["kustomize", "build", &fleet("repos")]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("has none of kustomization.yaml"), "{ended:?}");
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
    assert!(ended.stdout.contains("colour: red") && ended.stdout.contains("namespace: staging"), "{ended:?}");
    write("  postBuild: {substitute: {other: red}}\n");
    let ended = build(&["--strict-substitute"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("a.yaml:4") && ended.stderr.contains("variable not set"), "{ended:?}");
    write("  decryption: {provider: sops}\n");
    let ended = build(&[]);
    assert!(ended.stderr.contains("spec.decryption is not implemented"), "{ended:?}");
}
