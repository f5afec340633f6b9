//! Remote bases: how the original takes a URL apart, and what it builds from repositories.

use crate::copy;
use anyhow::{Context, ensure};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use weir_conformance::remote::{REPOSITORIES, RepoCase, Split, cases, specs_file};

/// Stands in for git: notes its words, and clones nothing.
const GIT: &str = "#!/bin/sh\necho \"$@\" >> \"$GIT_NOTES\"\n";

/// Writes what the original makes of each URL.
pub fn specs(program: &str) -> anyhow::Result<()> {
    let file = specs_file();
    let mut all: Vec<RepoCase> = serde_json::from_slice(&std::fs::read(&file)?)?;
    let folder = tempfile::tempdir()?;
    let git = folder.path().join("git");
    std::fs::write(&git, GIT)?;
    std::fs::set_permissions(&git, PermissionsExt::from_mode(0o755))?;
    let notes = folder.path().join("notes");
    for case in &mut all {
        let _ = std::fs::remove_file(&notes);
        let text = format!("components: [{}]\n", serde_json::to_string(&case.url)?);
        std::fs::write(folder.path().join("kustomization.yaml"), text)?;
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let output = Command::new(program)
            .args(["build", "."])
            .current_dir(folder.path())
            .env("PATH", path)
            .env("GIT_NOTES", &notes)
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        case.split = std::fs::read_to_string(&notes).ok().map(|noted| split(&noted, &told)).transpose()?;
    }
    std::fs::write(file, serde_json::to_string_pretty(&all)? + "\n")?;
    println!("{} URLs", all.len());
    Ok(())
}

/// From what git was told, and the folder that the original then did not find.
fn split(notes: &str, told: &str) -> anyhow::Result<Split> {
    let line = |start: &str| notes.lines().find_map(|line| line.strip_prefix(start));
    let url = line("remote add origin ").context("no remote was added")?;
    let reference = line("fetch --depth=1 ").and_then(|rest| rest.strip_prefix(url)).context("nothing was fetched")?;
    let after = told.split_once("/kustomize-").map_or("", |(_, rest)| rest);
    let folder = after.split(['\'', '"', ':']).next().unwrap_or_default();
    let folder = folder.split_once('/').map_or("", |(_, folder)| folder);
    // Without a folder the clone itself has no kustomization.
    let folder = if told.contains("unable to find one of") { "" } else { folder };
    let submodules = notes.contains("submodule update");
    let (url, reference) = (url.to_owned(), reference.trim().to_owned());
    Ok(Split { url, reference, folder: folder.to_owned(), submodules })
}

/// Builds each case with its repositories made by git.
pub fn builds(program: &str) -> anyhow::Result<()> {
    let all = cases()?;
    for case in &all {
        let home = tempfile::tempdir()?;
        let repositories = home.path().join("repositories").canonicalize().unwrap_or(home.path().join("repositories"));
        let place = repositories.display().to_string();
        let placed = |text: &str| text.replace(REPOSITORIES, &place);
        copy(&case.join("input"), &home.path().join("input"), &placed)?;
        for name in std::fs::read_dir(case.join("repositories"))? {
            let name = name?.file_name();
            let to = repositories.join(&name);
            copy(&case.join("repositories").join(&name), &to, &placed)?;
            for words in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-qm", "x"], &["tag", "v1"]] {
                let mut git = Command::new("git");
                git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(words).current_dir(&to);
                ensure!(git.status()?.success(), "git {words:?}");
            }
        }
        let output = Command::new(program).args(["build", "input"]).current_dir(home.path()).output()?;
        for name in ["expect.yaml", "expect.err"] {
            let _ = std::fs::remove_file(case.join(name));
        }
        let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&place, REPOSITORIES);
        if output.status.success() {
            std::fs::write(case.join("expect.yaml"), plain(&output.stdout))?;
        } else {
            let text = plain(&output.stderr).replace(&home.path().display().to_string(), "");
            let text = match text.split_once("/kustomize-") {
                // The name of the clone's folder is another each time.
                Some((before, _)) => format!("{before}/kustomize-..."),
                None => text,
            };
            std::fs::write(case.join("expect.err"), text.trim_end().to_owned() + "\n")?;
        }
    }
    println!("{} remote builds", all.len());
    Ok(())
}
