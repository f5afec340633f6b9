use crate::installed;
use crate::process::Process;
use crate::up::program;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use weir_testkit::eventually;

/// A running `weir controller`. Dropping it kills it.
pub struct Controller {
    child: Option<Child>,
    pub metrics: u16,
    pub health: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Controller {
    /// Starts `weir controller COMMAND ARGS` against the cluster of a kubeconfig, on ports of its own. On the real API
    /// server with the rights of its own account, if it is one controller alone; a kustomize controller then applies as the
    /// tenant of each namespace.
    pub fn start(kubeconfig: &Path, command: &str, args: &[&str]) -> Self {
        Self::start_with(&[], kubeconfig, command, args)
    }

    /// The same with variables in its environment.
    pub fn start_with(env: &[(&str, &str)], kubeconfig: &Path, command: &str, args: &[&str]) -> Self {
        let Some(own) = installed::kubeconfig(kubeconfig, command) else {
            return Self::spawn("default", env, kubeconfig, command, args);
        };
        let tenant = format!("--default-service-account={}", installed::TENANT);
        let is_named = args.iter().any(|arg| arg.starts_with("--default-service-account"));
        let tenant = (command == "kustomize" && !is_named).then_some(tenant.as_str());
        let args: Vec<&str> = tenant.into_iter().chain(args.iter().copied()).collect();
        Self::spawn(installed::HOME, env, &own, command, &args)
    }

    /// Starts one as a pod of a namespace, with the rights of the kubeconfig.
    pub fn start_in(namespace: &str, kubeconfig: &Path, command: &str, args: &[&str]) -> Self {
        Self::spawn(namespace, &[], kubeconfig, command, args)
    }

    fn spawn(namespace: &str, env: &[(&str, &str)], kubeconfig: &Path, command: &str, args: &[&str]) -> Self {
        let (metrics, health) = (free_port(), free_port());
        let mut child = Command::new(program())
            .args(["controller", command])
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--metrics-addr=127.0.0.1:{metrics}"))
            .arg(format!("--health-addr=127.0.0.1:{health}"))
            .args(args)
            .env("RUNTIME_NAMESPACE", namespace)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, sink) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self { child: Some(child), metrics, health, log }
    }

    /// The lines of the log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// How many lines of the log have this in them.
    pub fn logged(&self, what: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(what)).count()
    }

    pub fn process(&self) -> Process {
        Process::new(self.child.as_ref().map(Child::id).unwrap())
    }

    /// How many requests it has made to the API server, watches included.
    pub fn requests(&self) -> u64 {
        self.requests_with("")
    }

    /// Those whose series has this in its labels, such as `method="PATCH"`.
    pub fn requests_with(&self, label: &str) -> u64 {
        let metrics = http_get(self.metrics, "/metrics").unwrap();
        let is_wanted = |line: &&str| line.starts_with("rest_client_requests_total{") && line.contains(label);
        let series = metrics.lines().filter(is_wanted);
        series.map(|line| line.rsplit_once(' ').unwrap().1.trim().parse::<u64>().unwrap()).sum()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end, as the kubelet does, and waits for its end.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// Stops it where it stands, as a paused machine does.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until the log has a line with this in it.
    pub fn says(&self, what: &str) {
        eventually(&format!("the log says '{what}'"), || {
            let log = self.log();
            if log.iter().any(|line| line.contains(what)) { Ok(()) } else { Err(log.join("\n")) }
        });
    }

    /// Waits for its own end.
    pub fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.take().unwrap().wait().unwrap().code();
        let log = self.log.clone();
        let complete = eventually("the log is complete", || {
            // The reader's clone goes with the last line.
            let lines = log.lock().unwrap().clone();
            if Arc::strong_count(&log) <= 2 { Ok(lines) } else { Err("still being read") }
        });
        (code, complete)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// What a path on loopback is answered with: the whole answer, head and body.
pub fn http_get(port: u16, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    Ok(answer)
}
