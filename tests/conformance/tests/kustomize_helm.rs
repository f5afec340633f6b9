//! Charts of Helm: what kustomize does around `helm`.
//!
//! The expectations were made by `kustomize build --enable-helm` (the binary `rerun`) with a program in the place of
//! `helm` that prints a ConfigMap of the arguments and values files that it was given, and then the chart's
//! `templates/*.yaml`, with the name of the release for RELEASE; `helm pull` copied a folder of `pulled/`. The generator
//! here prints the same.

use weir_base::{Budget, Diagnose, Tree};
use weir_conformance::{Case, cases, diff, root, tree};
use weir_kustomize::helm::{Chart, Failed, Generator, Rendered};
use weir_kustomize::remote::{Answer, Need, Remotes, resolved};
use weir_kustomize::{KustomizeError, Options, build, build_with_charts, to_yaml};

#[derive(Debug)]
struct Echo;

/// The arguments of `helm template`, but for the values files.
fn arguments(chart: &Chart) -> Vec<String> {
    let mut args = vec![chart.release_name.clone().unwrap_or_else(|| "--generate-name".to_owned())];
    args.push(chart.folder.clone());
    let mut option = |flag: &str, value: &Option<String>| {
        args.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    };
    option("--namespace", &chart.namespace);
    option("--name-template", &chart.name_template);
    for version in &chart.api_versions {
        option("--api-versions", &Some(version.clone()));
    }
    option("--kube-version", &chart.kube_version);
    let flags = [
        (chart.include_crds, "--include-crds"),
        (chart.skip_tests, "--skip-tests"),
        (chart.skip_hooks, "--no-hooks"),
        (chart.debug, "--debug"),
        (chart.devel, "--devel"),
    ];
    args.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned()));
    args
}

impl Generator for Echo {
    fn generate(&self, chart: &Chart, _: &Budget) -> Result<Rendered, Failed> {
        let release = chart.release_name.as_deref().unwrap_or("generated");
        let name = chart.folder.rsplit('/').next().unwrap_or_default();
        let mut text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {release}-{name}\ndata:\n  args: |\n");
        arguments(chart).iter().for_each(|arg| text.push_str(&format!("    {arg}\n")));
        for (at, values) in chart.values.iter().enumerate() {
            text.push_str(&format!("  values-{at}: |2\n"));
            let values = std::str::from_utf8(&values.text).expect("values are text");
            values.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
        }
        let mut templates: Vec<_> =
            chart.files.iter().filter(|(path, _)| path.starts_with("templates/") && path.ends_with(".yaml")).collect();
        templates.sort();
        for (_, content) in templates {
            let content = std::str::from_utf8(content).expect("templates are text");
            text.push_str(&format!("---\n{}", content.replace("RELEASE", release)));
        }
        Ok(Rendered { text: text.into_bytes(), ..Rendered::default() })
    }
}

fn built(case: &Case, tree: &Tree) -> Result<String, KustomizeError> {
    let budget = Budget::standard();
    let build = |remotes: &Remotes| build_with_charts(tree, remotes, &Echo, &case.path, &Options::default(), &budget);
    let fetch = |need: &Need| match need {
        Need::Chart(spec) if case.folder.join("pulled").join(&spec.name).is_dir() => {
            Answer::Chart(weir_conformance::tree(&case.folder.join("pulled").join(&spec.name)).expect("a chart"))
        }
        _ => Answer::Failed("no such chart".to_owned()),
    };
    let built = resolved(Remotes::default(), build, KustomizeError::needs, fetch)?;
    assert!(built.objects.iter().all(|object| object.meta.at.is_known()), "{}: an object has no place", case.name);
    Ok(to_yaml(&built.objects))
}

fn is_placed(error: &KustomizeError) -> bool {
    match error {
        KustomizeError::Several(all) => all.iter().all(is_placed),
        one => one.at().is_some_and(|at| at.file.is_some()),
    }
}

#[test]
fn charts_are_given_and_taken_in_as_kustomize_does() {
    let cases = cases(&root("kustomize-helm")).expect("readable cases");
    let mut differences = 0;
    for case in &cases {
        let tree = tree(&case.folder.join("input")).expect("a readable input");
        let expect = std::fs::read_to_string(case.folder.join("expect.yaml")).ok();
        let difference = match (built(case, &tree), expect) {
            (Ok(ours), Some(expect)) if ours == expect => continue,
            (Err(error), None) if is_placed(&error) => continue,
            (Ok(ours), expect) => diff(&expect.unwrap_or_default(), &ours),
            (Err(error), _) => format!("  {}\n", error.report()),
        };
        differences += 1;
        println!("{}:\n{difference}", case.name);
    }
    assert!(cases.len() > 110 && differences == 0, "{differences} differences in {} cases", cases.len());
}

#[test]
fn without_a_generator_charts_are_refused_by_name() {
    for (text, name) in [
        ("helmCharts: [{name: foo}]\n", "the field helmCharts"),
        ("helmChartInflationGenerator: [{chartName: foo}]\n", "the field helmChartInflationGenerator"),
        (
            "generators: ['{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: g}, name: foo}']\n",
            "HelmChartInflationGenerator",
        ),
    ] {
        let mut tree = Tree::new();
        tree.insert("kustomization.yaml", text.as_bytes().to_vec()).expect("a good path");
        let error = build(&tree, ".", &Options::default(), &Budget::standard()).expect_err("refused");
        let report = error.report().to_string();
        assert!(report.contains(name) && report.contains("is not supported"), "{report}");
        assert!(is_placed(&error), "{report}");
    }
}
