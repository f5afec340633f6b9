//! GitRepositories over the network: `weir controller source` against real servers on loopback.

mod bound;
mod content;
mod hostile;
mod transport;

use serde_json::Value;
use std::path::{Path, PathBuf};
use weir_e2e::{Cluster, Controller, condition, free_port};
use weir_testkit::eventually;

/// A running source controller, and where it keeps its artifacts.
struct Source {
    controller: Controller,
    data: tempfile::TempDir,
}

impl Source {
    fn start(cluster: &Cluster, args: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let controller = run(cluster, data.path(), args);
        Self { controller, data }
    }

    /// The artifacts on disk of an object.
    fn files(&self, space: &str, name: &str) -> Vec<PathBuf> {
        let folder = self.data.path().join("gitrepository").join(space).join(name);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_none_or(|extension| extension != "lock"));
        files.sort();
        files
    }
}

fn run(cluster: &Cluster, data: &Path, args: &[&str]) -> Controller {
    let own = [format!("--storage-path={}", data.display()), format!("--storage-addr=127.0.0.1:{}", free_port())];
    let args: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
    Controller::start(cluster.kubeconfig(), "source", &args)
}

/// A GitRepository; `more` are lines of its spec.
fn source(space: &str, name: &str, url: &str, more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: {name}, namespace: {space}}}
spec:
  interval: 1h
  url: {url}
{more}"
    )
}

fn secret(space: &str, name: &str, data: &[(&str, &str)]) -> String {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    let data = Value::Object(data);
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {space}}}\nstringData: {data}\n")
}

/// Asks for a pass and waits until it is answered.
fn request(cluster: &Cluster, space: &str, name: &str, at: &str) -> Value {
    let annotation = format!("reconcile.fluxcd.io/requestedAt={at}");
    cluster.kubectl().run(&["annotate", "--overwrite", "gitrepository", "-n", space, name, &annotation]).unwrap();
    eventually("the request is handled", || {
        let object = cluster.kubectl().json(&["get", "gitrepository", "-n", space, name])?;
        if object["status"]["lastHandledReconcileAt"] == at { Ok(object) } else { Err(object["status"].to_string()) }
    })
}

fn revision(object: &Value) -> &str {
    object["status"]["artifact"]["revision"].as_str().unwrap_or_default()
}

/// Status, reason and message of a condition.
fn told(object: &Value, kind: &str) -> (String, String, String) {
    let found = condition(object, kind).cloned().unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// Paths of an artifact's files.
fn paths(archive: &Path) -> Vec<String> {
    let output = std::process::Command::new("tar").arg("tvzf").arg(archive).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.lines().filter(|line| line.starts_with('-'));
    files.filter_map(|line| line.split(' ').next_back()).map(str::to_owned).collect()
}
