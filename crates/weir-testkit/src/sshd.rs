use crate::SshKey;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// The real OpenSSH server on loopback, for the current user and a folder of Git repositories. Each
/// connection gets a process of its own, with the configuration of that moment; all end with this.
pub struct Sshd {
    port: u16,
    user: String,
    root: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    dir: tempfile::TempDir,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    host_keys: Vec<SshKey>,
    config: String,
    cut_after: Option<usize>,
    children: Vec<Child>,
    is_over: bool,
}

impl Sshd {
    /// Serves the repositories below a folder to those who have one of the keys.
    pub fn start(root: &Path, host_keys: &[&SshKey], authorized: &[&SshKey]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lines: String = authorized.iter().map(|key| format!("{}\n", key.public)).collect();
        std::fs::write(dir.path().join("authorized_keys"), lines).unwrap();
        // Where it is root, the server insists on this folder; otherwise it needs none.
        let _ = std::fs::create_dir_all("/run/sshd");
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { dir, state: Mutex::default() });
        let server = Self { port, user: user(), root: root.to_owned(), shared: shared.clone() };
        server.set_host_keys(host_keys);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !shared.answer(stream) {
                    break;
                }
            }
        });
        server
    }

    /// The URL of a repository below the root.
    pub fn url(&self, path: &str) -> String {
        format!("ssh://{}@127.0.0.1:{}{}/{path}", self.user, self.port, self.root.display())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    /// What a client has to know of it.
    pub fn known_hosts(&self) -> String {
        let keys = &self.shared.state.lock().unwrap().host_keys;
        keys.iter().map(|key| format!("[127.0.0.1]:{} {}\n", self.port, key.public)).collect()
    }

    /// It is somebody else for the connections that follow.
    pub fn set_host_keys(&self, keys: &[&SshKey]) {
        let mut state = self.shared.state.lock().unwrap();
        state.host_keys = keys.iter().map(|key| (*key).clone()).collect();
        for (index, key) in keys.iter().enumerate() {
            key.write(&self.shared.dir.path().join(format!("host-{index}")));
        }
    }

    /// Lines of `sshd_config` for the connections that follow.
    pub fn configure(&self, lines: &str) {
        lines.clone_into(&mut self.shared.state.lock().unwrap().config);
    }

    /// The connections that follow are cut when the server has sent that much.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.state.lock().unwrap().cut_after = Some(bytes);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock().unwrap();
        state.is_over = true;
        for child in &mut state.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(state);
        // The one who accepts sees it with the next connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// Whether to go on.
    fn answer(&self, stream: TcpStream) -> bool {
        let mut state = self.state.lock().unwrap();
        if state.is_over {
            return false;
        }
        let config = self.dir.path().join("sshd_config");
        std::fs::write(&config, self.config(&state)).unwrap();
        let socket: OwnedFd = match state.cut_after {
            None => stream.into(),
            Some(bytes) => cut(stream, bytes).into(),
        };
        let output = socket.try_clone().unwrap();
        let child = Command::new(program())
            .args(["-i", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::from(socket))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        state.children.retain_mut(|child| child.try_wait().is_ok_and(|ended| ended.is_none()));
        state.children.push(child);
        true
    }

    fn config(&self, state: &State) -> String {
        let dir = self.dir.path().display();
        // The first value of a setting is the one that counts.
        let mut text = format!("{}\n", state.config);
        for index in 0..state.host_keys.len() {
            writeln!(text, "HostKey {dir}/host-{index}").unwrap();
        }
        writeln!(
            text,
            "AuthorizedKeysFile {dir}/authorized_keys\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\nPidFile none\nUseDNS no"
        )
        .unwrap();
        text
    }
}

/// The server's end of a connection that is cut after so many bytes of its own.
fn cut(client: TcpStream, bytes: usize) -> UnixStream {
    let (server, end) = UnixStream::pair().unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), end.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::thread::spawn(move || {
        let mut client = client;
        let mut left = end.take(bytes as u64);
        let _ = std::io::copy(&mut left, &mut client).and_then(|_| client.flush());
        let _ = client.shutdown(Shutdown::Both);
        let _ = left.into_inner().shutdown(Shutdown::Both);
    });
    server
}

/// It has to be named by its whole path.
fn program() -> &'static str {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
    places
        .into_iter()
        .find(|place| Path::new(place).exists())
        .expect("sshd is installed: apt-get install openssh-server")
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
