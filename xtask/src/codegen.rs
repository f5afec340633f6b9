//! Files that are made from the code and committed.

use crate::command::root;
use std::path::PathBuf;

pub fn run(check: bool) -> Result<(), String> {
    let folder = root().join("config/crd");
    let mut stale = Vec::new();
    let mut wanted = Vec::new();
    for definition in weir_api::crds() {
        let (name, text) = weir_api::crd::to_file(&definition);
        let path = folder.join(name);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            if check {
                stale.push(path.display().to_string());
            } else {
                write(&path, &text)?;
            }
        }
        wanted.push(path);
    }
    let present = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in present.flatten().map(|entry| entry.path()).filter(|path| !wanted.contains(path)) {
        stale.push(format!("{} (made by nothing)", path.display()));
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("not up to date, run `cargo xtask codegen`:\n  {}", stale.join("\n  ")))
}

fn write(path: &PathBuf, text: &str) -> Result<(), String> {
    eprintln!("wrote {}", path.display());
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
