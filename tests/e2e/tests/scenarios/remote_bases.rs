//! Remote bases of `weir kustomize build`, from servers on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use weir_e2e::weir;
use weir_testkit::{GitHttp, GitRepo};

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

fn build(kustomization: &str) -> weir_e2e::Ended {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kustomization.yaml"), kustomization).unwrap();
    weir(&["kustomize", "build", &dir.path().display().to_string()])
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
fn what_cannot_be_fetched_is_told_with_its_place() {
    let repo = GitRepo::new(&[("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", OBJECT)]);
    let server = GitHttp::serve(repo.path());
    let files = serve(OBJECT);
    for (entry, told) in [
        (format!("{}?ref=v9", server.url(".git")), "couldn't find remote ref"),
        (format!("{}//zzz", server.url(".git")), "'zzz' in the repository, which does not exist"),
        (format!("{files}/missing.yaml"), "the server answers 404"),
        ("ssh://git@127.0.0.1:1/a/b".to_owned(), "an ssh URL needs a private key"),
        ("http://user:hunter2@127.0.0.1:1/a.yaml".to_owned(), "cannot be fetched"),
    ] {
        let ended = build(&format!("resources:\n- '{entry}'\n"));
        assert_eq!(ended.code, Some(1), "{entry}");
        assert!(ended.stderr.contains(told) && ended.stderr.contains("kustomization.yaml:2"), "{entry}: {ended:?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
}
