//! The examples in the documentation are accepted by the API server.

use crate::manifests::namespace;
use std::path::{Path, PathBuf};
use weir_e2e::{Cluster, on_both};
use weir_testkit::GitRepo;

on_both!(examples_are_accepted);

fn examples_are_accepted(cluster: &Cluster) {
    let repo = GitRepo::new(&[("namespace.yaml", &namespace("docs"))]);
    let _up = cluster.up(repo.path(), &[]);
    cluster.ready("kustomization", "flux-system", "flux-system", "True");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    collect(&root.join("docs"), &mut pages);
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for example in examples(&text) {
            let answer = cluster.kubectl().run_with_input(&["apply", "--dry-run=server", "-f", "-"], &example);
            assert!(answer.is_ok(), "{}: {answer:?}\n{example}", page.display());
            count += 1;
        }
    }
    assert!(count >= 2, "the pages of GitRepository and Kustomization have an example each");
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|e| e == "md") {
            pages.push(path);
        }
    }
}

/// The blocks marked as YAML.
fn examples(page: &str) -> Vec<String> {
    page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}
