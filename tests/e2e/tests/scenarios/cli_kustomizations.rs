//! The commands for Kustomizations, as the guide shows them.

use crate::manifests::{config_map, namespace};
use std::path::Path;
use weir_e2e::{Cluster, Controller, Ended, free_port, on_both};
use weir_testkit::{GitHttp, GitRepo};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/kustomizations.md");

on_both!(the_guide_works, a_source_comes_first, what_goes_wrong_is_told, owners_and_nested_kustomizations_are_followed);

fn controller(cluster: &Cluster, data: &Path) -> Controller {
    let storage = [
        format!("--source.storage-path={}", data.display()),
        format!("--source.storage-addr=127.0.0.1:{}", free_port()),
    ];
    Controller::start(cluster.kubeconfig(), "run", &storage.each_ref().map(String::as_str))
}

fn repository() -> GitRepo {
    GitRepo::new(&[
        ("deploy/namespace.yaml", &namespace("podinfo")),
        ("deploy/config.yaml", &config_map("podinfo", "settings", "one")),
    ])
}

/// Runs the lines of the guide, each of which has to succeed.
fn guide(cluster: &Cluster, folder: &str, url: &str) -> Vec<(String, Ended)> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let mut ended = Vec::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let done = cluster.shell(&format!("cd {folder} && {}", line.replace("https://git.example.com/podinfo", url)));
        assert_eq!(done.code, Some(0), "{line}: {done:?}");
        ended.push((line.to_owned(), done));
    }
    ended
}

fn the_guide_works(cluster: &Cluster) {
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let _controller = controller(cluster, data.path());
    let repo = repository();
    let server = GitHttp::serve(repo.path());
    cluster.kubectl().apply(&namespace("flux-system")).unwrap();
    let ended = guide(cluster, repo.path().to_str().unwrap(), &server.url(".git"));
    let of = |start: &str| &ended.iter().find(|(line, _)| line.starts_with(start)).unwrap().1;
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let expected = format!(
        "✚ generating Kustomization\n► applying Kustomization\n✔ Kustomization created\n◎ waiting for Kustomization \
         reconciliation\n✔ Kustomization podinfo is ready\n✔ applied revision main@sha1:{head}\n"
    );
    assert_eq!(of("weir create kustomization podinfo").stderr, expected);
    let row = format!("main@sha1:{}\tFalse    \tTrue \tApplied revision: main@sha1:{}", &head[..8], &head[..8]);
    let table = &of("weir get kustomizations").stdout;
    assert!(table.starts_with("NAME   \tREVISION") && table.contains(&format!("podinfo\t{row}")), "{table}");
    let one = &of("weir get ks podinfo --show-source").stdout;
    assert!(one.starts_with("podinfo\tGitRepository/flux-system/podinfo\tmain@sha1:"), "{one}");
    let all = &of("weir get all").stdout;
    let place = |text: &str| all.find(text).unwrap_or_else(|| panic!("{text} is in {all}"));
    assert!(place("gitrepository/podinfo\tmain@sha1:") < place("kustomization/podinfo\tmain@sha1:"));
    let expected = format!(
        "► annotating Kustomization podinfo in flux-system namespace\n✔ Kustomization annotated\n\
         ◎ waiting for Kustomization reconciliation\n✔ applied revision main@sha1:{head}\n"
    );
    assert_eq!(of("weir reconcile kustomization podinfo").stderr, expected);
    assert_eq!(
        of("weir suspend").stderr,
        "► suspending kustomization podinfo in flux-system namespace\n✔ kustomization suspended\n"
    );
    assert!(of("weir resume").stderr.contains("✔ Kustomization podinfo reconciliation completed\n"));
    let exported = "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: podinfo\n  \
                    namespace: flux-system\nspec:\n";
    let text = &of("weir export kustomization podinfo").stdout;
    assert!(
        text.starts_with(exported) && text.contains("  interval: 10m0s\n  path: ./deploy\n  prune: true\n"),
        "{text}"
    );
    let made = &of("weir create kustomization backend").stdout;
    cluster.kubectl().run_with_input(&["apply", "--dry-run=server", "-f", "-"], made).unwrap();
    let tree = &of("weir tree kustomization podinfo --origin");
    let page = std::fs::read_to_string(PAGE).unwrap();
    let shown: String = tree.stdout.lines().map(|line| format!("    {line}\n")).collect();
    assert!(page.contains(&shown) && tree.stderr.is_empty(), "the page shows {tree:?}");
    let compact: serde_json::Value = serde_json::from_str(&of("weir tree ks podinfo --compact").stdout).unwrap();
    assert_eq!(compact["resource"]["GroupKind"]["Kind"], "Kustomization");
    assert_eq!((compact["status"].as_str(), compact.get("resources")), (Some("Current"), None));
    let traced = &of("weir trace configmap settings -n podinfo").stdout;
    let expected = format!(
        "\nObject:          ConfigMap/settings\nNamespace:       podinfo\nStatus:          Managed by Flux\n---\n\
         Kustomization:   podinfo\nNamespace:       flux-system\nPath:            ./deploy\nRevision:        \
         main@sha1:{head}\nStatus:          Last reconciled at 20"
    );
    assert!(traced.starts_with(&expected), "{traced}");
    let source = format!(
        "\n---\nGitRepository:   podinfo\nNamespace:       flux-system\nURL:             {}\n",
        server.url(".git")
    );
    assert!(traced.contains(&source) && traced.contains("\nBranch:          main\n"), "{traced}");
    assert!(traced.ends_with("\n---\nManifest:        deploy/config.yaml:1\n"), "{traced}");
    let both = &of("weir trace configmap/settings namespace/podinfo").stdout;
    assert!(both.contains("deploy/config.yaml:1\n---\n\nObject:          Namespace/podinfo\nStatus:"), "{both}");
    let local = &of("weir trace settings --kind ConfigMap");
    assert!(local.stdout.ends_with("Manifest:        deploy/config.yaml:1\n") && local.stderr.is_empty(), "{local:?}");
    let deleted = &of("weir delete").stderr;
    assert_eq!(*deleted, "► deleting kustomization podinfo in flux-system namespace\n✔ kustomization deleted\n");
    weir_testkit::eventually("its objects are gone", || match cluster.exists("configmap", "podinfo", "settings") {
        false => Ok(()),
        true => Err("the config map is there"),
    });
}

