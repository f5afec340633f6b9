//! The real control plane, built once per state of tools/kubed and kept in the user's cache.

use crate::command::{root, run};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Builds tools/kubed where it is not built yet; takes some ten minutes on two cores.
pub fn build() -> Result<PathBuf, String> {
    let source = root().join("tools/kubed");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&source)
        .map_err(|error| format!("{}: {error}", source.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "go" || e == "mod" || e == "sum"))
        .collect();
    names.sort();
    let mut hasher = DefaultHasher::new();
    for name in &names {
        std::fs::read(name).map_err(|error| format!("{}: {error}", name.display()))?.hash(&mut hasher);
    }
    let target = cache()?.join(format!("kubed-{:016x}", hasher.finish()));
    if !target.exists() {
        eprintln!("building tools/kubed; this takes some ten minutes the first time");
        let partial = target.with_extension("partial");
        let mut go = Command::new("go");
        go.args(["-C", "tools/kubed", "build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&partial).arg(".");
        run(&mut go)?;
        std::fs::rename(&partial, &target).map_err(|error| format!("{}: {error}", target.display()))?;
    }
    Ok(target)
}

/// Starts a new control plane with its data in a folder, and ends it when the work with its kubeconfig is done.
pub fn while_up(dir: &Path, work: impl FnOnce(&str) -> Result<(), String>) -> Result<(), String> {
    // What an earlier run left there is no part of this one. There may be nothing.
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut server = Command::new(build()?)
        .args(["up", "--dir"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("kubed: {error}"))?;
    let result = ready(&mut server).and_then(|kubeconfig| work(&kubeconfig));
    let _ = server.kill();
    let _ = server.wait();
    result
}

fn ready(server: &mut Child) -> Result<String, String> {
    let mut line = String::new();
    let stdout = server.stdout.take().ok_or("kubed has no output")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("kubed: {error}"))?;
    let kubeconfig = line.trim().strip_prefix("ready ").ok_or("kubed did not become ready")?;
    Ok(kubeconfig.to_owned())
}

pub fn cache() -> Result<PathBuf, String> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let dir = base.join("weir");
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}
