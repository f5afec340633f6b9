//! Files of objects that are odd as a whole, and kustomization files with any value in any field.

use super::{Texts, file};
use crate::random::Random;

/// `NAME` stands for one of few names.
const DOCUMENTS: [&str; 48] = [
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {k: v}\n",
    "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"NAME\"}}\n",
    "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n",
    "apiVersion: v1\nkind: List\nitems: []\n",
    "apiVersion: v1\nkind: List\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: l}}]\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: q}}]\n",
    "apiVersion: v1\nkind: ConfigMapList\nmetadata: {name: named}\nitems: []\n",
    "apiVersion: example.com/v1\nkind: ThingList\nmetadata: {name: x}\nspec: {}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    "apiVersion: v1\nkind: ConfigMap\n",
    "kind: ConfigMap\nmetadata: {name: NAME}\n",
    "apiVersion: v1\nmetadata: {name: NAME}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {generateName: g-}\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, generateName: g-}\n",
    "# only a comment\n",
    "",
    "\n",
    "null\n",
    "~\n",
    "text\n",
    "- a\n- b\n",
    "5\n",
    "a: b\n",
    "{}\n",
    "[]\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: NAME}\ndata: {k: &x v, l: *x}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, annotations: {config.kubernetes.io/local-config: \"true\"}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, annotations: {config.kubernetes.io/local-config: \"false\"}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ODD\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n  namespace: ODD\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n  labels: ODD\n",
    "apiVersion: ODD\nkind: ConfigMap\nmetadata: {name: NAME}\n",
    "apiVersion: v1\nkind: ODD\nmetadata: {name: NAME}\n",
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t}\nkind: Secret\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tab}\ndata:\n\tk: v\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad\n",
    "%YAML 1.1\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n<<: {data: {a: b}}\n",
    "&a apiVersion: v1\nkind: ConfigMap\nmetadata: {name: anc}\n",
    "!!map\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: tagged}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, creationTimestamp: null}\nstatus: {}\n",
    "? apiVersion\n: v1\n? kind\n: ConfigMap\n? metadata\n: {name: q}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w}\n1: x\ntrue: w\n",
    "\"apiVersion\": v1\n'kind': ConfigMap\nmetadata: {\"name\": qq}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, name: NAME}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {a: 1, b: true, c: null, 5: x}\n",
];
const ODD: [&str; 18] = [
    "5",
    "true",
    "null",
    "~",
    "1.5",
    "0x1f",
    "yes",
    "2001-01-01",
    "\"\"",
    "[a]",
    "{a: b}",
    "é",
    "a.b",
    "-",
    "A_B",
    "{a: 5}",
    "{1: x}",
    "[a, b]",
];
const SEPARATORS: [&str; 10] =
    ["---\n", "---\n", "--- \n", "---  # c\n", "...\n---\n", "---\n---\n", "\n---\n", "----\n", "--- \t\n", "---\r\n"];

pub fn resources(random: &mut Random) -> Texts {
    let separator = random.pick(&SEPARATORS);
    let documents: Vec<String> = (0..1 + random.below(3))
        .map(|_| {
            let document = random.pick(&DOCUMENTS).replace("NAME", random.pick(&["a", "b", "c", "d", "e"]));
            document.replace("ODD", random.pick(&ODD))
        })
        .collect();
    let begin = random.pick(&["", "", "", "---\n", "# c\n---\n", "\u{feff}", "\n\n", "%YAML 1.2\n---\n"]);
    let end = random.pick(&["", "", "---\n", "...\n", "---", "\n\n# end\n"]);
    let mut text = format!("{begin}{}{end}", documents.join(separator));
    if random.one_in(10) {
        text = text.replace('\n', "\r\n");
    }
    let change = random.pick(&[
        "",
        "",
        "namePrefix: p-\n",
        "namespace: ns\n",
        "commonLabels: {z: zz}\n",
        "commonAnnotations: {z: zz}\n",
        "patches:\n- target: {kind: ConfigMap}\n  patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": 1}]'\n",
    ]);
    let name = random.pick(&["all.yaml", "all.yaml", "all.json", "all.txt", "all.yml", "all"]);
    vec![file("kustomization.yaml", format!("resources: [{name}]\n{change}")), file(name, text)]
}