fn a_source_comes_first(cluster: &Cluster) {
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let _controller = controller(cluster, data.path());
    let repo = repository();
    let server = GitHttp::serve(repo.path());
    cluster.kubectl().apply(&format!("{}---\n{}", namespace("cli-src"), namespace("cli-ks"))).unwrap();
    let done = |line: &str| {
        let ended = cluster.shell(line);
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        ended
    };
    let url = server.url(".git");
    done(&format!("weir create source git repo -n cli-src --url {url} --branch main --interval 1h"));
    done("weir create ks apps -n cli-ks --source repo.cli-src --path deploy --prune --interval 1h");
    let head = repo.commit(&[("deploy/config.yaml", &config_map("podinfo", "settings", "two"))], &[], "two");
    let expected = format!(
        "► annotating GitRepository repo in cli-src namespace\n✔ GitRepository annotated\n\
         ◎ waiting for GitRepository reconciliation\n✔ fetched revision main@sha1:{head}\n\
         ► annotating Kustomization apps in cli-ks namespace\n✔ Kustomization annotated\n\
         ◎ waiting for Kustomization reconciliation\n✔ applied revision main@sha1:{head}\n"
    );
    assert_eq!(done("weir reconcile ks apps -n cli-ks --with-source").stderr, expected);
    done("weir suspend source git repo -n cli-src");
    let refused = cluster.shell("weir reconcile ks apps -n cli-ks --with-source");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.starts_with("✗ GitRepository repo is suspended"), "{refused:?}");
    done("weir delete ks apps -n cli-ks -s");
}

