use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A repository with one branch, `main`.
pub struct GitRepo {
    dir: tempfile::TempDir,
}

impl GitRepo {
    /// One without a commit.
    pub fn empty() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q", "-b", "main", "."]);
        repo
    }

    pub fn new(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        repo.commit(files, &[], "first");
        repo
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes and removes files and commits; returns the commit's id.
    pub fn commit(&self, write: &[(&str, &str)], remove: &[&str], message: &str) -> String {
        for (path, text) in write {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        for path in remove {
            std::fs::remove_file(self.path().join(path)).unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A pack of these objects alone.
    pub fn pack(&self, ids: &[&str]) -> Vec<u8> {
        self.fed(&["pack-objects", "--stdout", "-q"], &format!("{}\n", ids.join("\n")))
    }

    /// A tree of these entries, whatever their names.
    pub fn hash_tree(&self, entries: &str) -> String {
        String::from_utf8(self.fed(&["mktree"], entries)).unwrap().trim().to_owned()
    }

    fn fed(&self, args: &[&str], input: &str) -> Vec<u8> {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}");
        output.stdout
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
