//! What Flux's own packages make of Git repositories and of ignore rules; `cargo xtask conformance
//! --rerun` asks them again.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use serde::Deserialize;
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_artifact::ignore::Rules;
use weir_base::{Budget, Diagnose};
use weir_conformance::root;
use weir_git::{Access, Limits, Reference, Remote, Selection};
use weir_testkit::GitHttp;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Makes the repository `repo` in an empty folder.
    script: String,
    #[serde(default, rename = "ref")]
    reference: BTreeMap<String, String>,
    #[serde(default)]
    sparse: Vec<String>,
    #[serde(default)]
    submodules: bool,
    ignore: Option<String>,
    expect: Expect,
    /// Why our answer is another one on purpose.
    #[serde(default)]
    differs: String,
}

/// The artifact: its revision, and mode, digest and path of each file.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Expect {
    revision: String,
    files: Vec<String>,
    error: bool,
}

#[derive(Deserialize)]
struct Ignored {
    files: BTreeMap<String, String>,
    ignore: Option<String>,
    kept: Vec<String>,
}

fn made(script: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let date = "2026-01-01T00:00:00Z";
    let output = Command::new("bash")
        .args(["-euc", script])
        .current_dir(dir.path())
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.com"), ("GIT_AUTHOR_DATE", date)])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@example.com"), ("GIT_COMMITTER_DATE", date)])
        .envs([
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "protocol.file.allow"),
            ("GIT_CONFIG_VALUE_0", "always"),
        ])
        .envs([("GIT_CONFIG_KEY_1", "init.defaultBranch"), ("GIT_CONFIG_VALUE_1", "main")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    dir
}

fn answer(case: &Case, dir: &Path) -> Result<Expect, String> {
    let server = GitHttp::serve(dir);
    let given = |key: &str| case.reference.get(key).cloned();
    let reference = Reference {
        branch: given("branch"),
        tag: given("tag"),
        semver: given("semver"),
        name: given("name"),
        commit: given("commit"),
    };
    let selection = Selection { sparse: case.sparse.clone(), submodules: case.submodules, ..Selection::default() };
    let stop = Arc::new(AtomicBool::new(false));
    let told = |error: weir_git::GitError| error.report().to_string();
    // The URL has no `.git`, so that a submodule's `../lib` is beside it as on the disk.
    let remote = Remote::new(&server.url("repo"), Access::default(), Limits::default(), stop).map_err(told)?;
    let (resolved, snapshot) = remote.fetch(&reference, &selection, &Budget::standard()).map_err(told)?;
    if let Some(cheap) = remote.resolve(&reference).map_err(told)? {
        assert_eq!(cheap.revision, resolved.revision, "{}: the cheap look sees the same", case.name);
    }
    let read = |entry| snapshot.read(entry).map_err(told);
    let mut rules = Vec::new();
    for entry in snapshot.entries().iter().filter(|entry| weir_artifact::ignore::is_rules(&entry.path)) {
        rules.push((entry.path.as_str(), String::from_utf8(read(entry)?).unwrap()));
    }
    let rules = Rules::new(rules.iter().map(|(path, text)| (*path, text.as_str())), case.ignore.as_deref());
    let mut files = Vec::new();
    for entry in snapshot.entries().iter().filter(|entry| rules.keeps(&entry.path)) {
        let mode = if entry.is_executable { "0700" } else { "0600" };
        let digest: String = Sha1::digest(read(entry)?).iter().map(|byte| format!("{byte:02x}")).collect();
        files.push(format!("{mode} {digest} {}", entry.path));
    }
    Ok(Expect { revision: resolved.revision, files, error: false })
}

#[test]
fn repositories() {
    let text = std::fs::read_to_string(root("git").join("cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    let mut differences = 0;
    for case in &cases {
        let dir = made(&case.script);
        let found = answer(case, dir.path());
        let same = match &found {
            Ok(found) => *found == case.expect,
            Err(_) => case.expect.error,
        };
        if same != case.differs.is_empty() {
            differences += 1;
            println!("{}:\n  expected {:?}\n  found    {found:?}\n  {}", case.name, case.expect, case.differs);
        }
    }
    println!("{} cases, {differences} differences", cases.len());
    assert_eq!(differences, 0, "see above");
}

#[test]
fn ignore_rules() {
    let text = std::fs::read_to_string(root("git").join("ignore.json")).unwrap();
    let cases: Vec<Ignored> = serde_json::from_str(&text).unwrap();
    let mut differences = 0;
    for (at, case) in cases.iter().enumerate() {
        let files = case.files.iter().filter(|(path, _)| weir_artifact::ignore::is_rules(path));
        let rules = Rules::new(files.map(|(path, text)| (path.as_str(), text.as_str())), case.ignore.as_deref());
        let mut kept: Vec<&str> = case.files.keys().map(String::as_str).filter(|path| rules.keeps(path)).collect();
        kept.sort_by(|one, other| weir_base::tree::walk_order(one, other));
        if kept != case.kept {
            differences += 1;
            println!("{at}: {:?} {:?}\n  expected {:?}\n  found    {kept:?}", case.files, case.ignore, case.kept);
        }
    }
    println!("{} cases, {differences} differences", cases.len());
    assert_eq!(differences, 0, "see above");
}