fn what_goes_wrong_is_told(cluster: &Cluster) {
    let _server = cluster.served();
    cluster.kubectl().apply(&namespace("cli")).unwrap();
    let failing = [
        ("weir get ks -n cli", "✗ no Kustomization objects found in \"cli\" namespace\n"),
        ("weir reconcile ks a -n cli", "✗ Kustomization object 'a' not found in \"cli\" namespace\n"),
        ("weir export kustomization --all -n cli", "✗ no objects found in \"cli\" namespace\n"),
    ];
    for (line, expected) in failing {
        let done = cluster.shell(line);
        assert_eq!((done.code, done.stderr.as_str()), (Some(1), expected), "{line}");
    }
    let nothing = cluster.shell("weir get all -n cli");
    assert_eq!((nothing.code, nothing.stdout.as_str(), nothing.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(cluster.shell("weir create ks a -n cli").code, Some(2), "a source is needed");
}

fn owners_and_nested_kustomizations_are_followed(cluster: &Cluster) {
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let running = controller(cluster, data.path());
    let nested = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: nested, namespace: cli}\n\
                  spec: {interval: 1h, path: ./inner, sourceRef: {kind: GitRepository, name: repo}}\n";
    let repo =
        GitRepo::new(&[("deploy/nested.yaml", nested), ("inner/config.yaml", &config_map("cli", "inner", "one"))]);
    let server = GitHttp::serve(repo.path());
    cluster.kubectl().apply(&namespace("cli")).unwrap();
    let run = |line: &str| cluster.shell(&format!("cd {} && {line}", repo.path().display()));
    for line in [
        format!("weir create source git repo -n cli --url {} --branch main --interval 1h", server.url(".git")),
        "weir create ks outer -n cli --source repo --path deploy --wait --interval 1h".to_owned(),
    ] {
        let done = run(&line);
        assert_eq!(done.code, Some(0), "{line}: {done:?}");
    }
    let config = cluster.kubectl().json(&["get", "configmap", "-n", "cli", "inner"]).unwrap();
    let owned = config_map("cli", "owned", "one").replace(
        "metadata:\n",
        &format!(
            "metadata:\n  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: inner, uid: {}}}]\n",
            config["metadata"]["uid"]
        ),
    );
    cluster.kubectl().apply(&[owned, config_map("cli", "stranger", "one")].join("---\n")).unwrap();
    let traced = run("weir trace cm owned stranger -n cli");
    assert_eq!(traced.code, Some(1));
    assert_eq!(traced.stderr, "✗ failed to trace ConfigMap/cli/stranger: object not managed by Flux\n");
    assert!(traced.stdout.contains("Kustomization:   nested\n"), "{traced:?}");
    assert!(traced.stdout.contains("\n---\nManifest:        inner/config.yaml:1\n"), "{traced:?}");
    let expected = "Kustomization/cli/outer  Current\n└── Kustomization/cli/nested  Current\n    └── ConfigMap/cli/inner  Current\n";
    assert_eq!(run("weir tree ks outer -n cli").stdout, expected);

    running.kill();
    let blind = run("weir tree ks nested -n cli --origin");
    assert_eq!(blind.code, Some(0));
    assert!(
        blind.stderr.starts_with(
            "⚠️ Kustomization/cli/nested: the artifact of GitRepository/cli/repo cannot be read from here"
        )
    );
    assert!(blind.stderr.ends_with("--local-sources GitRepository/cli/repo=FOLDER)\n"), "{blind:?}");
    let local = run("weir tree ks nested -n cli --origin --local-sources GitRepository/cli/repo=. -o yaml");
    assert!(local.stdout.contains("  origin: inner/config.yaml:1\n"), "{local:?}");
    let usage = run("weir trace owned -n cli");
    assert_eq!(usage.stderr, "✗ either `<resource>/<name>` or `<resource> <name>` is required as an argument\n");
    let unknown = run("weir trace nothing a -n cli");
    assert!(unknown.stderr.starts_with("✗ the server doesn't have a resource type \"nothing\""), "{unknown:?}");
}
