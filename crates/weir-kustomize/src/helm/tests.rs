//! What is not kustomize's: isolation, places, what is asked for.

use super::{Chart, Failed, Generator, Rendered};
use crate::remote::{Answer, ChartSpec, Need, Remotes};
use crate::{Built, KustomizeError, LoadRestrictor, Options, build_with_charts};
use weir_base::tree::Link;
use weir_base::tree::Question;
use weir_base::{Budget, Diagnose, Origin, Tree};
use weir_doc::LineMap;

/// Prints a ConfigMap of the values, or fails as the file `fail` of the chart says.
#[derive(Debug)]
struct Echo;

impl Generator for Echo {
    fn generate(&self, chart: &Chart, _: &Budget) -> Result<Rendered, Failed> {
        if let Some(problem) = chart.files.read("fail") {
            let problem = String::from_utf8_lossy(&problem).into_owned();
            let at = Some(Origin::new(Some("charts/foo/fail".into()), 7, 0));
            return Err(Failed { at, problem, remedy: Some("mend it".to_owned()) });
        }
        let mut text = format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {}}}\ndata:\n", chart.name);
        for (at, values) in chart.values.iter().enumerate() {
            let values = String::from_utf8_lossy(&values.text).replace('\n', "\n    ");
            text.push_str(&format!("  v{at}: |2\n    {values}\n"));
        }
        let mut lines = LineMap::new();
        if chart.files.read("map").is_some() {
            lines.push(Origin::new(Some("charts/foo/templates/a.yaml".into()), 3, 0));
        }
        Ok(Rendered { text: text.into_bytes(), lines })
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, text.as_bytes().to_vec()).expect("a good path");
    }
    tree
}

fn run(tree: &Tree, remotes: &Remotes, path: &str) -> Result<Built, KustomizeError> {
    let options = Options { load_restrictor: LoadRestrictor::None, ..Options::default() };
    build_with_charts(tree, remotes, &Echo, path, &options, &Budget::new(5_000_000, 64 << 20))
}

fn built(files: &[(&str, &str)]) -> Result<Built, KustomizeError> {
    run(&tree(files), &Remotes::default(), ".")
}

fn values(files: &[(&str, &str)]) -> String {
    let built = built(files).expect("builds");
    built.objects[0].str_at(&["data", "v0"]).expect("values").to_owned()
}

/// kustomize drops what an alias stands for when inline values come in; here it is kept.
#[test]
fn aliases_keep_their_values() {
    let found = values(&[
        ("kustomization.yaml", "helmCharts: [{name: foo, valuesInline: {b: {x: 9}}}]\n"),
        ("charts/foo/values.yaml", "a: &a {x: 1, z: 2}\nb: *a\nc:\n  <<: *a\n  z: 3\n"),
    ]);
    assert_eq!(found.trim_end(), "a:\n  x: 1\n  z: 2\nb:\n  x: 9\n  z: 2\nc:\n  x: 1\n  z: 3");
}

#[test]
fn nothing_outside_of_the_source_is_read() {
    for (entry, field) in [
        ("{name: foo, valuesFile: PATH}", "helmCharts[0].valuesFile"),
        ("{name: foo, valuesFile: PATH, valuesInline: {a: 1}}", "helmCharts[0].valuesFile"),
        ("{name: foo, additionalValuesFiles: [PATH]}", "helmCharts[0].additionalValuesFiles"),
    ] {
        for path in ["../../etc/passwd", "x/../../../etc/passwd", "/etc/passwd", "link"] {
            let text = format!("helmCharts: [{}]\n", entry.replace("PATH", path));
            let mut tree = tree(&[("a/kustomization.yaml", &text), ("a/charts/foo/values.yaml", "")]);
            tree.link("a/link", Link::Nowhere);
            let error = run(&tree, &Remotes::default(), "a").expect_err("refused");
            let report = error.report().to_string();
            assert!(report.contains(field) && report.contains("a/kustomization.yaml:1"), "{report}");
        }
    }
    for home in ["../..", "/charts", "../../x"] {
        let text = format!("helmGlobals: {{chartHome: {home}}}\nhelmCharts: [{{name: foo}}]\n");
        let error = run(&tree(&[("a/kustomization.yaml", &text)]), &Remotes::default(), "a").expect_err("refused");
        assert!(error.report().to_string().contains("a/kustomization.yaml:1"), "{}", error.report());
    }
    for name in ["../foo", "..", "a/b"] {
        let text = format!("helmCharts: [{{name: {name}}}]\n");
        assert!(built(&[("kustomization.yaml", &text), ("foo/values.yaml", ""), ("charts/x", "")]).is_err(), "{name}");
    }
}

