//! Programs that the tests need, and how to get each.

use std::process::{Command, Stdio};

const NEEDED: [(&str, &str, &str); 3] = [
    ("git", "--version", "apt-get install git"),
    ("go", "version", "https://go.dev/doc/install (1.26 or later)"),
    ("cc", "--version", "apt-get install gcc"),
];

/// Says what is missing, with the command that installs it.
pub fn check() -> Result<(), String> {
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|(program, flag, _)| {
            let found = Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
            !found.is_ok_and(|status| status.success())
        })
        .map(|(program, _, how)| format!("  {program}: {how}"))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("the tests need\n{}", missing.join("\n"))) }
}
