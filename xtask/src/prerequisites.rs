//! Programs that the tests need, and how to get each.

use std::path::Path;
use std::process::{Command, Stdio};

const NEEDED: [(&str, &str, &str); 3] = [
    ("git", "--version", "apt-get install git"),
    ("go", "version", "https://go.dev/doc/install (1.26 or later)"),
    ("cc", "--version", "apt-get install gcc"),
];

/// Where OpenSSH's server may be; it is in few users' PATH.
const SSHD: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

/// Says what is missing, with the command that installs it.
pub fn check() -> Result<(), String> {
    let mut missing: Vec<String> = NEEDED
        .iter()
        .filter(|(program, flag, _)| {
            let found = Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
            !found.is_ok_and(|status| status.success())
        })
        .map(|(program, _, how)| format!("  {program}: {how}"))
        .collect();
    if !SSHD.iter().any(|place| Path::new(place).exists()) {
        missing.push("  sshd: apt-get install openssh-server".to_owned());
    }
    // Debian has the module apart from the program, and in two parts.
    let venv = Command::new("python3").args(["-c", "import venv, ensurepip"]).stderr(Stdio::null()).status();
    if !venv.is_ok_and(|status| status.success()) {
        missing.push("  python3 with venv: apt-get install python3-venv".to_owned());
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("the tests need\n{}", missing.join("\n"))) }
}
