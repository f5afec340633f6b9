//! What a source costs, beside what git and tar cost for the same in the same run.
//!
//! `cargo xtask bench git [polls|clone]`. Needs some 3 GiB of disk for the large repository.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot go on fails where it stands"
)]

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use weir_e2e::{Cluster, Controller, free_port, http_get};
use weir_testkit::{GitHttp, GitRepo, eventually_within};

const FILES: usize = 20_000;
const FILE_BYTES: usize = 25_000;
const OBJECTS: usize = 1000;

fn main() {
    let cluster = Cluster::sandbox();
    let _server = cluster.served();
    let data = tempfile::tempdir().unwrap();
    let args = [
        format!("--storage-path={}", data.path().display()),
        format!("--storage-addr=127.0.0.1:{}", free_port()),
        "--concurrent=4".to_owned(),
    ];
    let controller = Controller::start(cluster.kubeconfig(), "source", &args.each_ref().map(String::as_str));
    cluster.kubectl().apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: bench}\n").unwrap();
    let only = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("polls") {
        polls(&cluster, &controller);
    }
    if wanted("clone") {
        clone(&cluster, &controller);
    }
}

/// Clone and publish, against git and tar.
fn clone(cluster: &Cluster, controller: &Controller) {
    let repo = large();
    let server = GitHttp::serve(repo.path());
    let url = server.url(".git");
    let scratch = tempfile::tempdir().unwrap();
    let (git_seconds, git_peak) = measured(
        Command::new("sh")
            .arg("-c")
            .arg(format!("git clone -q --depth 1 {url} out && tar czf out.tgz --exclude=.git out"))
            .current_dir(scratch.path()),
    );
    let before = controller.process().memory();
    let began = Instant::now();
    let spec = format!("{{interval: 1h, timeout: 600s, url: '{url}', ref: {{branch: main}}}}");
    cluster.kubectl().apply(&object("large", &spec)).unwrap();
    let own = std::cell::Cell::new(0);
    eventually_within(Duration::from_secs(600), "large", || {
        own.set(controller.process().own_memory().max(own.get()));
        is_ready(cluster, "large")
    });
    let seconds = began.elapsed().as_secs_f64();
    let peak = controller.process().peak_memory();
    println!("clone and publish {FILES} files of {FILE_BYTES} bytes");
    println!("  git clone --depth 1, tar czf   {git_seconds:>7.1} s  {:>6} MiB", git_peak >> 20);
    println!("  weir, without pages of files           {:>7} MiB", own.get() >> 20);
    println!("  weir                           {seconds:>7.1} s  {:>6} MiB ({} MiB before)", peak >> 20, before >> 20);
    println!(
        "  ratio                          {:>7.2}    {:>6.2}",
        seconds / git_seconds,
        peak as f64 / git_peak as f64
    );
}

/// Polls without a change, and what an object costs that does nothing.
fn polls(cluster: &Cluster, controller: &Controller) {
    let kubectl = cluster.kubectl();
    let repo = GitRepo::new(&[("a.yaml", "a: 1")]);
    let server = GitHttp::serve(repo.path());
    let url = server.url(".git");
    let idle = controller.process().memory();
    let all = |suspend: bool| {
        let mut text = String::new();
        for at in 0..OBJECTS {
            let spec = format!("{{interval: 1h, suspend: {suspend}, url: '{url}', ref: {{branch: main}}}}");
            writeln!(text, "---\n{}", object(&format!("repo-{at}"), &spec)).unwrap();
        }
        kubectl.apply(&text).unwrap();
    };
    all(true);
    eventually_within(Duration::from_secs(120), "all are seen", || {
        let seen = series(controller, "controller_runtime_reconcile_total");
        if seen as usize >= OBJECTS { Ok(()) } else { Err(seen.to_string()) }
    });
    let suspended = controller.process().memory();
    all(false);
    for at in 0..OBJECTS {
        ready(cluster, &format!("repo-{at}"));
    }
    let (cpu, asked, requests) =
        (controller.process().cpu_seconds(), server.requests(), series(controller, "rest_client_requests_total"));
    let began = Instant::now();
    let annotation = "reconcile.fluxcd.io/requestedAt=again";
    kubectl.run(&["annotate", "gitrepositories", "-n", "bench", "--all", annotation]).unwrap();
    eventually_within(Duration::from_secs(300), "all are handled", || {
        let list = kubectl.json(&["get", "gitrepositories", "-n", "bench"])?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let left = items.iter().filter(|item| item["status"]["lastHandledReconcileAt"] != "again").count();
        if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
    });
    let seconds = began.elapsed().as_secs_f64();
    let each = |total: f64| total / OBJECTS as f64;
    println!("{OBJECTS} GitRepositories");
    println!("  resident, nothing watched      {:>7} MiB", idle >> 20);
    println!("  resident per suspended object  {:>7.1} KiB", each(suspended.saturating_sub(idle) as f64) / 1024.0);
    println!(
        "  resident per ready object      {:>7.1} KiB",
        each(controller.process().memory().saturating_sub(idle) as f64) / 1024.0
    );
    println!("  a poll without a change        {:>7.2} requests to Git", each((server.requests() - asked) as f64));
    println!(
        "                                 {:>7.2} requests to the API server",
        each(series(controller, "rest_client_requests_total") - requests)
    );
    println!(
        "                                 {:>7.2} ms of CPU",
        each(controller.process().cpu_seconds() - cpu) * 1000.0
    );
    println!("                                 {seconds:>7.1} s for all, git http-backend's processes included");
}

fn object(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: {name}, namespace: bench}}\nspec: {spec}"
    )
}

fn ready(cluster: &Cluster, name: &str) {
    eventually_within(Duration::from_secs(600), name, || is_ready(cluster, name));
}

fn is_ready(cluster: &Cluster, name: &str) -> Result<(), String> {
    let object = cluster.kubectl().json(&["get", "gitrepository", "-n", "bench", name])?;
    match object["status"].get("artifact") {
        Some(_) => Ok(()),
        None => Err(object["status"].to_string()),
    }
}

/// Sum of a series of the controller.
fn series(controller: &Controller, name: &str) -> f64 {
    let text = http_get(controller.metrics, "/metrics").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// 500 MB of text that compresses as manifests do, somewhat.
fn large() -> GitRepo {
    let repo = GitRepo::empty();
    let mut state = 0x2026_1124_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for at in 0..FILES {
        let mut text = String::with_capacity(FILE_BYTES + 64);
        while text.len() < FILE_BYTES {
            writeln!(text, "  key-{}: {:08x}{:08x}", next() % 50, next(), next()).unwrap();
        }
        let folder = repo.path().join(format!("apps/team-{}/app-{}", at % 20, at % 500));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("file-{at}.yaml")), text).unwrap();
    }
    repo.commit(&[], &[], "much");
    // There is nothing alike to be found, and looking for it would take the server most of the time.
    repo.git(&["config", "pack.window", "0"]);
    repo.git(&["repack", "-q", "-a", "-d"]);
    repo
}

/// Seconds, and the most bytes that the processes of a command had resident together.
fn measured(command: &mut Command) -> (f64, u64) {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).process_group(0).spawn().unwrap();
    let group = child.id().to_string();
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return (began.elapsed().as_secs_f64(), peak);
        }
        peak = peak.max(resident(&group));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn resident(group: &str) -> u64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        (fields.get(2) == Some(&group)).then(|| status_bytes(&entry.path().join("status"), "VmRSS:")).flatten()
    });
    processes.sum()
}

fn status_bytes(path: &Path, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}
