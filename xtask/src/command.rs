use std::path::PathBuf;
use std::process::Command;

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// Runs a command at the root, its output shown; fails when it does.
pub fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let status = command.current_dir(root()).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

/// Runs a command at the root and returns its standard output.
pub fn read(command: &mut Command) -> Result<Vec<u8>, String> {
    let shown = format!("{command:?}");
    let output = command.current_dir(root()).output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The id of the commit that is checked out.
pub fn commit() -> Result<String, String> {
    let output = read(Command::new("git").args(["rev-parse", "HEAD"]))?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}
