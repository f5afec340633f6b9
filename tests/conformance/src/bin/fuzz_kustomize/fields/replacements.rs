//! Replacements with paths of all forms, into objects and texts.

use super::{Texts, file, flow_list, flow_map, quote, some_fields};
use crate::random::Random;

const OBJECTS: &str = r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: src
  annotations: {a.b/c: "x:w:z", host: web.example.com, m: "5"}
  labels: {app: web}
spec:
  num: 5
  big: 1234567
  f: 1.5
  t: true
  nul: null
  str: hello
  list: [a, b, c]
  objs:
  - {name: one, value: v1, tags: [x, w]}
  - {name: two, value: v2}
  map: {k: v, "x.y": dotted, "0": zero}
  multi: "a-b-c"
  text: |
    line1
    line2
  json: '{"a": {"b": "c", "l": [1, 2]}}'
  yaml: |
    a:
      b: c
    l:
    - 1
---
apiVersion: example.com/v1
kind: Thing
metadata:
  name: dst
  annotations: {old: x}
spec:
  str: "q"
  plain: p
  num: 1
  list: [1, 2, 3]
  objs:
  - {name: one, value: o1, tags: [p]}
  - name: two
    value: o2
  - name: three
  map: {k: w, "x.y": d}
  multi: 'x/w/z'
  empty: {}
  none: []
  nul: null
  json: '{"a": {"b": "c", "l": [1, 2]}}'
  yaml: |
    # c
    a:
      b: c   # d
    l:
    - 1
    - two
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data:
  k: v
  conf.json: '{"x": {"w": 1}, "l": [{"name": "a", "v": 1}]}'
  conf.yaml: |
    x: {w: 1}
    l: [{name: a, v: 1}]
  app.properties: |
    a=b
"#;

const PATHS: [&str; 71] = [
    "spec.str",
    "spec.num",
    "spec.f",
    "spec.t",
    "spec.nul",
    "spec.list",
    "spec.list.0",
    "spec.list.1",
    "spec.list.-",
    "spec.list.9",
    "spec.list.*",
    "spec.objs.[name=one].value",
    "spec.objs.[name=two].tags",
    "spec.objs.[name=none].value",
    "spec.objs.[name=one].tags.0",
    "spec.objs.*.value",
    "spec.objs.*.tags.*",
    "spec.objs.[value=v2].name",
    "spec.map",
    "spec.map.k",
    "spec.map.x\\.y",
    "spec.map.0",
    "spec.map.[k=v]",
    "spec.new",
    "spec.new.deep",
    "spec.new.[name=x].v",
    "spec.multi",
    "spec.text",
    "metadata.name",
    "metadata.annotations.host",
    "metadata.annotations.a\\.b/c",
    "metadata.annotations.[a.b/c]",
    "metadata.annotations.new",
    "metadata.labels.app",
    "spec.json",
    "spec.json.a.b",
    "spec.json.a",
    "spec.json.a.l.0",
    "spec.yaml.a.b",
    "spec.yaml.l",
    "spec.yaml.l.0",
    "spec.yaml.new",
    "data.k",
    "data.conf\\.json.x.w",
    "data.conf\\.json.l.[name=a].v",
    "data.conf\\.yaml.x.w",
    "data.conf\\.yaml.l.0.v",
    "data.app\\.properties",
    "data.new",
    "kind",
    "apiVersion",
    "spec",
    "",
    ".",
    "spec.",
    ".spec",
    "spec..str",
    "spec.none.0",
    "spec.none.-",
    "spec.none.[name=x].w",
    "spec.empty.x",
    "spec.[name=x]",
    "spec.big",
    "spec.objs.[name=o.*].value",
    "spec.objs.[=x]",
    "spec.objs.[name=].value",
    "spec.*",
    "*",
    "spec.list.[=1]",
    "spec.list.[=b]",
    "spec.plain",
];

fn options(random: &mut Random) -> String {
    flow_map(&some_fields(
        random,
        &mut [
            ("delimiter", 40, &mut |random| {
                random.pick(&["\":\"", "\"-\"", "\"/\"", "\".\"", "\"\"", "\"ab\""]).to_owned()
            }),
            ("index", 40, &mut |random| random.pick(&["0", "1", "2", "-1", "9"]).to_owned()),
            ("create", 40, &mut |random| random.pick(&["true", "true", "false"]).to_owned()),
        ],
    ))
}

fn path(random: &mut Random) -> String {
    quote(random.pick(&PATHS))
}

fn target(random: &mut Random) -> String {
    let selects =
        ["{name: dst}", "{name: dst}", "{name: dst}", "{kind: ConfigMap}", "{name: cm}", "{kind: Thing}", "{}"];
    let mut fields = some_fields(
        random,
        &mut [
            ("reject", 10, &mut |_| "[{name: src}]".to_owned()),
            ("fieldPaths", 95, &mut |random| {
                flow_list(&(0..1 + random.below(3) / 2).map(|_| path(random)).collect::<Vec<_>>())
            }),
            ("options", 60, &mut { options }),
        ],
    );
    fields.push(format!("select: {}", if random.one_in(30) { "{name: nobody}" } else { random.pick(&selects) }));
    flow_map(&fields)
}

pub fn replacements(random: &mut Random) -> Texts {
    let values = ["x", "5", "\"5\"", "true", "a:b", "\"\"", "null", "\"multi\\nline\""];
    let mut text = "resources: [all.yaml]\nreplacements:\n".to_owned();
    for _ in 0..1 + random.below(4) / 3 {
        if random.one_in(10) {
            text.push_str(&format!("- sourceValue: {}\n", random.pick(&values)));
        } else {
            let mut fields =
                some_fields(random, &mut [("fieldPath", 95, &mut { path }), ("options", 30, &mut { options })]);
            fields.extend(["kind: Thing".to_owned(), "name: src".to_owned()]);
            text.push_str(&format!("- source: {}\n", flow_map(&fields)));
        }
        let targets: Vec<String> = (0..1 + random.below(3) / 2).map(|_| target(random)).collect();
        text.push_str(&format!("  targets: {}\n", flow_list(&targets)));
    }
    vec![file("kustomization.yaml", text), file("all.yaml", OBJECTS)]
}
