//! Strategic merge patches with directives, and JSON patches with odd pointers.

use super::{Texts, file, flow_list, flow_map, quote, some_fields};
use crate::random::Random;

const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: d
  labels: {a: b, c: d}
  annotations: {x: z}
  finalizers: [f1, f2]
spec:
  replicas: 2
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}
  selector: {matchLabels: {app: d}, matchExpressions: [{key: k, operator: In, values: [v1, v2]}]}
  template:
    metadata: {labels: {app: d}}
    spec:
      nodeSelector: {k: o}
      tolerations: [{key: t1, operator: Exists}]
      imagePullSecrets: [{name: s1}, {name: s2}]
      hostAliases: [{ip: 1.1.1.1, hostnames: [h]}]
      volumes:
      - {name: v1, emptyDir: {}}
      - {name: v2, configMap: {name: c, items: [{key: k, path: p}]}}
      containers:
      - name: a
        image: i:1
        args: [x, w, z]
        env: [{name: A, value: "1"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]
        ports: [{containerPort: 80, name: http}, {containerPort: 80, protocol: UDP}, {containerPort: 81}]
        volumeMounts: [{name: v1, mountPath: /a}, {name: v1, mountPath: /b}]
        resources: {limits: {cpu: 1}}
      - name: b
        image: i:2
---
apiVersion: v1
kind: Service
metadata: {name: d}
spec:
  ports: [{port: 80, name: http}, {port: 443, name: https, protocol: TCP}, {port: 53, protocol: UDP}]
  externalIPs: [1.2.3.4]
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: d}
spec:
  list: [{name: a, v: 1}, {name: b, v: 2}]
  prim: [1, 2, 3]
  map: {k: v, m: {q: 1}}
  s: text
  nul: null
"#;

const DIRECTIVES: [&str; 8] = [
    "$patch: delete",
    "$patch: replace",
    "$patch: merge",
    "$patch: other",
    "$patch: null",
    "$retainKeys: [type]",
    "$retainKeys: [name, image]",
    "$retainKeys: x",
];
const ENV: [&str; 7] = [
    "{name: A, value: \"2\"}",
    "{name: C, value: c}",
    "{name: A, $patch: delete}",
    "{name: B, value: null}",
    "{name: B, $patch: replace, value: r}",
    "{value: x}",
    "{name: A, $patch: merge, value: 5}",
];
const PORTS: [&str; 8] = [
    "{containerPort: 80, name: web}",
    "{containerPort: 80, protocol: UDP, name: u}",
    "{containerPort: 81, protocol: TCP, hostPort: 1}",
    "{containerPort: 82}",
    "{containerPort: 80, $patch: delete}",
    "{containerPort: 80, protocol: UDP, $patch: delete}",
    "{name: http, $patch: delete}",
    "{protocol: TCP}",
];
const MOUNTS: [&str; 4] = [
    "{name: v1, mountPath: /a, readOnly: true}",
    "{mountPath: /a, $patch: delete}",
    "{mountPath: /c, name: v2}",
    "{name: v1, $patch: delete}",
];
const VOLUMES: [&str; 6] = [
    "{name: v1, emptyDir: {medium: Memory}}",
    "{name: v2, $patch: delete}",
    "{name: v2, configMap: {items: [{key: k, path: q}, {key: l, path: p}]}}",
    "{name: v1, $retainKeys: [name, hostPath], hostPath: {path: /}}",
    "{name: v3, secret: {secretName: s}}",
    "{name: v2, configMap: null, secret: {secretName: z}}",
];
const SERVICE_PORTS: [&str; 6] = [
    "{port: 80, name: web}",
    "{port: 80, $patch: delete}",
    "{port: 443, protocol: TCP, targetPort: 1}",
    "{port: 53, protocol: UDP, $patch: delete}",
    "{port: 53, protocol: TCP}",
    "{name: http, port: 8080}",
];

/// A list with elements of these, and perhaps something that is none.
fn elements(list: &[&str], random: &mut Random) -> String {
    let mut found: Vec<String> = random.some(2, |random| random.pick(list).to_owned());
    if random.one_in(3) {
        let odd = random.pick(&["{$patch: replace}", "{$patch: delete}", "{$patch: merge}", "null", "x"]);
        found.insert(random.below(found.len() + 1), odd.to_owned());
    }
    flow_list(&found)
}

/// A mapping, perhaps with a directive.
fn mapping(mut fields: Vec<String>, chance: usize, random: &mut Random) -> String {
    if random.below(100) < chance {
        fields.insert(random.below(fields.len() + 1), random.pick(&DIRECTIVES).to_owned());
    }
    flow_map(&fields)
}

