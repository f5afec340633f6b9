//! Labels and annotations of every style, set by several layers on objects that have them already: what is set in
//! several places of an object is one node to kustomize.

use super::{Texts, file};
use crate::random::Random;

const KEYS: [&str; 8] = ["a", "a", "b", "b", "example.com/c", "\"d\"", "on", "e.f"];
/// Values; what is behind the first line stands two columns further in than the key.
const VALUES: [&str; 24] = [
    "w",
    "v",
    "\"1\"",
    "'yes'",
    "\"on\"",
    "\"\"",
    "\"2026-01-02\"",
    "'it''s'",
    "two words",
    "\"a: b # c\"",
    "\" x \"",
    "\"one\\ntwo\\n\"",
    "\"one\\n\\n two\"",
    ">-\nfolded",
    ">\nfolded\n\nmore",
    ">+\nfolded\n\n\nmore\n\n",
    ">2+\n\n\nx\n\n",
    "|-\nliteral",
    "|\nliteral\n\n  more",
    "|+\nliteral\n\n",
    "!!str 12",
    "!!str >-\ntagged",
    "\"0x10\"",
    "\"1e3\"",
];
/// Values of labels on objects may be these too.
const ODD: [&str; 8] = ["1", "true", "null", "", "~", "1.50", "2026-01-02", "yes"];

pub fn labels(random: &mut Random) -> Texts {
    let objects: Vec<String> = (0..1 + random.below(3)).map(|at| object(random, at)).collect();
    let mut files = vec![file("base/all.yaml", objects.join("---\n"))];
    let layers: &[(&str, &str)] =
        [&[("", "base"), ("base/", "all.yaml")][..], &[("", "middle"), ("middle/", "../base"), ("base/", "all.yaml")]]
            [random.below(2)];
    for (folder, resource) in layers {
        let text = format!("resources: [{resource}]\n{}", layer(random));
        files.push(file(&format!("{folder}kustomization.yaml"), text));
    }
    files
}

fn object(random: &mut Random, at: usize) -> String {
    let kind = random.pick(&["Deployment", "Service", "CronJob", "ConfigMap", "Thing"]);
    let mut text = match kind {
        "Deployment" => "apiVersion: apps/v1\n",
        "CronJob" => "apiVersion: batch/v1\n",
        "Thing" => "apiVersion: example.com/v1\n",
        _ => "apiVersion: v1\n",
    }
    .to_owned();
    text.push_str(&format!("kind: {kind}\nmetadata:\n  name: x{at}\n"));
    text.push_str(&pairs(random, "labels", 2, true));
    text.push_str(&pairs(random, "annotations", 2, true));
    match kind {
        "Deployment" => {
            text.push_str("spec:\n  replicas: 1\n");
            let selector = pairs(random, "matchLabels", 4, true);
            text.push_str(if selector.is_empty() { "" } else { "  selector:\n" });
            text.push_str(&selector);
            text.push_str("  template:\n    metadata:\n      name: t\n");
            text.push_str(&pairs(random, "labels", 6, true));
            text.push_str(&pairs(random, "annotations", 6, false));
        }
        "CronJob" => {
            text.push_str("spec:\n  jobTemplate:\n    metadata:\n      name: j\n");
            text.push_str(&pairs(random, "labels", 6, true));
            text.push_str("    spec:\n      template:\n        metadata:\n          name: t\n");
            text.push_str(&pairs(random, "labels", 10, false));
        }
        "Service" => {
            text.push_str("spec:\n  type: ClusterIP\n");
            text.push_str(&pairs(random, "selector", 2, true));
        }
        "Thing" => {
            text.push_str("spec:\n  extra:\n    z: y\n");
            text.push_str(&pairs(random, "more", 4, true));
        }
        _ => {}
    }
    text
}

/// A mapping with some keys, or nothing.
fn pairs(random: &mut Random, field: &str, indent: usize, with_odd: bool) -> String {
    if random.one_in(3) {
        return String::new();
    }
    let mut text = format!("{:indent$}{field}:\n", "");
    let mut used = Vec::new();
    for _ in 0..1 + random.below(2) {
        let key = random.pick(&KEYS);
        if used.contains(&key) {
            continue;
        }
        used.push(key);
        let odd = with_odd && random.one_in(8);
        let value = if odd { random.pick(&ODD) } else { random.pick(&VALUES) };
        text.push_str(&entry(key, value, indent + 2));
    }
    text
}

fn entry(key: &str, value: &str, indent: usize) -> String {
    let mut lines = value.split('\n');
    let mut text = format!("{:indent$}{key}: {}\n", "", lines.next().unwrap_or_default());
    for line in lines {
        let inner = if line.is_empty() { 0 } else { indent + 2 };
        text.push_str(&format!("{:inner$}{line}\n", ""));
    }
    text
}

fn layer(random: &mut Random) -> String {
    let mut text = String::new();
    if random.one_in(2) {
        text.push_str(&pairs(random, "commonLabels", 0, false));
    }
    if random.one_in(2) {
        text.push_str(&pairs(random, "commonAnnotations", 0, false));
    }
    let lists = random.some(2, |random| {
        let pairs = pairs(random, "pairs", 2, false);
        let mut label = if pairs.is_empty() { "  pairs: {a: q}\n".to_owned() } else { pairs };
        for option in ["includeSelectors", "includeTemplates"] {
            if random.one_in(2) {
                label.push_str(&format!("  {option}: true\n"));
            }
        }
        if random.one_in(3) {
            let path = random.pick(&["spec/extra", "spec/more", "spec/template/metadata/annotations", "data"]);
            label.push_str(&format!("  fields: [{{path: {path}, create: {}}}]\n", random.pick(&["true", "false"])));
        }
        label.replacen("  ", "- ", 1)
    });
    if !lists.is_empty() {
        text.push_str(&format!("labels:\n{}", lists.concat()));
    }
    if random.one_in(4) {
        let label = entry(random.pick(&KEYS), random.pick(&VALUES), 8);
        let field = random.pick(&["labels", "annotations"]);
        text.push_str(&format!(
            "patches:\n- target: {{name: x.*}}\n  patch: |\n    apiVersion: v1\n    kind: Any\n    metadata:\n      name: x\n      \
             {field}:\n{label}"
        ));
    }
    if random.one_in(5) {
        let (from, to) = (random.pick(&["a", "b"]), random.pick(&["labels.a", "annotations.b", "labels.new"]));
        text.push_str(&format!(
            "replacements:\n- source: {{name: x0, fieldPath: metadata.labels.{from}}}\n  targets:\n  - select: {{name: x0}}\n    \
             fieldPaths: [metadata.{to}]\n    options: {{create: true}}\n"
        ));
    }
    text
}
