//! `kustomize build` and ours on the same folders, in one run.

use super::process::{Cost, best};
use crate::command::{cargo, read, root, run as execute};
use crate::conformance;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Instructions of the last recorded run, by folder.
const RECORD: &str = "xtask/src/bench/kustomize.txt";
/// What callgrind counts differs from run to run by less than that.
const NOISE: f64 = 0.02;

/// Folders with overlays, and what each is.
const FOLDERS: [(&str, &str); 5] = [
    ("small", "a small overlay"),
    ("chain-500", "500 objects through three overlays"),
    ("chain-1000", "1,000 objects through three overlays"),
    ("chain-2000", "2,000 objects through three overlays"),
    ("fan", "200 overlays of one base"),
];

pub fn run(record: bool) -> Result<(), String> {
    execute(cargo().args(["build", "--locked", "--release", "--package", "weir"]))?;
    let (ours, original) = (root().join("target/release/weir"), conformance::kustomize()?);
    let home = root().join("target/bench/kustomize");
    let _ = std::fs::remove_dir_all(&home);
    write(&home)?;
    println!(
        "{:<40} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7}",
        "", "kustomize", "weir", "ratio", "kustomize", "weir", "ratio"
    );
    for (folder, what) in FOLDERS {
        let path = home.join(folder).display().to_string();
        same(&original, &ours, &path)?;
        let theirs = best(&original, &["build".to_owned(), path.clone()])?;
        let own = best(&ours, &["kustomize".to_owned(), "build".to_owned(), path])?;
        let mib = |cost: &Cost| cost.peak_kib as f64 / 1024.0;
        println!(
            "{what:<40} {:>7.3} s {:>7.3} s {:>7.1} {:>5.1} MiB {:>5.1} MiB {:>7.1}",
            theirs.seconds,
            own.seconds,
            theirs.seconds / own.seconds,
            mib(&theirs),
            mib(&own),
            mib(&theirs) / mib(&own)
        );
    }
    counted(&ours, &home, record)
}

/// Both have to print the same, or the comparison says nothing.
fn same(original: &Path, ours: &Path, folder: &str) -> Result<(), String> {
    let theirs = read(Command::new(original).args(["build", folder]))?;
    let own = read(Command::new(ours).args(["kustomize", "build", folder]))?;
    if theirs == own { Ok(()) } else { Err(format!("{folder}: the outputs differ")) }
}

/// The instructions of each build, beside what was recorded.
fn counted(ours: &Path, home: &Path, record: bool) -> Result<(), String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("no instructions are counted: valgrind is not installed");
        return Ok(());
    }
    let file = root().join(RECORD);
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let (mut text, mut worse) = (String::new(), Vec::new());
    println!("{:<40} {:>15} {:>15}", "millions of instructions", "recorded", "now");
    for (folder, what) in FOLDERS {
        let millions = instructions(ours, &home.join(folder))? / 1e6;
        let recorded = before.lines().find_map(|line| line.strip_prefix(folder)?.trim().parse::<f64>().ok());
        println!("{what:<40} {:>15} {millions:>15.0}", recorded.map_or("-".to_owned(), |count| format!("{count:.0}")));
        let _ = writeln!(text, "{folder} {millions:.0}");
        worse.extend(recorded.filter(|count| millions > count * (1.0 + NOISE)).map(|_| folder));
    }
    if record {
        return std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()));
    }
    match worse[..] {
        [] => Ok(()),
        _ => Err(format!(
            "more instructions than recorded: {} (bench kustomize --record takes them over)",
            worse.join(", ")
        )),
    }
}

fn instructions(ours: &Path, folder: &Path) -> Result<f64, String> {
    let mut run = Command::new("valgrind");
    run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(ours).args(["kustomize", "build"]).arg(folder);
    let ended = run.output().map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&ended.stderr);
    let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind counted nothing: {text}"))
}

fn write(home: &Path) -> Result<(), String> {
    let put = |path: PathBuf, text: &str| {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}", path.display()))
    };
    for (folder, objects) in [("small", 3), ("chain-500", 500), ("chain-1000", 1000), ("chain-2000", 2000)] {
        let all: Vec<String> = (0..objects).map(object).collect();
        put(home.join(folder).join("base/all.yaml"), &all.join("---\n"))?;
        put(home.join(folder).join("base/kustomization.yaml"), "resources: [all.yaml]\nlabels: [{pairs: {app: x}}]\n")?;
        put(
            home.join(folder).join("middle/kustomization.yaml"),
            "resources: [../base]\nnamePrefix: a-\nnamespace: team\ncommonAnnotations: {team: web}\n\
             configMapGenerator: [{name: settings, literals: [a=b]}]\n",
        )?;
        put(
            home.join(folder).join("kustomization.yaml"),
            "resources: [middle]\nimages: [{name: nginx, newTag: '1.29'}]\nreplicas: [{name: app-1, count: 3}]\n\
             patches:\n- target: {kind: Deployment}\n  patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    \
             metadata: {name: any}\n    spec: {template: {spec: {containers: [{name: app, env: [{name: A, value: b}]}]}}}\n",
        )?;
    }
    let fan = home.join("fan");
    put(fan.join("base/all.yaml"), &(0..3).map(object).collect::<Vec<_>>().join("---\n"))?;
    put(fan.join("base/kustomization.yaml"), "resources: [all.yaml]\n")?;
    let names: Vec<String> = (0..200).map(|at| format!("overlay-{at}")).collect();
    for name in &names {
        let text =
            format!("resources: [../base]\nnamePrefix: {name}-\nimages: [{{name: nginx, newTag: '{}'}}]\n", name.len());
        put(fan.join(name).join("kustomization.yaml"), &text)?;
    }
    put(fan.join("kustomization.yaml"), &format!("resources: [{}]\n", names.join(", ")))
}

/// Every third is a Deployment, a Service or a ConfigMap.
fn object(at: usize) -> String {
    match at % 3 {
        0 => format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-{at}\ndata:\n  key: value {at}\n  text: |\n    one\n    two\n"
        ),
        1 => format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{at}\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      \
             app: app-{at}\n  template:\n    metadata:\n      labels:\n        app: app-{at}\n    spec:\n      containers:\n      - name: app\n        \
             image: nginx:1\n        envFrom:\n        - configMapRef:\n            name: settings\n        ports:\n        - containerPort: 80\n"
        ),
        _ => format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: service-{at}\nspec:\n  selector:\n    app: app-{at}\n  ports:\n  - port: 80\n"
        ),
    }
}
