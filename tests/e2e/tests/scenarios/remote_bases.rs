//! Remote bases of `weir kustomize build`, from servers on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use weir_e2e::Ended;
use weir_testkit::{GitHttp, GitRepo, SshAgent, SshKey, Sshd};

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// A server of one file, behind a redirect.
fn serve(content: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let answer = match first.split(' ').nth(1) {
                Some("/moved.yaml") => "302 Found\r\nLocation: /a.yaml\r\nContent-Length: 0\r\n\r\n".to_owned(),
                Some("/a.yaml") => format!("200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len()),
                _ => "404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
        }
    });
    format!("http://{address}")
}

/// By a user without keys.
fn build(kustomization: &str) -> Ended {
    build_as(tempfile::tempdir().unwrap().path(), None, kustomization)
}

/// By the user with this home and agent.
fn build_as(home: &Path, agent: Option<&Path>, kustomization: &str) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kustomization.yaml"), kustomization).unwrap();
    let mut weir = Command::new(weir_e2e::program());
    weir.args(["kustomize", "build"]).arg(dir.path()).env("HOME", home).env_remove("SSH_AUTH_SOCK");
    agent.map(|agent| weir.env("SSH_AUTH_SOCK", agent));
    Ended::of(weir.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn repositories_and_files_are_fetched() {
    let repo = GitRepo::new(&[
        ("app/kustomization.yaml", "resources: [../base]\nnamePrefix: old-\n"),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", OBJECT),
    ]);
    repo.git(&["tag", "v1"]);
    let commit = repo.commit(&[("app/kustomization.yaml", "resources: [../base]\nnamePrefix: new-\n")], &[], "second");
    let server = GitHttp::serve(repo.path());
    let files = serve(OBJECT);
    for (query, name) in
        [("?ref=v1", "old-a"), ("", "new-a"), ("?ref=main", "new-a"), (&format!("?ref={commit}"), "new-a")]
    {
        let text = format!(
            "resources:\n- {}//app{query}\n- {files}/moved.yaml\nbuildMetadata: [originAnnotations]\n",
            server.url(".git")
        );
        let ended = build(&text);
        assert_eq!(ended.code, Some(0), "{query}: {ended:?}");
        assert!(ended.stdout.contains(&format!("name: {name}\n")), "{query}: {}", ended.stdout);
        assert!(ended.stdout.contains("path: base/a.yaml"), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("repo: {}\n", server.url(".git"))), "{}", ended.stdout);
    }
    let local = format!("resources: ['file://{}//app?ref=v1']\n", repo.path().display());
    assert!(build(&local).stdout.contains("name: old-a\n"), "a repository of the disk");
}

#[test]
fn a_command_uses_its_users_keys() {
    let repo = GitRepo::new(&[("app/kustomization.yaml", "resources: [a.yaml]\n"), ("app/a.yaml", OBJECT)]);
    let (host, key) = (SshKey::new("ed25519"), SshKey::new("ed25519"));
    let server = Sshd::start(repo.path(), &[&host], &[&key]);
    let text = format!("resources:\n- {}//app\n", server.url(".git"));
    let home = tempfile::tempdir().unwrap();
    let ssh = home.path().join(".ssh");
    std::fs::create_dir(&ssh).unwrap();
    let agent = SshAgent::start();
    let unknown = build_as(home.path(), Some(agent.socket()), &text);
    assert!(unknown.stderr.contains("the host key of") && unknown.stderr.contains("is not trusted"), "{unknown:?}");
    std::fs::write(ssh.join("known_hosts"), server.known_hosts()).unwrap();
    SshKey::new("rsa").write(&ssh.join("id_rsa"));
    let refused = build_as(home.path(), None, &text);
    assert!(refused.code == Some(1) && refused.stderr.contains("refused the key SHA256:"), "{refused:?}");
    agent.add(&key);
    assert!(build_as(home.path(), Some(agent.socket()), &text).stdout.contains("name: a\n"), "by the agent");
    key.write(&ssh.join("id_ed25519"));
    assert!(build_as(home.path(), None, &text).stdout.contains("name: a\n"), "by a file");
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_place() {
    let repo = GitRepo::new(&[("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", OBJECT)]);
    let server = GitHttp::serve(repo.path());
    let files = serve(OBJECT);
    for (entry, told) in [
        (format!("{}?ref=v9", server.url(".git")), "couldn't find remote ref"),
        (format!("{}//zzz", server.url(".git")), "'zzz' in the repository, which does not exist"),
        (format!("{files}/missing.yaml"), "the server answers 404"),
        (
            "ssh://git@127.0.0.1:1/a/b".to_owned(),
            "there is no key for ssh: neither an agent ($SSH_AUTH_SOCK) nor one of ~/.ssh/id_rsa",
        ),
        ("http://user:hunter2@127.0.0.1:1/a.yaml".to_owned(), "cannot be fetched"),
    ] {
        let ended = build(&format!("resources:\n- '{entry}'\n"));
        assert_eq!(ended.code, Some(1), "{entry}");
        assert!(ended.stderr.contains(told) && ended.stderr.contains("kustomization.yaml:2"), "{entry}: {ended:?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
}
