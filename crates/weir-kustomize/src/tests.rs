//! Hostile input: what leads out, goes round, goes deep or grows.

use crate::{KustomizeError, LoadRestrictor, Options, Order, build, to_yaml};
use weir_base::tree::Link;
use weir_base::tree::Question;
use weir_base::{Budget, Diagnose, Tree};
use weir_doc::{Dialect, yaml};

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, text.as_bytes().to_vec()).expect("a good path");
    }
    tree
}

fn run(files: &[(&str, &str)], path: &str) -> Result<String, KustomizeError> {
    run_with(files, path, &Options::default(), &Budget::new(5_000_000, 64 << 20))
}

fn run_with(files: &[(&str, &str)], path: &str, options: &Options, budget: &Budget) -> Result<String, KustomizeError> {
    build(&tree(files), path, options, budget).map(|built| to_yaml(&built.objects))
}

fn report(files: &[(&str, &str)], path: &str) -> String {
    run(files, path).expect_err("refused").report().to_string()
}

/// Every field that names a file or folder, with what an error calls it.
const PATH_FIELDS: [(&str, &str); 31] = [
    ("resources: [PATH]", "resources"),
    ("bases: [PATH]", "resources"),
    ("components: [PATH]", "components"),
    ("patches: [{path: PATH}]", "patches[0].path"),
    ("patches: [{target: {name: a}, path: PATH}]", "patches[0].path"),
    ("patchesStrategicMerge: [PATH]", "patchesStrategicMerge"),
    ("patchesJson6902: [{target: {name: a}, path: PATH}]", "patchesJson6902[0].path"),
    ("configMapGenerator: [{name: a, files: [PATH]}]", "files"),
    ("configMapGenerator: [{name: a, files: [key=PATH]}]", "files"),
    ("configMapGenerator: [{name: a, envs: [PATH]}]", "envs"),
    ("configMapGenerator: [{name: a, env: PATH}]", "envs"),
    ("secretGenerator: [{name: a, files: [PATH]}]", "files"),
    ("secretGenerator: [{name: a, files: [key=PATH]}]", "files"),
    ("secretGenerator: [{name: a, envs: [PATH]}]", "envs"),
    ("secretGenerator: [{name: a, env: PATH}]", "envs"),
    ("replacements: [{path: PATH}]", "replacements.path"),
    ("crds: [PATH]", "crds"),
    ("configurations: [PATH]", "configurations"),
    ("openapi: {path: PATH}", "openapi.path"),
    ("generators: [PATH]", "generators"),
    ("transformers: [PATH]", "transformers"),
    ("validators: [PATH]", "validators"),
    ("generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: x}, files: [PATH]}']", "files"),
    ("generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: x}, envs: [PATH]}']", "envs"),
    ("generators: ['{apiVersion: builtin, kind: SecretGenerator, metadata: {name: x}, files: [PATH]}']", "files"),
    ("generators: ['{apiVersion: builtin, kind: SecretGenerator, metadata: {name: x}, env: PATH}']", "envs"),
    ("transformers: ['{apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, path: PATH}']", "patch.path"),
    (
        "transformers: ['{apiVersion: builtin, kind: PatchStrategicMergeTransformer, metadata: {name: x}, paths: [PATH]}']",
        "patchesStrategicMerge",
    ),
    (
        "transformers: ['{apiVersion: builtin, kind: PatchJson6902Transformer, metadata: {name: x}, target: {name: a}, path: PATH}']",
        "patch.path",
    ),
    (
        "transformers: ['{apiVersion: builtin, kind: ReplacementTransformer, metadata: {name: x}, replacements: [{path: PATH}]}']",
        "replacements.path",
    ),
    (
        "transformers: ['{apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: x}, targetFilePath: PATH}']",
        "targetFilePath",
    ),
];

/// Paths that lead out of the source, and what is said of them.
const LEADING_OUT: [(&str, &str); 7] = [
    ("../../etc/passwd", "leads out of the source"),
    ("x/../../../etc/passwd", "leads out of the source"),
    ("..//..//etc/passwd", "leads out of the source"),
    ("/etc/passwd", "is absolute"),
    ("link-to-passwd", "'a/link-to-passwd' is a symbolic link"),
    ("link-to-etc", "'a/link-to-etc' is a symbolic link"),
    ("link-to-etc/passwd", "'a/link-to-etc' is a symbolic link"),
];