const FIELDS: [&str; 36] = [
    "resources",
    "components",
    "bases",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "images",
    "imageTags",
    "replicas",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "replacements",
    "vars",
    "crds",
    "openapi",
    "configurations",
    "sortOptions",
    "buildMetadata",
    "generators",
    "transformers",
    "validators",
    "helmCharts",
    "helmGlobals",
    "helmChartInflationGenerator",
    "inventory",
    "apiVersion",
    "kind",
    "metadata",
    "unknown",
];
const VALUES: [&str; 54] = [
    "null",
    "\"\"",
    "x",
    "5",
    "true",
    "[]",
    "{}",
    "[x]",
    "[null]",
    "[5]",
    "[{}]",
    "{a: b}",
    "[all.yaml]",
    "[{name: x}]",
    "{name: x}",
    "[{name: app, newTag: v2}]",
    "[{name: d, count: 2}]",
    "[{name: d, count: \"2\"}]",
    "[{pairs: {a: b}}]",
    "[{path: patch.yaml}]",
    "[patch.yaml]",
    "{a: 5}",
    "{a: null}",
    "{a: [b]}",
    "kustomize.config.k8s.io/v1beta1",
    "Kustomization",
    "Component",
    "v1",
    "{order: fifo}",
    "{order: legacy}",
    "[originAnnotations]",
    "{version: v1.21.2}",
    "{labels: {a: b}}",
    "{disableNameSuffixHash: true}",
    "{immutable: true}",
    "[{name: g, literals: [a=b]}]",
    "[{name: g, literals: a=b}]",
    "[{literals: [a=b]}]",
    "[{name: 5, literals: [a=b]}]",
    "[base]",
    "[base, base]",
    "[./base/]",
    "[nothere]",
    "[all.yaml, all.yaml]",
    "[./all.yaml]",
    "[\"all.yaml \"]",
    "yes",
    "1.5",
    "~",
    "a.b",
    "[{target: {kind: Deployment}, patch: \"- {op: remove, path: /spec}\"}]",
    "[{patch: \"{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 3}}\"}]",
    "[{target: {version: v1, kind: Deployment, name: d, group: apps}, path: json.yaml}]",
    "[{source: {kind: Deployment}, targets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.x], options: {create: true}}]}]",
];

pub fn kustomizations(random: &mut Random) -> Texts {
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..random.below(4) {
        let field = random.pick(&FIELDS);
        if lines.iter().all(|line| !line.starts_with(&format!("{field}:"))) {
            lines.push(format!("{field}: {}", random.pick(&VALUES)));
        }
    }
    if lines.iter().all(|line| !line.starts_with("resources:")) && !random.one_in(5) {
        lines.insert(random.below(lines.len() + 1), "resources: [all.yaml]".to_owned());
    }
    let kind = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    let has_kind = lines.iter().any(|line| line.starts_with("kind:") || line.starts_with("apiVersion:"));
    let begin = random.pick(&["", "", "", "---\n", "# c\n", if has_kind { "" } else { kind }, "\u{feff}"]);
    let end = random.pick(&["", "", "", "---\n", "---\nresources: []\n", "...\n"]);
    let mut text = format!("{begin}{}\n{end}", lines.join("\n"));
    if random.one_in(50) {
        text = random.pick(&["", "null\n", "[]\n", "x\n", "# c\n", "{}\n"]).to_owned();
    }
    let names = ["kustomization.yaml", "kustomization.yml", "Kustomization", "kustomization.json"];
    let name = names[random.below(24).saturating_sub(20)];
    let mut files = vec![
        file(name, text),
        file(
            "all.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 1, template: {spec: {containers: \
             [{name: c, image: app:1}]}}}\n",
        ),
        file("patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 5}\n"),
        file("json.yaml", "- {op: add, path: /x, value: 1}\n"),
        file("base/kustomization.yaml", "resources: [service.yaml]\n"),
        file("base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"),
    ];
    if random.one_in(30) {
        files.push(file("Kustomization", "resources: []\n"));
    }
    files
}
