//! Random objects: built-in kinds with what merges, selects and refers in them, custom kinds, odd YAML.

use crate::random::Random;
use crate::yaml::{Style, Yaml, list, map, plain, quoted};

pub const NAMES: [&str; 4] = ["a", "b", "web", "x.y"];
pub const NAMESPACES: [&str; 3] = ["one", "two", "default"];
pub const KEYS: [&str; 5] = ["k", "app", "a.b/c", "z9", "z10"];
pub const IMAGES: [&str; 5] = ["img", "img:1", "reg:5000/a/b:v1", "img@sha256:0a", "other"];

/// The kinds, each with its `apiVersion`.
pub const KINDS: [(&str, &str); 18] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "Pod"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("example.com/v1", "Thing"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
];

/// An object without a place in a file yet.
pub fn object(random: &mut Random) -> Yaml {
    let (api_version, kind) = KINDS[random.below(KINDS.len())];
    let name = random.pick(&NAMES);
    let mut object = head(api_version, kind, name, random);
    fill(&mut object, kind, random);
    if random.one_in(8) { Yaml::Flow(Box::new(object)) } else { object }
}

fn head(api_version: &str, kind: &str, name: &str, random: &mut Random) -> Yaml {
    let mut metadata = map([("name", plain(name))]);
    if random.one_in(4) {
        metadata.set("namespace", plain(random.pick(&NAMESPACES)));
    }
    if random.one_in(3) {
        metadata.set("labels", pairs(random));
    }
    if random.one_in(4) {
        metadata.set("annotations", pairs(random));
    }
    map([("apiVersion", plain(api_version)), ("kind", plain(kind)), ("metadata", flowing(metadata, random))])
}

/// A patch for an object, which has some fields of its kind.
pub fn patch(target: &Yaml, random: &mut Random) -> Yaml {
    let text = |key: &str| target.get(key).map(Yaml::text).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let metadata = target.get("metadata").cloned().unwrap_or_else(|| map([("name", plain("a"))]));
    let mut kept = map([("name", metadata.get("name").cloned().unwrap_or_else(|| plain("a")))]);
    if let Some(namespace) = metadata.get("namespace") {
        kept.set("namespace", namespace.clone());
    }
    for field in ["labels", "annotations"] {
        if random.one_in(4) {
            kept.set(field, directed(pairs(random), random));
        }
    }
    let mut patch = map([("apiVersion", plain(api_version)), ("kind", plain(&*kind)), ("metadata", kept)]);
    if random.one_in(25) {
        patch.set("$patch", plain(random.pick(&["delete", "replace", "merge"])));
        return patch;
    }
    fill(&mut patch, &kind, random);
    direct(patch, random, 0)
}

/// Puts directives and nulls into some places.
fn direct(node: Yaml, random: &mut Random, depth: usize) -> Yaml {
    match node {
        Yaml::Map(entries) => {
            let mut out: Vec<(String, Yaml)> = Vec::new();
            for (key, value) in entries {
                let fixed = depth == 0 && matches!(key.as_str(), "apiVersion" | "kind" | "metadata");
                if fixed {
                    out.push((key, value));
                } else if random.one_in(20) {
                    out.push((key, plain("null")));
                } else {
                    out.push((key, direct(value, random, depth + 1)));
                }
            }
            let out = Yaml::Map(out);
            if depth > 0 { directed(out, random) } else { out }
        }
        Yaml::List(items) => {
            let mut items: Vec<Yaml> = items.into_iter().map(|item| direct(item, random, depth + 1)).collect();
            if random.one_in(30) {
                items.push(map([("$patch", plain(random.pick(&["replace", "delete"])))]));
            }
            Yaml::List(items)
        }
        Yaml::Flow(inner) => Yaml::Flow(Box::new(direct(*inner, random, depth))),
        other => other,
    }
}

fn directed(mut node: Yaml, random: &mut Random) -> Yaml {
    if random.one_in(25) {
        node.set("$patch", plain(random.pick(&["delete", "replace", "merge"])));
    }
    node
}