#[test]
fn no_field_reads_outside_the_tree() {
    for restrictor in [LoadRestrictor::RootOnly, LoadRestrictor::None] {
        let options = Options { load_restrictor: restrictor, ..Options::default() };
        for (field, name) in PATH_FIELDS {
            for (path, problem) in LEADING_OUT {
                let kustomization = field.replace("PATH", path);
                // The second line is the one to name.
                let text = format!("namePrefix: x-\n{kustomization}\n");
                let mut tree = tree(&[("a/kustomization.yaml", text.as_str()), ("etc/passwd", CONFIG_MAP)]);
                tree.link("a/link-to-passwd", Link::Nowhere);
                tree.link("a/link-to-etc", Link::Nowhere);
                let (traced, trace) = tree.traced();
                let error = build(&traced, "a", &options, &Budget::standard()).expect_err(&kustomization);
                let report = error.report().to_string();
                assert!(report.starts_with(&format!("a/kustomization.yaml:2: {name}: ")), "{kustomization}: {report}");
                assert!(report.contains(path) && report.contains(problem), "{kustomization}: {report}");
                let read = trace
                    .questions()
                    .into_iter()
                    .any(|question| matches!(question, Question::Read(path) if &*path == "etc/passwd"));
                assert!(!read, "{kustomization} reads what is outside of its folder");
            }
        }
    }
    let error = run(&[("a/kustomization.yaml", "resources: []")], "../a").expect_err("outside");
    assert!(error.to_string().contains("leads out of the source"), "{error}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "resources: [a.yaml, b.yaml, c.yaml]\nnamePrefx: x\nnamespace: 5\nreplicas: [{name: a, count: x}]\n\
                patches: [{path: p.yaml, traget: {}}]\n";
    let error = run(&[("kustomization.yaml", text), ("b.yaml", CONFIG_MAP)], ".").expect_err("refused");
    let expect = [
        "7 mistakes:",
        "  kustomization.yaml:3:12: namespace: expected a string, found a number (put the value in quotes)",
        "  kustomization.yaml:5:26: patches[0].traget: unknown field (did you mean 'target'?)",
        "  kustomization.yaml:4:29: replicas[0].count: expected an integer, found a string",
        "  kustomization.yaml:2:1: namePrefx: unknown field (did you mean 'namePrefix'?)",
        "  kustomization.yaml:1:13: resources: 'a.yaml' does not exist",
        "  kustomization.yaml:1:29: resources: 'c.yaml' does not exist",
        "  kustomization.yaml:5:18: patches[0].path: 'p.yaml' does not exist",
    ];
    assert_eq!(error.report().to_string(), expect.join("\n"));
    let bases = [
        ("kustomization.yaml", "resources: [one, two, objects.yaml]"),
        ("one/kustomization.yaml", "resources: [nope.yaml]"),
        ("two/kustomization.yaml", "nameSufix: x"),
        ("objects.yaml", "kind: A\n---\nmetadata: {name: b}\n"),
    ];
    let report = run(&bases, ".").expect_err("refused").report().to_string();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "4 mistakes:");
    for (line, begin) in lines[1..].iter().zip([
        "one/kustomization.yaml:1",
        "two/kustomization.yaml:1",
        "objects.yaml:1",
        "objects.yaml:3",
    ]) {
        assert!(line.trim_start().starts_with(begin), "{report}");
    }
}

#[test]
fn deprecated_fields_give_warnings() {
    let files = [
        ("kustomization.yaml", "bases: [base]\ncommonLabels: {a: b}\nlabels: [{pairs: {c: d}}]\n"),
        ("base/kustomization.yaml", "resources: [a.yaml]\nvars: []\npatchesStrategicMerge: null\n"),
        ("base/a.yaml", CONFIG_MAP),
    ];
    let built = build(&tree(&files), ".", &Options::default(), &Budget::standard()).expect("builds");
    let shown: Vec<String> = built.warnings.iter().map(ToString::to_string).collect();
    let expect = [
        "kustomization.yaml:1: 'bases' is deprecated, use 'resources' instead",
        "kustomization.yaml:2: 'commonLabels' is deprecated, use 'labels' instead",
        "base/kustomization.yaml:2: 'vars' is deprecated, use 'replacements' instead",
    ];
    assert_eq!(shown, expect);
}

#[test]
fn the_restrictor_keeps_to_the_folder_unless_it_is_off() {
    let files = [("a/kustomization.yaml", "resources: [../b.yaml]"), ("b.yaml", CONFIG_MAP)];
    assert!(report(&files, "a").contains("not in or below"));
    let options = Options { load_restrictor: LoadRestrictor::None, order: Order::None, ..Options::default() };
    assert!(run_with(&files, "a", &options, &Budget::standard()).is_ok());
    // A sibling whose name begins alike is not below.
    let files = [("a/kustomization.yaml", "resources: [../ab/b.yaml]"), ("ab/b.yaml", CONFIG_MAP)];
    assert!(report(&files, "a").contains("not in or below"));
}

