//! moto, AWS's services as somebody else wrote them, in the user's cache.

use crate::command::{root, run};
use crate::kubed::cache;
use std::path::PathBuf;
use std::process::Command;

/// With everything that it needs, each in one version.
const REQUIREMENTS: &str = "xtask/src/moto.txt";
const NAME: &str = "moto==";

/// Installs the version that is pinned, where it is not there yet, and returns its server.
pub fn install() -> Result<PathBuf, String> {
    let list = root().join(REQUIREMENTS);
    let text = std::fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    let version = text.lines().find_map(|line| line.strip_prefix(NAME)).ok_or("no moto in its own list")?;
    let target = cache()?.join(format!("moto-{version}"));
    let program = target.join("bin/moto_server");
    if !target.join("installed").exists() {
        // What is left of an attempt that failed; there may be nothing. A venv has its own path in it, so that it
        // is made where it stays, and marked when it is whole.
        let _ = std::fs::remove_dir_all(&target);
        run(Command::new("python3").args(["-m", "venv"]).arg(&target))?;
        let mut pip = Command::new(target.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
        // `cargo xtask moto` prints a path and nothing else.
        run(pip.arg(&list).stdout(std::io::stderr()))?;
        std::fs::write(target.join("installed"), "").map_err(|error| format!("{}: {error}", target.display()))?;
    }
    Ok(program)
}