pub fn pairs(random: &mut Random) -> Yaml {
    let mut found: Vec<(String, Yaml)> = Vec::new();
    for _ in 0..=random.below(3) {
        let key = random.pick(&KEYS);
        if found.iter().all(|(known, _)| known != key) {
            found.push((key.to_owned(), text(random)));
        }
    }
    flowing(Yaml::Map(found), random)
}

/// Many keys. Go prints three like `a10`, `a1b`, `a9` in any order, so that digits come last.
fn many_pairs(random: &mut Random) -> Yaml {
    let parts = ["a", "b", "-", "_", ".", "A", "x"];
    let mut found: Vec<(String, Yaml)> = Vec::new();
    for _ in 0..30 {
        let mut key: String = random.pick(&["a", "b", "B"]).to_owned();
        key.extend((0..random.below(3)).map(|_| random.pick(&parts)));
        key.push_str(random.pick(&["k", "1", "9", "10", "01"]));
        if found.iter().all(|(known, _)| *known != key) {
            found.push((key, quoted("v")));
        }
    }
    Yaml::Map(found)
}

/// A text that holds a document, for replacements within.
fn document(random: &mut Random) -> Yaml {
    let mut inner = map([("p", scalar(random)), ("q", list(random.some(2, text))), ("r", value(random, 1))]);
    if random.one_in(3) {
        inner = Yaml::Flow(Box::new(map([("p", quoted("json")), ("q", list([plain("1"), quoted("x")]))])));
    }
    Yaml::Text(vec![inner])
}

/// A mapping in brackets, once in a while.
fn flowing(node: Yaml, random: &mut Random) -> Yaml {
    if random.one_in(4) { Yaml::Flow(Box::new(node)) } else { node }
}

/// A scalar that is a string.
pub fn text(random: &mut Random) -> Yaml {
    let plain_texts = ["v", "web", "yes", "n", "on", "1.2.3", "a b c", "http://x/y?z=1#b", "x-$(NAME)", "0o8", "12:30"];
    let odd = [
        "",
        " ",
        "5",
        "true",
        "null",
        "~",
        "010",
        "1e3",
        "it's",
        "a\nb\n",
        "a\n\nb",
        "a: b",
        "# x",
        "tab\there",
        "é☃",
        "  lead",
        "trail ",
        "\"q\"",
        "a\\b",
        "-",
        "- x",
        "2001-01-01",
        "=",
        "<<",
        "{{ x }}",
        "a\n  b\nc\n",
        "\n\nx\n\n",
        "word word word word word word word word word word word word word word word word word word word word word",
        "a,b",
        "\u{1f389}",
        "nel\u{85}x",
        "y",
        "0x1F",
        ".5",
        "1_000",
        "a:",
        "[x]",
    ];
    let styles = [Style::Single, Style::Double, Style::Double, Style::Literal, Style::Folded];
    match random.below(3) {
        0 => plain(random.pick(&plain_texts)),
        1 => quoted(random.pick(&["v", "w", "z"])),
        _ => {
            let text = random.pick(&odd);
            let style = styles[random.below(styles.len())];
            let style = if style == Style::Single && text.contains(['\n', '\u{85}']) { Style::Double } else { style };
            Yaml::Scalar(style, text.to_owned())
        }
    }
}

/// A scalar of any type.
fn scalar(random: &mut Random) -> Yaml {
    let odd = [
        "1",
        "0",
        "-5",
        "1.5",
        "1e3",
        "010",
        "0x1F",
        "true",
        "False",
        "null",
        "~",
        "9007199254740993",
        "1.0",
        "1e21",
        "123456789.5",
        "2001-01-01",
        "2001-01-01T01:02:03Z",
        "1_000",
        "+5",
        "0b11",
        "18446744073709551615",
        "!!str 5",
        "!!int \"7\"",
        ".5",
        "0.1",
        "-0",
    ];
    if random.one_in(2) { plain(random.pick(&odd)) } else { text(random) }
}