#[test]
fn cycles_are_refused() {
    let files = [
        ("a/kustomization.yaml", "resources: [../b]"),
        ("b/kustomization.yaml", "components: [../c]"),
        ("c/kustomization.yaml", "kind: Component\nresources: [../a]"),
    ];
    assert_eq!(
        report(&files, "a"),
        "c/kustomization.yaml:2: resources: '../a' leads back to 'a', which is being built (let the base name its own resources only)"
    );
    assert!(report(&[("kustomization.yaml", "resources: [.]")], ".").contains("leads back"));
}

#[test]
fn a_chain_of_bases_has_a_limit() {
    let mut tree = Tree::new();
    for level in 0..400 {
        let text = format!("resources: [../k{}]", level + 1);
        tree.insert(&format!("k{level}/kustomization.yaml"), text.into_bytes()).expect("a good path");
    }
    let error = build(&tree, "k0", &Options::default(), &Budget::standard()).expect_err("too deep");
    assert!(error.to_string().contains("64 bases deep"), "{error}");
}

#[test]
fn bases_that_multiply_are_stopped_by_the_budget() {
    let mut tree = Tree::new();
    for level in 0..40 {
        let next = format!("resources: [../l{n}, ../r{n}]\nnamePrefix: ", n = level + 1);
        for side in ["l", "r"] {
            let text = format!("{next}{side}");
            tree.insert(&format!("{side}{level}/kustomization.yaml"), text.into_bytes()).expect("a good path");
        }
    }
    for side in ["l40", "r40"] {
        let path = format!("{side}/kustomization.yaml");
        let text = format!("configMapGenerator: [{{name: {side}}}]");
        tree.insert(&path, text.into_bytes()).expect("a good path");
    }
    let error = build(&tree, "l0", &Options::default(), &Budget::new(100_000, 64 << 20)).expect_err("too much");
    assert!(matches!(error, KustomizeError::Exhausted(_) | KustomizeError::Syntax(_)), "{error}");
}

#[test]
fn deep_documents_and_patches_are_refused() {
    let deep = format!("{CONFIG_MAP}data: {}{}\n", "{a: ".repeat(2000), "}".repeat(2000));
    let files = [("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", deep.as_str())];
    assert!(report(&files, ".").contains("256 levels"));
    let allowed = format!("{CONFIG_MAP}data: {}{}\n", "{a: ".repeat(150), "}".repeat(150));
    let all = "resources: [a.yaml]\npatches: [{path: p.yaml}]\nnamePrefix: x\nimages: [{name: a, newTag: b}]";
    let files = [("kustomization.yaml", all), ("a.yaml", allowed.as_str()), ("p.yaml", allowed.as_str())];
    assert!(run(&files, ".").is_ok());
    let patch = [
        ("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: p.yaml}]"),
        ("a.yaml", CONFIG_MAP),
        ("p.yaml", deep.as_str()),
    ];
    assert!(report(&patch, ".").contains("256 levels"));
}

#[test]
fn patterns_are_bounded() {
    let patterns =
        ["a".repeat(5000), "a.".repeat(2500), "(a{1000}){1000}".to_owned(), "(".repeat(200) + &")".repeat(200)];
    for pattern in patterns {
        let text = format!("resources: [a.yaml]\npatches: [{{target: {{name: '{pattern}'}}, patch: '[]'}}]");
        let report = report(&[("kustomization.yaml", &text), ("a.yaml", CONFIG_MAP)], ".");
        assert!(report.contains("target.name"), "{}", &report[..report.len().min(200)]);
        let text = format!("resources: [a.yaml]\nimages: [{{name: '{pattern}'}}]");
        assert!(run(&[("kustomization.yaml", &text), ("a.yaml", CONFIG_MAP)], ".").is_err());
    }
    // Each pattern is allowed, all of them are not.
    let patch = |at| format!("- {{target: {{name: '.{{1000}}x{at}'}}, patch: '- {{op: remove, path: /x}}'}}\n");
    let many = format!("resources: [a.yaml]\npatches:\n{}", (0..400).map(patch).collect::<String>());
    let error = report(&[("kustomization.yaml", &many), ("a.yaml", CONFIG_MAP)], ".");
    assert!(error.contains("the patterns of the file take more than 32 MiB"), "{error}");
    // Linear in the text, whatever the pattern.
    let text = "resources: [a.yaml]\npatches: [{target: {name: '(a*)*b'}, patch: '- {op: remove, path: /x}'}]";
    let long = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n", "a".repeat(50_000));
    assert!(run(&[("kustomization.yaml", text), ("a.yaml", &long)], ".").is_ok());
}