fn container(random: &mut Random) -> String {
    let limits = |random: &mut Random| {
        let fields = some_fields(
            random,
            &mut [("limits", 80, &mut |random| random.pick(&["{cpu: null}", "{memory: 1Gi}", "null"]).to_owned())],
        );
        mapping(fields, 20, random)
    };
    let fields = some_fields(
        random,
        &mut [
            ("name", 95, &mut |random| random.pick(&["a", "a", "b", "m"]).to_owned()),
            ("image", 40, &mut |_| "i:9".to_owned()),
            ("args", 25, &mut |random| random.pick(&["[q]", "null", "[]", "{$patch: delete}"]).to_owned()),
            ("env", 40, &mut |random| elements(&ENV, random)),
            ("$setElementOrder/env", 10, &mut |_| "[{name: C}, {name: A}]".to_owned()),
            ("$deleteFromPrimitiveList/args", 15, &mut |_| "[x, q]".to_owned()),
            ("$setElementOrder/args", 10, &mut |_| "[z, x]".to_owned()),
            ("ports", 40, &mut |random| elements(&PORTS, random)),
            ("volumeMounts", 30, &mut |random| elements(&MOUNTS, random)),
            ("resources", 30, &mut { limits }),
        ],
    );
    mapping(fields, 20, random)
}

fn pod(random: &mut Random) -> String {
    let containers = |random: &mut Random| {
        let mut found: Vec<String> = (0..1 + random.below(2)).map(|_| container(random)).collect();
        if random.one_in(10) {
            found.push("{$patch: replace}".to_owned());
        }
        flow_list(&found)
    };
    let tolerations = ["[]", "null", "[{key: t2}]", "[{key: t1, $patch: delete}]", "[{$patch: replace}]"];
    let selectors = ["null", "{}", "{k: null}", "{$patch: replace, z: 1}", "{$patch: delete}", "{$retainKeys: [k]}"];
    let secrets = ["{name: s1, $patch: delete}", "{name: s3}"];
    let aliases = ["{ip: 1.1.1.1, hostnames: [j]}", "{ip: 2.2.2.2}", "{ip: 1.1.1.1, $patch: delete}"];
    let fields = some_fields(
        random,
        &mut [
            ("containers", 70, &mut { containers }),
            ("$setElementOrder/containers", 10, &mut |_| "[{name: b}, {name: a}]".to_owned()),
            ("volumes", 40, &mut |random| elements(&VOLUMES, random)),
            ("imagePullSecrets", 30, &mut |random| elements(&secrets, random)),
            ("tolerations", 20, &mut |random| random.pick(&tolerations).to_owned()),
            ("hostAliases", 20, &mut |random| elements(&aliases, random)),
            ("nodeSelector", 20, &mut |random| random.pick(&selectors).to_owned()),
        ],
    );
    mapping(fields, 10, random)
}

fn spec(kind: &str, random: &mut Random) -> String {
    let pick = |list: &'static [&'static str]| move |random: &mut Random| random.pick(list).to_owned();
    let fields = match kind {
        "Deployment" => some_fields(
            random,
            &mut [
                ("replicas", 30, &mut pick(&["3", "null", "\"x\"", "{}"])),
                (
                    "strategy",
                    40,
                    &mut pick(&[
                        "{type: Recreate, $retainKeys: [type]}",
                        "{$patch: replace, type: Recreate}",
                        "null",
                        "{type: Recreate, rollingUpdate: null}",
                        "{$patch: delete}",
                    ]),
                ),
                ("template", 85, &mut |random| format!("{{spec: {}}}", pod(random))),
                (
                    "selector",
                    20,
                    &mut pick(&[
                        "{matchExpressions: [{key: z, operator: Exists}]}",
                        "{matchLabels: {$patch: replace, q: r}}",
                        "{matchExpressions: null}",
                    ]),
                ),
            ],
        ),
        "Service" => some_fields(
            random,
            &mut [
                ("ports", 90, &mut |random| elements(&SERVICE_PORTS, random)),
                ("externalIPs", 40, &mut pick(&["[5.6.7.8]", "[]", "null"])),
            ],
        ),
        _ => some_fields(
            random,
            &mut [
                ("list", 50, &mut |random| {
                    elements(&["{name: a, v: 9}", "{name: a, $patch: delete}", "{name: c}", "1"], random)
                }),
                ("prim", 40, &mut pick(&["[4]", "[]", "null", "[{$patch: delete}]"])),
                (
                    "map",
                    50,
                    &mut pick(&["{k: w}", "{k: null, m: x}", "{k: [], m: {q: null}}", "{m: {o: 2}, k: {a: b}}"]),
                ),
                ("s", 30, &mut pick(&["[1]", "{a: 1}", "null", "5", "\"\""])),
                ("nul", 30, &mut pick(&["null", "1", "{}", "{a: b}"])),
                ("$deleteFromPrimitiveList/prim", 10, &mut pick(&["[1]"])),
            ],
        ),
    };
    mapping(fields, 10, random)
}

