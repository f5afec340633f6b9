//! The commands for Kustomizations, as the guide shows them.

use crate::manifests::{config_map, namespace};
use std::path::Path;
use weir_e2e::{Cluster, Controller, Ended, free_port, on_both};
use weir_testkit::{GitHttp, GitRepo};

on_both!(the_guide_works, a_source_comes_first, what_goes_wrong_is_told);

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
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kustomizations.md");
    let page = std::fs::read_to_string(page).unwrap();
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
