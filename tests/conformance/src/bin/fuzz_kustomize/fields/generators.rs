//! Env files, literals and files of generators; images.

use super::{Texts, file, flow_list, flow_map, quote, some_fields};
use crate::random::Random;

const LINES: [&str; 15] = [
    "",
    "#c",
    "A=1",
    "KEY=\"q v\"",
    "K='s'",
    "X= sp ",
    "  Y=2",
    "NOVAL",
    "=noname",
    "E=",
    "a=b=c",
    "export Z=1",
    "T=\t1",
    "HOME",
    "u=é",
];
const PIECES: [&str; 34] = [
    "A", "B", "KEY", "a.b", "a-b", "1", "_", "=", "=", "=", "#", " ", "  ", "\t", "\"", "'", "\\", "\\n", "x", "value",
    "${A}", "$A", "é", "\r", "\n", "\n", "\n", ":", "export ", "/", "\u{feff}", "\u{2028}", ",", "\u{0}",
];
const LITERALS: [&str; 27] = [
    "a=b",
    "a=\"b\"",
    "a='b'",
    "a=",
    "=b",
    "a",
    "a=b=c",
    " a=b",
    "a = b",
    "a=\"b",
    "a=\"b\"c",
    "k=\"a\\nb\"",
    "x.y=1",
    "é=1",
    "a/b=1",
    "_=1",
    "-=1",
    ".=1",
    "..=1",
    "a=\n",
    "a=\"",
    "a=\"\"\"",
    "a='\"'",
    "a=\" x \"",
    "a=010",
    "a=yes",
    "n=multi\nline",
];
const FILES: [&str; 19] = [
    "f.txt",
    "k=f.txt",
    "f.txt=",
    "=f.txt",
    "a=b=f.txt",
    "none.txt",
    "sub/f.txt",
    "k=sub/f.txt",
    "sub",
    "\"f.txt\"",
    "./f.txt",
    "k=./f.txt",
    "../f.txt",
    "a b.txt",
    "é.txt",
    ".hidden",
    "k/l=f.txt",
    "empty",
    "crlf",
];
const OPTIONS: [&str; 4] =
    ["{disableNameSuffixHash: true}", "{immutable: true}", "{labels: {a: b}}", "{annotations: {a: 1}}"];

pub fn sources(random: &mut Random) -> Texts {
    let kind = random.pick(&["configMapGenerator", "secretGenerator"]);
    let quoted = |list: &[&str], random: &mut Random| {
        let one = |random: &mut Random| quote(random.pick(list));
        let count = 1 + random.below(2);
        flow_list(&(0..count).map(|_| one(random)).collect::<Vec<_>>())
    };
    let mut fields = some_fields(
        random,
        &mut [
            ("literals", 50, &mut |random| quoted(&LITERALS, random)),
            ("files", 40, &mut |random| quoted(&FILES, random)),
            ("envs", 40, &mut |random| random.pick(&["[e.env]", "[e.env, f.env]"]).to_owned()),
            ("env", 10, &mut |_| "e.env".to_owned()),
            ("options", 20, &mut |random| random.pick(&OPTIONS).to_owned()),
        ],
    );
    if kind == "secretGenerator" && random.one_in(3) {
        fields.push(format!("type: {}", random.pick(&["Opaque", "kubernetes.io/tls", "x", "\"\"", "5"])));
    }
    fields.push("name: g".to_owned());
    vec![
        file("kustomization.yaml", format!("{kind}:\n- {}\n", flow_map(&fields))),
        file("e.env", env_file(random)),
        file("f.env", env_file(random)),
        file("f.txt", "hello\n"),
        file("sub/f.txt", "sub"),
        file("a b.txt", "ab"),
        file("é.txt", "e"),
        file(".hidden", "h"),
        file("empty", ""),
        file("crlf", "a\r\nb\r\n"),
    ]
}

fn env_file(random: &mut Random) -> String {
    let mark = if random.one_in(20) { "\u{feff}" } else { "" };
    let text = match random.one_in(2) {
        true => random.some(3, |random| random.pick(&LINES)).join("\n"),
        false => random.some(11, |random| random.pick(&PIECES)).concat(),
    };
    format!("{mark}{text}")
}

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const IMAGES: [&str; 28] = [
    "nginx",
    "nginx:1",
    "nginx:1.2.3",
    "repo/nginx",
    "reg:5000/nginx",
    "reg:5000/a/b:v1",
    "reg.io/nginx@DIGEST",
    "nginx:1@DIGEST",
    "nginx@sha256:x",
    ":v1",
    "nginx:",
    "@",
    "nginx@",
    "a:b:c",
    "NGINX",
    "nginx ",
    "",
    "127.0.0.1:80/x:y",
    "*",
    "n.*",
    "ng*",
    "[n]ginx",
    "nginx-ext",
    "docker.io/library/nginx",
    "é",
    "nginx:latest",
    "x/y/z/nginx:1",
    "nginx/",
];
const TAGS: [&str; 12] =
    ["v2", "\"1.0\"", "1.0", "1", "0x10", "1e3", "\"\"", "null", "true", "\"a b\"", "latest", ":x"];

fn image(random: &mut Random) -> String {
    quote(&random.pick(&IMAGES).replace("DIGEST", DIGEST))
}

pub fn images(random: &mut Random) -> Texts {
    let entry = |random: &mut Random| {
        let mut fields = some_fields(
            random,
            &mut [
                ("newName", 40, &mut image),
                ("newTag", 50, &mut |random| random.pick(&TAGS).to_owned()),
                ("digest", 30, &mut |random| random.pick(&[DIGEST, "sha256:abc", "\"\"", "x"]).to_owned()),
                ("tagSuffix", 25, &mut |random| random.pick(&["-x", "\"\"", "\"@y\"", "1", "-"]).to_owned()),
            ],
        );
        fields.push(format!("name: {}", if random.one_in(4) { image(random) } else { "nginx".to_owned() }));
        flow_map(&fields)
    };
    let entries: Vec<String> = (0..1 + random.below(2)).map(|_| entry(random)).collect();
    let mut objects = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  template:\n    spec:\n      \
         initContainers:\n      - {{name: i, image: {}}}\n      containers:\n",
        image(random)
    );
    for at in 0..5 {
        objects.push_str(&format!("      - {{name: c{at}, image: {}}}\n", image(random)));
    }
    if random.one_in(3) {
        objects.push_str(
            "---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec:\n  image: nginx\n  containers:\n  \
             - image: nginx:1\n  - image: null\n  - image: 5\n  - image: [nginx]\n  - name: x\n",
        );
    }
    vec![
        file("kustomization.yaml", format!("resources: [all.yaml]\nimages: {}\n", flow_list(&entries))),
        file("all.yaml", objects),
    ]
}