pub fn strategic(random: &mut Random) -> Texts {
    let kinds = [("apps/v1", "Deployment"), ("v1", "Service"), ("example.com/v1", "Thing")];
    let (api_version, kind) = kinds[random.below(6).saturating_sub(3)];
    let labels = ["{a: null}", "{e: f}", "null", "{$patch: replace, z: w}", "{}"];
    let mut metadata = some_fields(
        random,
        &mut [
            ("labels", 30, &mut |random| random.pick(&labels).to_owned()),
            ("finalizers", 20, &mut |random| random.pick(&["[f3]", "[f1]", "null", "[]"]).to_owned()),
            ("$deleteFromPrimitiveList/finalizers", 15, &mut |_| "[f1]".to_owned()),
            ("$setElementOrder/finalizers", 10, &mut |_| "[f2, f1]".to_owned()),
        ],
    );
    metadata.push("name: d".to_owned());
    let whole = if random.one_in(20) { "$patch: delete\n" } else { "" };
    let patch = format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {}\nspec: {}\n{whole}",
        flow_map(&metadata),
        spec(kind, random)
    );
    vec![
        file("kustomization.yaml", "resources: [all.yaml]\npatches: [{path: patch.yaml}]\n"),
        file("all.yaml", DEPLOYMENT),
        file("patch.yaml", patch),
    ]
}

const THING: &str = r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: t
  labels: {a: b, "x/y": z, "m~n": q}
spec:
  list: [1, two, {three: 3}, [4, 5], null]
  map: {k: v, "0": zero, "": empty, "-": dash}
  num: 010
  big: 9007199254740993
  f: 1.50
  nul: null
  str: "1"
  empty: {}
  none: []
"#;
const POINTERS: [&str; 33] = [
    "/spec/list/0",
    "/spec/list/-",
    "/spec/list/2/three",
    "/spec/list/3/1",
    "/spec/map/k",
    "/spec/map/",
    "/spec/map/-",
    "/spec/num",
    "/spec/big",
    "/spec/f",
    "/spec/nul",
    "/spec/str",
    "/spec/empty",
    "/spec/empty/x",
    "/spec/none/0",
    "/spec/none/-",
    "/spec/list/5",
    "/spec/list/4",
    "/spec/nul/x",
    "/metadata/labels/x~1y",
    "/metadata/labels/m~0n",
    "/spec/new",
    "/spec/new/deep",
    "/spec",
    "/metadata/annotations/a",
    "/metadata/annotations",
    "",
    "/",
    "spec/map/k",
    "/spec/list/-1",
    "/spec/list/10",
    "/spec/str/x",
    "/spec/list/one",
];
const TOKENS: [&str; 26] = [
    "spec",
    "list",
    "map",
    "k",
    "0",
    "1",
    "2",
    "-",
    "-1",
    "-5",
    "01",
    "+1",
    "1e0",
    "three",
    "metadata",
    "labels",
    "x~1y",
    "m~n",
    "~",
    "~2",
    "",
    "new",
    "nul",
    "annotations",
    "*",
    "apiVersion",
];
const VALUES: [&str; 15] = [
    "1",
    "\"x\"",
    "null",
    "{}",
    "[]",
    "{\"a\": [1, {\"b\": null}]}",
    "010",
    "1.50",
    "\"010\"",
    "true",
    "yes",
    "9007199254740993",
    "[1, 2]",
    "1e3",
    "\"a\\nb\"",
];

fn pointer(random: &mut Random) -> String {
    if random.below(10) < 7 {
        return quote(random.pick(&POINTERS));
    }
    let tokens: Vec<&str> = (0..1 + random.below(3)).map(|_| random.pick(&TOKENS)).collect();
    quote(&format!("/{}", tokens.join("/")))
}

fn operation(random: &mut Random) -> String {
    let name = random.pick(&["add", "add", "replace", "remove", "test", "move", "copy", "add", "remove", "replace"]);
    let name = if random.one_in(20) { random.pick(&["Add", "other", ""]) } else { name };
    let from = if matches!(name, "move" | "copy") { 97 } else { 3 };
    let value = if matches!(name, "add" | "replace" | "test") { 95 } else { 5 };
    flow_map(&some_fields(
        random,
        &mut [
            ("op", 98, &mut |_| quote(name)),
            ("path", 97, &mut { pointer }),
            ("from", from, &mut { pointer }),
            ("value", value, &mut |random| random.pick(&VALUES).to_owned()),
            ("extra", 2, &mut |_| "1".to_owned()),
        ],
    ))
}

pub fn json(random: &mut Random) -> Texts {
    let mut text = "resources: [all.yaml]\npatches:\n- target: {kind: Thing}\n  patch: |\n".to_owned();
    for _ in 0..1 + random.below(4).saturating_sub(1) {
        text.push_str(&format!("    - {}\n", operation(random)));
    }
    vec![file("kustomization.yaml", text), file("all.yaml", THING)]
}
