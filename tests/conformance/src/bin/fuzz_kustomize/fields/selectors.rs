//! Targets of patches and replacements: patterns, and selectors of labels and annotations.

use super::{Texts, file, flow_map, quote, some_fields};
use crate::random::Random;

const OBJECTS: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: a, labels: {app: x}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ab, namespace: one, labels: {app: y, tier: "1"}, annotations: {note: z}}
---
apiVersion: v1
kind: Secret
metadata: {name: a.b, namespace: one}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: two, labels: {app: x, env: prod}, annotations: {a: b}}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: web}
---
apiVersion: example.com/v1beta1
kind: Thing
metadata: {name: web-2, namespace: two, labels: {x/y: z}, annotations: {n/o: p}}
---
apiVersion: v1
kind: Namespace
metadata: {name: one}
"#;

const PATTERNS: [&str; 51] = [
    "a",
    "a.*",
    "^a$",
    "(a|web)",
    "web",
    "web.*",
    ".*",
    "",
    "[a",
    "a.b",
    "a\\.b",
    "(?i)WEB",
    "w.b",
    "*",
    "one",
    "two",
    "default",
    "$",
    "^",
    "one|two",
    "\\d",
    "a+",
    "ConfigMap",
    "Config.*",
    "Thing",
    "Secret|Thing",
    "v1",
    "v1.*",
    "example.com",
    "apps",
    ".*com",
    "x{2}",
    "(?P<n>a)",
    "a{1001}",
    "\\pL+",
    "[[:alpha:]]+",
    "\\Qa.b\\E",
    "(?<n>a)",
    "\\w+",
    "a\\b",
    "(?=a)",
    "a*?",
    "[^a]+",
    "(?s).+",
    "\\z",
    "\\Aa",
    "a)(b",
    "a{,2}",
    "[a-",
    "\\x61",
    "\\1",
];

const SELECTORS: [&str; 33] = [
    "app=x",
    "app==x",
    "app!=x",
    "app",
    "!app",
    "app in (x,y)",
    "app in (x, y),env",
    "app notin (x)",
    "tier=1",
    "x/y=z",
    "app=x,env=prod",
    "app=x, env!=prod",
    "",
    "app in ()",
    "app in x",
    "=x",
    "app=",
    "tier>0",
    "tier<5",
    "app x",
    "note",
    "note=z",
    "a=b,",
    "x/y in (z)",
    "n/o",
    "app exists",
    "(app)",
    "app=x y",
    "app in (x",
    "app,app",
    "app=x=y",
    "!app=x",
    "é=x",
];

fn target(random: &mut Random) -> String {
    let pattern = |random: &mut Random| quote(random.pick(&PATTERNS));
    let selector = |random: &mut Random| quote(random.pick(&SELECTORS));
    flow_map(&some_fields(
        random,
        &mut [
            ("kind", 40, &mut { pattern }),
            ("name", 40, &mut { pattern }),
            ("namespace", 25, &mut { pattern }),
            ("group", 15, &mut { pattern }),
            ("version", 15, &mut { pattern }),
            ("labelSelector", 30, &mut { selector }),
            ("annotationSelector", 20, &mut { selector }),
        ],
    ))
}

pub fn selectors(random: &mut Random) -> Texts {
    let text = match random.below(5) {
        0..3 => {
            let mut text = "patches:\n".to_owned();
            for at in 0..1 + random.below(2) {
                let operation = format!("- {{op: add, path: /hit{at}, value: 1}}");
                text.push_str(&format!("- target: {}\n  patch: |\n    {operation}\n", target(random)));
            }
            text
        }
        3 => {
            let patch = "{apiVersion: v1, kind: Any, metadata: {name: any}, hit: 1}";
            format!("patches:\n- target: {}\n  patch: |\n    {patch}\n", target(random))
        }
        _ => {
            let select = target(random);
            let reject = if random.one_in(2) { format!("    reject: [{}]\n", target(random)) } else { String::new() };
            format!(
                "replacements:\n- source: {{kind: Namespace, name: one, fieldPath: metadata.name}}\n  targets:\n  - \
                 select: {select}\n{reject}    fieldPaths: [hit]\n    options: {{create: true}}\n"
            )
        }
    };
    let change = random.pick(&["", "", "", "namePrefix: p-\n", "nameSuffix: -s\n", "namespace: ns\n"]);
    let base = random.pick(&["", "", "namePrefix: b-\n", "namespace: two\n"]);
    vec![
        file("kustomization.yaml", format!("resources: [base]\n{change}{text}")),
        file("base/kustomization.yaml", format!("resources: [all.yaml]\n{base}")),
        file("base/all.yaml", OBJECTS),
    ]
}