fn value(random: &mut Random, depth: usize) -> Yaml {
    let made = match random.below(if depth > 2 { 2 } else { 5 }) {
        0 | 1 => return scalar(random),
        2 => list(random.some(3, |random| value(random, depth + 1))),
        _ => {
            let names = ["p", "q", "r", "name", "image", "containers", "ref"];
            let mut entries: Vec<(String, Yaml)> = Vec::new();
            for _ in 0..random.below(4) {
                let key = random.pick(&names);
                if entries.iter().all(|(known, _)| known != key) {
                    entries.push((key.to_owned(), value(random, depth + 1)));
                }
            }
            Yaml::Map(entries)
        }
    };
    flowing(made, random)
}

fn name(random: &mut Random) -> Yaml {
    plain(random.pick(&NAMES))
}

/// Adds fields of the kind.
fn fill(object: &mut Yaml, kind: &str, random: &mut Random) {
    match kind {
        "ConfigMap" => {
            let mut data = if random.one_in(6) { many_pairs(random) } else { pairs(random) };
            if random.one_in(4) {
                data.set("conf", document(random));
            }
            object.set("data", data);
        }
        "Secret" => object.set("stringData", pairs(random)),
        "ServiceAccount" => object.set("secrets", list(random.some(2, |random| map([("name", name(random))])))),
        "Namespace" | "CustomResourceDefinition" => {}
        "Thing" if random.one_in(3) => {
            let mut spec = map([("template", map([("spec", pod(random))]))]);
            for field in ["p", "q"] {
                spec.set(field, list(random.some(2, container)));
            }
            object.set("spec", spec);
        }
        "Thing" => object.set("spec", value(random, 0)),
        "Service" => object.set("spec", service(random)),
        "Pod" => object.set("spec", pod(random)),
        "PersistentVolumeClaim" => object.set("spec", map([("volumeName", name(random))])),
        "Deployment" | "StatefulSet" => object.set("spec", workload(kind, random)),
        "CronJob" => {
            let template = map([("spec", map([("template", map([("spec", pod(random))]))]))]);
            object.set("spec", map([("jobTemplate", template)]));
        }
        "Ingress" => {
            let service = map([("name", name(random)), ("port", map([("number", plain("80"))]))]);
            let path = map([("path", plain("/")), ("backend", map([("service", service)]))]);
            let rule = map([("host", text(random)), ("http", map([("paths", list([path]))]))]);
            let tls = map([("secretName", name(random))]);
            object.set("spec", map([("rules", list([rule])), ("tls", list([tls]))]));
        }
        "NetworkPolicy" => {
            let from = map([("podSelector", map([("matchLabels", pairs(random))]))]);
            let ingress = map([("from", list([from]))]);
            object.set(
                "spec",
                map([("podSelector", map([("matchLabels", pairs(random))])), ("ingress", list([ingress]))]),
            );
        }
        "Role" => {
            let names = list(random.some(3, name));
            let rule = map([
                ("apiGroups", list([quoted("")])),
                ("resources", list([plain(random.pick(&["configmaps", "secrets"]))])),
                ("resourceNames", names),
            ]);
            object.set("rules", list([rule]));
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = random.pick(&["Role", "ClusterRole"]);
            let reference =
                map([("apiGroup", plain("rbac.authorization.k8s.io")), ("kind", plain(role)), ("name", name(random))]);
            object.set("roleRef", reference);
            let subject = |random: &mut Random| {
                let mut subject = map([("kind", plain("ServiceAccount"))]);
                subject.set("name", plain(random.pick(&["a", "default", "web"])));
                if random.one_in(2) {
                    subject.set("namespace", plain(random.pick(&NAMESPACES)));
                }
                subject
            };
            object.set("subjects", list(random.some(2, subject)));
        }
        _ => {
            let target = random.pick(&["Deployment", "StatefulSet"]);
            let reference = map([("apiVersion", plain("apps/v1")), ("kind", plain(target)), ("name", name(random))]);
            object.set("spec", map([("scaleTargetRef", reference), ("maxReplicas", plain("3"))]));
        }
    }
}