#[test]
fn a_url_among_additional_files_is_refused_and_not_asked_for() {
    let entry = "helmCharts: [{name: foo, additionalValuesFiles: ['https://example.com/v.yaml']}]\n";
    let error = built(&[("kustomization.yaml", entry), ("charts/foo/values.yaml", "")]).expect_err("refused");
    assert!(error.needs().is_empty() && error.report().to_string().contains("a URL"), "{}", error.report());
}

#[test]
fn only_a_chart_that_is_not_there_is_asked_for() {
    let text = "helmCharts: [{name: foo, repo: 'https://u:hunter2@example.com/c', version: 1.x, devel: true}]\n";
    let there = built(&[("kustomization.yaml", text), ("charts/foo-1.x/foo/values.yaml", "a: 1\n")]);
    assert!(there.is_ok(), "{there:?}");
    let source = tree(&[("kustomization.yaml", text)]);
    let error = run(&source, &Remotes::default(), ".").expect_err("asked for");
    let repo = "https://u:hunter2@example.com/c".to_owned();
    let spec = ChartSpec { repo, name: "foo".to_owned(), version: Some("1.x".to_owned()), devel: true };
    assert_eq!(error.needs(), [Need::Chart(spec.clone())]);
    assert!(!error.report().to_string().contains("hunter2"), "{}", error.report());
    let mut remotes = Remotes::default();
    remotes.answer(Need::Chart(spec.clone()), Answer::Failed("no route".to_owned()));
    let report = run(&source, &remotes, ".").expect_err("failed").report().to_string();
    assert!(report.contains("no route") && !report.contains("hunter2"), "{report}");
    remotes.answer(Need::Chart(spec), Answer::Chart(tree(&[("values.yaml", "a: 1\n")])));
    assert!(run(&source, &remotes, ".").is_ok());
    let report = run(&source, &Remotes::refused(), ".").expect_err("refused").report().to_string();
    assert!(report.contains("--no-remote-bases") && !report.contains("hunter2"), "{report}");
}

#[test]
fn objects_and_errors_have_the_places_of_the_chart() {
    let entry = "resources: []\nhelmCharts:\n- name: foo\n";
    let files = [("kustomization.yaml", entry), ("charts/foo/values.yaml", "a: 1\n")];
    let at = |built: &Built| built.objects[0].meta.at.to_string();
    assert_eq!(at(&built(&files).expect("builds")), "kustomization.yaml:3");
    let mapped = built(&[files[0], files[1], ("charts/foo/map", "")]).expect("builds");
    assert_eq!(at(&mapped), "charts/foo/templates/a.yaml:3");
    let failed = built(&[files[0], files[1], ("charts/foo/fail", "no such function")]).expect_err("fails");
    let report = failed.report().to_string();
    assert!(["charts/foo/fail:7", "no such function", "mend it"].iter().all(|part| report.contains(part)), "{report}");
}

/// What is rendered from is part of what a build read.
#[test]
fn the_files_of_a_chart_are_asked_for_one_by_one() {
    let source = tree(&[
        ("kustomization.yaml", "helmCharts: [{name: foo}]\n"),
        ("charts/foo/values.yaml", "a: 1\n"),
        ("charts/foo/templates/a.yaml", ""),
        ("charts/bar/values.yaml", ""),
    ]);
    let (traced, trace) = source.traced();
    run(&traced, &Remotes::default(), ".").expect("builds");
    let asked = trace.questions();
    assert!(asked.contains(&Question::Read("charts/foo/templates/a.yaml".into())), "{asked:?}");
    assert!(asked.contains(&Question::List("charts/foo".into())), "{asked:?}");
    assert!(!asked.iter().any(|question| format!("{question:?}").contains("bar")), "{asked:?}");
}
