//! Remote bases: URLs taken apart as the original does, and what is built from repositories.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::path::Path;
use weir_base::{Budget, Diagnose, Tree};
use weir_conformance::remote::{REPOSITORIES, RepoCase, Split, cases, specs_file};
use weir_conformance::{diff, tree};
use weir_kustomize::remote::{Answer, Need, Remotes, RepoSpec, resolved};
use weir_kustomize::{KustomizeError, Options, build_url, build_with, to_yaml};

#[test]
fn urls_are_taken_apart_as_kustomize_does() {
    let cases: Vec<RepoCase> = serde_json::from_slice(&std::fs::read(specs_file()).expect("a file")).expect("cases");
    let mut differences = 0;
    for RepoCase { url, split } in &cases {
        let ours = RepoSpec::parse(url).ok().map(|spec| Split {
            url: spec.url(),
            reference: spec.reference.unwrap_or_else(|| "HEAD".to_owned()),
            folder: spec.folder,
            submodules: spec.submodules,
        });
        if ours != *split {
            differences += 1;
            println!("{url}:\n  kustomize {split:?}\n  ours      {ours:?}");
        }
    }
    assert!(cases.len() > 90 && differences == 0, "{differences} differences in {} cases", cases.len());
}

/// A repository of a case: the folder of its name. Two references lead to the one commit that there is.
fn fetch(case: &Path, need: &Need) -> Answer {
    let Need::Repository(spec) = need else { return Answer::Failed("no network".to_owned()) };
    let url = spec.url();
    let Some(name) = url.strip_prefix(&format!("file://{REPOSITORIES}/")) else {
        return Answer::Failed("no network".to_owned());
    };
    if !matches!(spec.reference.as_deref(), None | Some("v1" | "main")) {
        return Answer::Failed("no such reference".to_owned());
    }
    let folder = case.join("repositories").join(name);
    match folder.is_dir() {
        true => Answer::Repository(tree(&folder).expect("a readable folder")),
        false => Answer::Failed("no such repository".to_owned()),
    }
}

fn built(case: &Path, tree: &Tree) -> Result<String, KustomizeError> {
    let build = |remotes: &Remotes| build_with(tree, remotes, ".", &Options::default(), &Budget::standard());
    let built = resolved(Remotes::default(), build, KustomizeError::needs, |need| fetch(case, need))?;
    Ok(to_yaml(&built.objects))
}

#[test]
fn builds_of_repositories() {
    let mut differences = 0;
    let cases = cases().expect("cases");
    for case in &cases {
        let tree = tree(&case.join("input")).expect("a readable input");
        let expect = std::fs::read_to_string(case.join("expect.yaml")).ok();
        let difference = match (built(case, &tree), expect) {
            (Ok(ours), Some(expect)) if ours == expect => continue,
            (Err(error), None) => {
                let is_placed = |error: &KustomizeError| error.at().is_some_and(|at| at.file.is_some());
                let several = matches!(&error, KustomizeError::Several(all) if all.iter().all(is_placed));
                assert!(several || is_placed(&error), "{}", error.report());
                continue;
            }
            (Ok(ours), expect) => diff(&expect.unwrap_or_default(), &ours),
            (Err(error), _) => error.report().to_string(),
        };
        differences += 1;
        println!("{}:\n{difference}", case.display());
    }
    assert!(cases.len() > 15 && differences == 0, "{differences} differences in {} cases", cases.len());
}

