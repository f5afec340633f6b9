//! `weir sops`, without a cluster.

use std::path::Path;
use std::process::{Command, Output};
use weir_e2e::program;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sops.md");
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/sops/keys");
const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: db\nstringData:\n    password: hunter2\n";

/// A folder with a Secret, and a rule for the key `age-a`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let recipient = recipient("age-a");
    let rule = format!("creation_rules:\n- encrypted_regex: ^(data|stringData)$\n  age: {recipient}\n");
    std::fs::write(folder.path().join(".sops.yaml"), rule).unwrap();
    std::fs::write(folder.path().join("db.yaml"), PLAIN).unwrap();
    folder
}

fn recipient(key: &str) -> String {
    let text = std::fs::read_to_string(format!("{KEYS}/{key}.agekey")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
}

fn shell(folder: &Path, key: &str, line: &str) -> Output {
    let programs = program().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut sh = Command::new("sh");
    sh.args(["-c", line]).current_dir(folder).env("PATH", path).env("HOME", folder).env_remove("XDG_CONFIG_HOME");
    sh.env("SOPS_AGE_KEY_FILE", format!("{KEYS}/{key}.agekey")).output().unwrap()
}

#[test]
fn the_guide_works() {
    let folder = folder();
    let page = std::fs::read_to_string(PAGE).unwrap();
    let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(lines.len() > 5);
    for line in lines {
        let done = shell(folder.path(), "age-a", line);
        assert!(done.status.success(), "{line}: {done:?}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("plain.yaml"), PLAIN);
    assert!(read("plain.json").contains("\"password\": \"hunter2\""));
    assert!(!read("db.yaml").contains("hunter2"));
}

#[test]
fn keys_come_and_go_and_a_failure_says_what_is_wanted() {
    let folder = folder();
    let run = |key: &str, line: &str| {
        let done = shell(folder.path(), key, line);
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (a, b) = (recipient("age-a"), recipient("age-b"));
    assert_eq!(run("age-a", "weir sops encrypt -i db.yaml").0, Some(0));
    let (code, _, error) = run("age-b", "weir sops decrypt db.yaml");
    assert_eq!(code, Some(1));
    assert!(error.contains("db.yaml:") && error.contains(&format!("any of {a}")), "{error}");
    assert!(error.contains(&format!("held are {b}")) && !error.contains("SECRET"), "{error}");

    assert_eq!(run("age-a", &format!("weir sops rotate -i --add-age {b} --rm-age {a} db.yaml")).0, Some(0));
    assert_eq!(run("age-b", "weir sops decrypt db.yaml").1, PLAIN);
    assert_eq!(run("age-b", "weir sops updatekeys -y db.yaml").1, "db.yaml: keys updated\n");
    assert_eq!(run("age-a", "weir sops updatekeys db.yaml").1, "db.yaml: already up to date\n");

    run("age-a", "sed -i 's/name: db/name: dc/' db.yaml");
    let (code, out, error) = run("age-a", "weir sops decrypt db.yaml");
    assert!(code == Some(1) && out.is_empty() && error.contains("the MAC does not fit the file"), "{error}");
    assert!(run("age-a", "weir sops decrypt --ignore-mac db.yaml").1.contains("name: dc"));
}

#[test]
fn any_bytes_pass_through_a_pipe() {
    let folder = folder();
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(folder.path().join("blob"), &bytes).unwrap();
    let line = "cat blob | weir sops encrypt - | weir sops decrypt -";
    let done = shell(folder.path(), "age-a", line);
    assert_eq!(done.stdout, bytes, "{done:?}");
}
