//! Charts of Helm: the original with a program in the place of helm.

use crate::{copy, record};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use weir_conformance::{cases, root};

const HELM: &str = include_str!("helm.sh");

/// Writes what the original makes of each case.
pub fn builds(program: &str) -> anyhow::Result<()> {
    let all = cases(&root("kustomize-helm"))?;
    for case in &all {
        let home = tempfile::tempdir()?;
        let place = home.path().canonicalize()?;
        let helm = place.join("helm");
        std::fs::write(&helm, HELM)?;
        std::fs::set_permissions(&helm, PermissionsExt::from_mode(0o755))?;
        // Pulled charts are left in it.
        let input = place.join("input");
        copy(&case.folder.join("input"), &input, &str::to_owned)?;
        let output = Command::new(program)
            .args(["build", "--enable-helm", &case.path])
            .current_dir(&input)
            .env("PATH", format!("{}:/usr/bin:/bin", place.display()))
            .env("PULLED", case.folder.join("pulled"))
            .output()?;
        record(case, &output, |text| {
            let text = text.replace(&*input.to_string_lossy(), "INPUT");
            let said = text.lines().filter(|line| !line.starts_with("# Warning")).map(without_temporary);
            said.collect::<Vec<_>>().join("\n")
        })?;
    }
    println!("{} charts", all.len());
    Ok(())
}

/// The line without the names of folders that are others each time.
fn without_temporary(line: &str) -> String {
    let start = format!("{}/kustomize-", std::env::temp_dir().display());
    let mut parts = line.split(&*start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("TMP");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-'));
    }
    out
}
