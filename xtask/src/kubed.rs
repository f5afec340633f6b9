//! The real control plane, built once per state of tools/kubed and kept in the user's cache.

use crate::command::{root, run};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

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

fn cache() -> Result<PathBuf, String> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let dir = base.join("weir");
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}