/// A build may begin at a URL; what it reads stays in the repository, and in the folder where files are named.
#[test]
fn builds_that_begin_at_a_url() {
    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let mut repository = Tree::new();
    for (path, text) in [
        ("deploy/kustomization.yaml", "resources: [../base]\nnamePrefix: x-\nbuildMetadata: [originAnnotations]\n"),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", OBJECT),
        ("out/kustomization.yaml", "resources: [../base/a.yaml]\n"),
        ("up/kustomization.yaml", "resources: [../../a]\n"),
    ] {
        repository.insert(path, text.as_bytes().to_vec()).expect("a good path");
    }
    let options = Options { load_restrictor: weir_kustomize::LoadRestrictor::None, ..Options::default() };
    let run = |url: &str| {
        let build = |remotes: &Remotes| build_url(remotes, url, &options, &Budget::standard());
        let fetch = |_: &Need| Answer::Repository(repository.clone());
        let built = resolved(Remotes::default(), build, KustomizeError::needs, fetch);
        built.map(|built| to_yaml(&built.objects)).map_err(|error| error.report().to_string())
    };
    let built = run("https://u:hunter2@example.com/o/r//deploy?ref=v1").expect("builds");
    assert!(built.contains("name: x-a") && built.contains("path: ../base/a.yaml"), "{built}");
    for (folder, part) in [("out", "below"), ("up", "leads out of the repository"), ("none", "does not exist")] {
        let report = run(&format!("https://u:hunter2@example.com/o/r//{folder}")).expect_err("refused");
        assert!(report.contains(part) && !report.contains("hunter2"), "{report}");
    }
}

#[test]
fn nothing_is_asked_for_where_remote_bases_are_refused() {
    for (field, url) in [
        ("resources", "https://example.com/a.yaml"),
        ("resources", "https://user:hunter2@example.com/a/b"),
        ("resources", "github.com/a/b"),
        ("components", "git@host:a/b"),
        ("crds", "https://example.com/a.yaml"),
        ("configurations", "https://example.com/a.yaml"),
        ("transformers", "https://example.com/a.yaml"),
    ] {
        let mut tree = Tree::new();
        tree.insert("kustomization.yaml", format!("{field}: ['{url}']\n").into_bytes()).expect("a good path");
        let error = build_with(&tree, &Remotes::refused(), ".", &Options::default(), &Budget::standard());
        let report = error.expect_err("refused").report().to_string();
        assert!(report.contains("--no-remote-bases") && report.contains("kustomization.yaml:1"), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
}

/// A URL is read as a file first, and is a repository where that gives no objects.
#[test]
fn a_url_is_a_file_first() {
    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let mut tree = Tree::new();
    let text = "resources: ['https://example.com/a/b.yaml']\npatches: [{path: 'https://example.com/p.yaml'}]\n";
    tree.insert("kustomization.yaml", text.as_bytes().to_vec()).expect("a good path");
    let mut repository = Tree::new();
    repository.insert("kustomization.yaml", &b"resources: [a.yaml]\nnamePrefix: repo-\n"[..]).expect("a good path");
    repository.insert("a.yaml", OBJECT.as_bytes()).expect("a good path");
    let run = |file: Answer| {
        let mut asked = Vec::new();
        let build = |remotes: &Remotes| build_with(&tree, remotes, ".", &Options::default(), &Budget::standard());
        let built = resolved(Remotes::default(), build, KustomizeError::needs, |need| {
            asked.push(need.to_string());
            match need {
                Need::File(url) if url.ends_with("p.yaml") => {
                    Answer::File(format!("{OBJECT}data: {{x: y}}\n").into_bytes().into())
                }
                Need::File(_) => file.clone(),
                Need::Repository(_) => Answer::Repository(repository.clone()),
                Need::Chart(_) => Answer::Failed("no charts here".to_owned()),
            }
        });
        (built.map(|built| to_yaml(&built.objects)).map_err(|error| error.report().to_string()), asked)
    };
    let (built, asked) = run(Answer::File(OBJECT.as_bytes().into()));
    assert!(built.expect("builds").contains("x: \"y\""));
    assert_eq!(asked.len(), 2, "{asked:?}");
    for file in [Answer::File(b"<html>".as_slice().into()), Answer::NoFile(404), Answer::Failed("refused".to_owned())] {
        let (built, asked) = run(file);
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(built.expect("builds").contains("repo-a"));
    }
}
