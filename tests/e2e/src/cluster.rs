use crate::installed::{self, Audit};
use crate::up::{Ended, Up, program};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use weir_testkit::{Kubectl, Kubed, eventually};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sandbox,
    KubeApiserver,
}

/// The cluster of one scenario.
pub struct Cluster {
    pub backend: Backend,
    kubeconfig: PathBuf,
    data_dir: Option<tempfile::TempDir>,
    /// What the controllers are denied as themselves, on the real one.
    audit: Option<Audit>,
    /// Of the messages of denials that the scenario brings about on purpose.
    attacks: Mutex<Vec<String>>,
    /// The real one is shared: one scenario at a time.
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Cluster {
    /// An embedded cluster of its own, kept across the runs of the scenario.
    pub fn sandbox() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        Self {
            backend: Backend::Sandbox,
            kubeconfig,
            data_dir: Some(dir),
            audit: None,
            attacks: Mutex::default(),
            _turn: None,
        }
    }

    /// The real control plane, started once and left clean by every scenario.
    pub fn kube_apiserver() -> Self {
        static SHARED: OnceLock<Kubed> = OnceLock::new();
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let kubeconfig = SHARED.get_or_init(Kubed::start).kubeconfig().to_owned();
        let mut cluster = Self {
            backend: Backend::KubeApiserver,
            kubeconfig,
            data_dir: None,
            audit: None,
            attacks: Mutex::default(),
            _turn: Some(turn),
        };
        cluster.clean();
        installed::ensure(&cluster.kubeconfig);
        cluster.audit = Some(Audit::open(&cluster.kubeconfig));
        cluster
    }

    /// Takes away what is installed on the real one, for a scenario that installs by itself.
    pub fn bare(&self) {
        if self.backend == Backend::KubeApiserver {
            installed::take_away(&self.kubectl());
        }
    }

    /// Denials whose message has this in it are brought about on purpose.
    pub fn attacks(&self, message: &str) {
        self.attacks.lock().unwrap().push(message.to_owned());
    }

    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubeconfig)
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A cluster with Flux's kinds and without controllers, for as long as the answer lives.
    pub fn served(&self) -> Option<Up> {
        let kubectl = self.kubectl();
        let server = self.data_dir.as_ref().map(|dir| Up::serve(dir.path()));
        if server.is_none() {
            let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/crd").display().to_string();
            kubectl.run(&["apply", "--server-side", "--force-conflicts", "-f", &definitions]).unwrap();
        }
        eventually("the cluster answers", || kubectl.run(&["get", "kustomizations,gitrepositories", "-A"]));
        server
    }

    /// Starts `weir up SOURCE ARGS` and waits until the cluster answers.
    pub fn up(&self, source: &Path, args: &[&str]) -> Up {
        let up = Up::start(source, &[&self.flags()[..], args].concat());
        eventually("the cluster answers", || self.kubectl().run(&["get", "kustomizations", "-A"]));
        up
    }

    /// Runs `weir up --once SOURCE ARGS` to its end.
    pub fn once(&self, source: &Path, args: &[&str]) -> Ended {
        Up::start(source, &[&self.flags()[..], &["--once"], args].concat()).wait()
    }

    /// Runs a line of a shell in which `weir` is ours and the cluster is this one.
    pub fn shell(&self, line: &str) -> Ended {
        let own = line.replacen("weir ", &format!("{} ", program().display()), 1);
        let mut command = Command::new("sh");
        command.args(["-c", &own]).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        Ended::of(command.output().unwrap())
    }

    fn flags(&self) -> Vec<&str> {
        match &self.data_dir {
            Some(dir) => vec!["--data-dir", dir.path().to_str().unwrap()],
            None => vec!["--kubeconfig", self.kubeconfig.to_str().unwrap()],
        }
    }

    /// Waits until a Flux object's Ready condition has a status, and returns the object.
    pub fn ready(&self, kind: &str, namespace: &str, name: &str, status: &str) -> Value {
        eventually(&format!("{kind}/{namespace}/{name} has Ready={status}"), || {
            let object = self.kubectl().json(&["get", kind, "-n", namespace, name])?;
            let ready = condition(&object, "Ready").cloned().unwrap_or_default();
            let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if ready["status"] == status && (observed || status != "True") {
                Ok(object)
            } else {
                Err(ready.to_string())
            }
        })
    }

    /// Waits until a Flux object is not ready for a reason, and returns the message of the condition.
    pub fn fails(&self, kind: &str, namespace: &str, name: &str, reason: &str) -> String {
        eventually(&format!("{kind}/{namespace}/{name} fails with {reason}"), || {
            let object = self.kubectl().json(&["get", kind, "-n", namespace, name])?;
            let ready = condition(&object, "Ready").cloned().unwrap_or_default();
            match ready["status"] == "False" && ready["reason"] == reason {
                true => Ok(text(&ready["message"])),
                false => Err(ready.to_string()),
            }
        })
    }

    /// Waits until the Kustomization made by `weir up` has applied a commit.
    pub fn applied(&self, commit: &str) -> Value {
        eventually(&format!("commit {commit} is applied"), || {
            let object = self.kubectl().json(&["get", "kustomization", "-n", "flux-system", "flux-system"])?;
            let applied = object["status"]["lastAppliedRevision"].as_str().unwrap_or_default().to_owned();
            if applied.ends_with(commit) { Ok(object) } else { Err(object["status"].to_string()) }
        })
    }

    pub fn exists(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.kubectl().run(&["get", kind, "-n", namespace, name]).is_ok()
    }

    /// Removes what the scenarios make: they all use namespaces labelled `e2e`, and flux-system.
    fn clean(&self) {
        let kubectl = self.kubectl();
        let kinds =
            "kustomizations,gitrepositories,ocirepositories,buckets,helmrepositories,helmcharts,helmreleases,alerts";
        let list = kubectl.json(&["get", kinds, "-A"]).unwrap_or_default();
        for item in list["items"].as_array().into_iter().flatten() {
            let kind = format!("{}.{}", text(&item["kind"]), text(&item["apiVersion"]).split('/').next().unwrap());
            let (namespace, name) = (text(&item["metadata"]["namespace"]), text(&item["metadata"]["name"]));
            let nobody_runs = r#"{"metadata":{"finalizers":null}}"#;
            let _ = kubectl.run(&["patch", &kind, "-n", &namespace, &name, "--type=merge", "-p", nobody_runs]);
            let _ = kubectl.run(&["delete", &kind, "-n", &namespace, &name, "--ignore-not-found"]);
        }
        kubectl.run(&["delete", "namespace,clusterrolebinding", "-l", "e2e", "--wait=true", "--timeout=300s"]).unwrap();
        // What is installed stays there.
        let made = "configmaps,secrets,services,deployments,persistentvolumeclaims,jobs,networkpolicies,leases,events";
        let _ = kubectl.run(&["delete", made, "-n", installed::HOME, "--all", "--wait=true"]);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(audit) = self.audit.take().filter(|_| !std::thread::panicking()) else { return };
        let attacks = self.attacks.lock().unwrap();
        let attacks: Vec<&str> = installed::ATTACKS.into_iter().chain(attacks.iter().map(String::as_str)).collect();
        let (denied, _) = audit.read(&attacks);
        assert_eq!(denied, Default::default(), "what a controller is denied as itself");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A condition of an object.
pub fn condition<'o>(object: &'o Value, kind: &str) -> Option<&'o Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind)
}