fn service(random: &mut Random) -> Yaml {
    let port = |random: &mut Random| {
        let mut port = map([("port", plain(random.pick(&["80", "443", "53"])))]);
        if random.one_in(2) {
            port.set("protocol", plain(random.pick(&["TCP", "UDP"])));
        }
        if random.one_in(2) {
            port.set("name", plain(random.pick(&["http", "dns"])));
        }
        flowing(port, random)
    };
    let mut spec = map([("ports", list(random.some(3, port)))]);
    if random.one_in(2) {
        spec.set("selector", pairs(random));
    }
    spec
}

fn workload(kind: &str, random: &mut Random) -> Yaml {
    let mut spec = map([("selector", map([("matchLabels", pairs(random))]))]);
    if random.one_in(2) {
        spec.set("replicas", plain(random.pick(&["1", "0", "\"2\""])));
    }
    let mut template = map([("spec", pod(random))]);
    if random.one_in(2) {
        template.set("metadata", map([("labels", pairs(random))]));
    }
    spec.set("template", template);
    if kind == "StatefulSet" {
        let claim = map([("metadata", map([("name", name(random))]))]);
        spec.set("volumeClaimTemplates", list([claim]));
        spec.set("serviceName", name(random));
    }
    spec
}

fn pod(random: &mut Random) -> Yaml {
    let mut spec = map([("containers", list(random.some(3, container)))]);
    if random.one_in(4) {
        spec.set("initContainers", list(random.some(2, container)));
    }
    if random.one_in(2) {
        let volume = |random: &mut Random| {
            let mut volume = map([("name", plain(random.pick(&["v", "w"])))]);
            match random.below(4) {
                0 => volume.set("configMap", map([("name", name(random))])),
                1 => volume.set("secret", map([("secretName", name(random))])),
                2 => volume.set("persistentVolumeClaim", map([("claimName", name(random))])),
                _ => volume.set("emptyDir", map::<&str>([])),
            }
            volume
        };
        spec.set("volumes", list(random.some(2, volume)));
    }
    if random.one_in(4) {
        spec.set("serviceAccountName", name(random));
    }
    if random.one_in(4) {
        let toleration = |random: &mut Random| map([("key", text(random)), ("operator", plain("Exists"))]);
        spec.set("tolerations", list(random.some(2, toleration)));
    }
    spec
}

fn container(random: &mut Random) -> Yaml {
    let mut container = map([("name", plain(random.pick(&["c", "d", "e"])))]);
    container.set("image", plain(random.pick(&IMAGES)));
    if random.one_in(3) {
        let env = |random: &mut Random| {
            let mut env = map([("name", plain(random.pick(&["A", "B", "N"])))]);
            match random.below(3) {
                0 => env.set("value", text(random)),
                1 => {
                    let key = map([("name", name(random)), ("key", plain("k"))]);
                    env.set("valueFrom", map([(random.pick(&["configMapKeyRef", "secretKeyRef"]), key)]));
                }
                _ => {}
            }
            flowing(env, random)
        };
        container.set("env", list(random.some(3, env)));
    }
    if random.one_in(3) {
        container.set("args", list(random.some(3, text)));
    }
    if random.one_in(3) {
        let port = |random: &mut Random| {
            let mut port = map([("containerPort", plain(random.pick(&["80", "81"])))]);
            if random.one_in(2) {
                port.set("protocol", plain(random.pick(&["TCP", "UDP"])));
            }
            port
        };
        container.set("ports", list(random.some(2, port)));
    }
    if random.one_in(4) {
        let from = map([(random.pick(&["configMapRef", "secretRef"]), map([("name", name(random))]))]);
        container.set("envFrom", list([from]));
    }
    flowing(container, random)
}