#[test]
fn what_is_not_supported_is_named() {
    let cases = [
        ("helmCharts: [{name: x}]", "helmCharts"),
        ("helmChartInflationGenerator: [{chartName: x}]", "helmChartInflationGenerator"),
        ("transformers: ['{apiVersion: example.com/v1, kind: Custom, metadata: {name: x}}']", "Custom"),
        ("validators: ['{apiVersion: example.com/v1, kind: Check, metadata: {name: x}}']", "Check"),
        ("generators: ['{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}}']", "HelmChart"),
    ];
    for (kustomization, name) in cases {
        let report = report(&[("kustomization.yaml", kustomization)], ".");
        assert!(report.starts_with("kustomization.yaml:1: "), "{report}");
        assert!(report.contains(name) && report.contains("not supported") && !report.contains("pw"), "{report}");
    }
}

#[test]
fn what_is_remote_is_asked_for() {
    let cases = [
        ("resources: ['https://user:pw@example.com/org/repo?ref=v1']", "https://example.com/org/repo"),
        ("resources: ['git@github.com:org/repo']", "git@github.com:org/repo"),
        ("resources: [github.com/org/repo]", "github.com/org/repo"),
        ("components: ['ssh://git@example.com/a/b']", "ssh://git@example.com/a/b"),
    ];
    for (kustomization, name) in cases {
        let report = report(&[("kustomization.yaml", kustomization)], ".");
        assert!(report.starts_with("kustomization.yaml:1: "), "{report}");
        assert!(report.contains(name) && report.contains("has to be fetched") && !report.contains("pw"), "{report}");
    }
}

#[test]
fn messages_point_at_the_mistake() {
    let files = [("kustomization.yaml", "resources: [a.yaml]\nnamePrefx: x\n"), ("a.yaml", CONFIG_MAP)];
    assert_eq!(report(&files, "."), "kustomization.yaml:2: namePrefx: unknown field (did you mean 'namePrefix'?)");
    let files = [("kustomization.yaml", "resources: [a.yaml, nope.yaml]\n"), ("a.yaml", CONFIG_MAP)];
    assert_eq!(report(&files, "."), "kustomization.yaml:1: resources: 'nope.yaml' does not exist");
    let files = [
        ("kustomization.yaml", "resources: [a.yaml]\npatches:\n- path: p.yaml\n"),
        ("a.yaml", CONFIG_MAP),
        ("p.yaml", "# a patch\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"),
    ];
    assert_eq!(
        report(&files, "."),
        "p.yaml:2: the patch for ConfigMap.v1.[noGrp]/b.[noNs] fits no object (the nearest object is ConfigMap.v1.[noGrp]/a.[noNs])"
    );
}

#[test]
fn cancelling_stops_a_build() {
    let budget = Budget::standard();
    budget.cancel();
    let files = [("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", CONFIG_MAP)];
    assert!(run_with(&files, ".", &Options::default(), &budget).is_err());
}

#[test]
fn fields_know_who_set_them() {
    let files = [
        (
            "top/kustomization.yaml",
            "resources: [../base]\nnamePrefix: x-\nimages:\n- name: nginx\n  newTag: '2'\npatches:\n- path: p.yaml\n  \
             target: {kind: Pod}\nconfigMapGenerator:\n- name: c\n  literals: [a=b]\n",
        ),
        (
            "top/p.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: side\n    image: b:1\n  \
             nodeName: n\n",
        ),
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        (
            "base/pod.yaml",
            "# a pod\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: app\n    \
             image: nginx:1\n    command:\n    - a\n    args:\n    - |\n      two\n      lines\n    envFrom:\n    - \
             configMapRef: {name: c}\n",
        ),
    ];
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, text.as_bytes()).expect("a good path");
    }
    let options = Options { load_restrictor: LoadRestrictor::None, provenance: true, ..Options::default() };
    let built = build(&tree, "top", &options, &Budget::standard()).expect("builds");
    let plain = build(&tree, "top", &Options { provenance: false, ..options }, &Budget::standard()).expect("builds");
    assert_eq!(to_yaml(&built.objects), to_yaml(&plain.objects), "noting changes nothing");
    let shown = crate::to_yaml_with_origins(&built.objects);
    let (_, pod) = shown.split_once("---\n").expect("two objects");
    let expect = "\
# base/pod.yaml:2
apiVersion: v1
kind: Pod
metadata:
  name: x-p  # PrefixTransformer (top/kustomization.yaml:2)
spec:
  containers:
  - image: b:1  # top/p.yaml:7, PatchTransformer (top/kustomization.yaml:7)
    name: side
  - args:
    - |
      two
      lines
    command:
    - a
    envFrom:
    - configMapRef:
        name: x-c-4h2mbtbbt6  # reference to a renamed object
    image: nginx:2  # ImageTagTransformer (top/kustomization.yaml:4)
    name: app
  nodeName: \"n\"  # top/p.yaml:9, PatchTransformer (top/kustomization.yaml:7)
";
    assert_eq!(pod, expect);
    assert!(
        yaml::parse_all(shown.as_bytes(), None, Dialect::Sigs, &Budget::standard()).expect("YAML") == built.objects
    );
}
